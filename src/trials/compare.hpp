#pragma once
// The same experiment in several variants, paired by seed: same initial weights where shapes allow, same batches.

#include <string>
#include <vector>

#include "trials/fleet.hpp"
#include "util/statistics.hpp"

namespace reluscope {

/// One variant: a name for people, the values of what is varied, and the overrides that make it.
struct Variant {
  std::string name;
  std::vector<std::string> settings;
  std::vector<std::string> overrides;
};

/// Variants from words like "network.layers.*.activation=relu,elu" (a comma within brackets, braces or quotes does not
/// separate): every combination, the first value of each in the first one. Throws UsageError.
struct Variation {
  std::vector<std::string> keys;
  std::vector<Variant> variants;
};
Variation parse_variation(std::span<const std::string> words);

/// Every variant with the seeds first_seed, first_seed + 1, …; a seed's jobs are neighbours. Identified.
std::vector<Job> comparison_jobs(const ConfigSource& source, const Variation& variation,
                                 const std::vector<std::string>& overrides, std::uint64_t first_seed,
                                 std::int64_t seeds);

/// A figure that variants are compared by.
struct Metric {
  std::string name;
  std::string doc;
  bool larger_is_better = false;
  double scale = 1.0;                             ///< for people: 100 for what is shown as per cent
  double (*value)(const Trial& trial) = nullptr;  ///< NaN: does not apply
};
/// held-out accuracy and loss, dead fraction, gradient growth, steps/s.
std::span<const Metric> metric_table();

/// One variant in one metric, against the first variant.
struct Comparison {
  std::string metric;
  std::string variant;
  double median = 0.0;
  std::int64_t runs = 0;    ///< with a value
  std::int64_t failed = 0;  ///< runs of the variant that failed
  Estimate difference;      ///< median of the differences within pairs of one seed; of 0 pairs for the first variant
};

/// `trials[variant][seed]`. Metrics that no run has are left out.
std::vector<Comparison> compare(const std::vector<Variant>& variants, const std::vector<std::vector<Trial>>& trials);

}  // namespace reluscope
