#pragma once
// What is varied in a comparison: variants of an experiment, as combinations of values.

#include <span>
#include <string>
#include <vector>

#include "config/spec.hpp"

namespace reluscope {

/// One variant: a name for people, the values of what is varied, and the overrides that make it.
struct Variant {
  std::string name;  ///< "elu", or "activation=elu, lr=0.1" where several things are varied
  std::vector<std::string> settings;
  std::vector<std::string> overrides;
};

struct Variation {
  std::vector<std::string> keys;
  std::vector<Variant> variants;
};

inline constexpr std::int64_t kMostCompared = 1'000'000;

/// Variants from words like "network.layers.*.activation=relu,elu" (a comma within brackets, braces or quotes does not
/// separate): every combination, the first value of each in the first one. Throws UsageError.
Variation parse_variation(std::span<const std::string> words);

/// The keys of the variations that follow, as users would give them.
inline constexpr const char* kActivationKey = "network.layers.*.activation";
inline constexpr const char* kRateKey = "train.optimizer.lr";
/// What is tried where nothing is said: ReLU, and the usual cures of its deaths.
inline const std::vector<std::string> kUsualActivations = {"relu", "leaky_relu", "prelu", "elu"};

/// A variant for each of these activations of the hidden layers; of an empty list the usual ones, but those that
/// weights of a file do not fit. Throws UsageError for one that there is not, and one that does not fit.
Variation vary_activations(const ExperimentSpec& spec, std::span<const std::string> activations);
/// Each variant at each of these learning rates.
Variation with_rates(const Variation& variation, std::span<const std::string> rates);
/// Rates from "0.1,0.01"; of nothing five of them, from a tenth of the config's rate to ten times it.
/// Throws UsageError for what is no number above 0.
std::vector<std::string> rates_to_try(const ExperimentSpec& spec, const std::string& list);

/// "elu" for a value of one thing that is varied; "activation=elu, lr=0.1" for several.
std::string setting_name(std::span<const std::string> names, std::span<const std::string> values);

/// Cuts at commas outside of brackets, braces and quotes.
std::vector<std::string> split_values(const std::string& text);

}  // namespace reluscope
