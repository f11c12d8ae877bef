#pragma once
// What may cure a finding: changes to a config, in one table. The rules name the ones that go with them.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/spec.hpp"
#include "data/dataset.hpp"
#include "diagnose/diagnosis.hpp"
#include "util/param.hpp"

namespace reluscope {

/// What a remedy asks of the data.
struct PatientFacts {
  std::int64_t train_samples = 0;
  Task task = Task::classification;
  Shape input;  ///< of a sample
};
PatientFacts facts_of(const Dataset& dataset);

struct RemedyEntry : Entry {
  /// KEY=VALUE changes for this experiment; none where it has the remedy already, or cannot take it.
  std::vector<std::string> (*changes)(const ExperimentSpec& spec, const PatientFacts& data) = nullptr;
};

/// leaky_relu, he_normal, smaller_lr, warmup, …
std::span<const RemedyEntry> remedy_table();

/// The changes that give every hidden layer this activation; those that have it stay as they are, with the parameters
/// that the config gives them.
std::vector<std::string> activation_changes(const ExperimentSpec& spec, const std::string& name);
/// Whether the file of network.init_from, if there is one, has the parameters of a network with this activation:
/// prelu's slopes, for one.
bool fits_weights_file(const ExperimentSpec& spec, const std::string& name);

/// A remedy, or several together, for one experiment.
struct Treatment {
  std::vector<std::string> remedies;       ///< names
  std::vector<std::string> changes;        ///< KEY=VALUE
  [[nodiscard]] std::string name() const;  ///< "smaller_lr + warmup"
};

/// The remedies called `names` that apply, in this order.
std::vector<Treatment> treatments(std::span<const std::string> names, const ExperimentSpec& spec,
                                  const PatientFacts& data);
/// Leaves each finding the remedies that apply to this experiment, with their changes.
void advise(Diagnosis& diagnosis, const ExperimentSpec& spec, const PatientFacts& data);
/// Both at once; nullopt if they change the same key.
std::optional<Treatment> combine(const Treatment& first, const Treatment& second);

}  // namespace reluscope
