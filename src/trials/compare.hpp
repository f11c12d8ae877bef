#pragma once
// The same experiment in several variants, paired by seed: same initial weights where shapes allow, same batches.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trials/fleet.hpp"
#include "trials/journal.hpp"
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
/// Throws UsageError for more than kMostCompared runs.
std::vector<Job> comparison_jobs(const ConfigSource& source, const Variation& variation,
                                 const std::vector<std::string>& overrides, std::uint64_t first_seed,
                                 std::int64_t seeds);

inline constexpr std::int64_t kMostCompared = 1'000'000;

/// The runs of a comparison, made and kept.
struct ComparisonRuns {
  std::vector<std::vector<Trial>> trials;  ///< [variant][seed], without their diagnoses
  std::vector<std::string> rows;           ///< of compare.csv, by the jobs' numbers
  std::optional<Journal> journal;          ///< to be removed when all that follows from it is written
  std::int64_t failed = 0;
};
/// Called before the first run: how many are there already, and what is wrong with the journal, in a sentence.
using ComparisonBegin = std::function<void(std::int64_t before, const std::string& warning)>;
/// Runs the jobs, as they come from comparison_jobs(), but those that are in the journal already. `journal`: its file;
/// empty: none is kept; neither is one while another process has it. Returns nothing if `stop` ended it early. Throws
/// IoError, as where the journal is of another comparison. `keep` is run_fleet's.
std::optional<ComparisonRuns> run_comparison(const ConfigSource& source, const Variation& variation,
                                             std::span<const Job> jobs, int threads,
                                             const std::filesystem::path& journal, const std::atomic<int>* stop,
                                             const ComparisonBegin& begin,
                                             const std::function<void(const Trial&)>& progress,
                                             const std::filesystem::path& keep = {});

/// A figure that variants are compared by.
struct Metric {
  std::string name;
  std::string doc;
  bool larger_is_better = false;
  bool judged = false;                            ///< on the test set, or on the training set where there is none
  double scale = 1.0;                             ///< for people: 100 for what is shown as per cent
  double (*value)(const Trial& trial) = nullptr;  ///< NaN: does not apply
};
/// accuracy, loss, dead fraction, gradient growth, steps/s.
std::span<const Metric> metric_table();

/// One variant in one metric, against the first variant.
struct Comparison {
  std::string metric;
  /// What a judged metric is of: "held-out" data, "training" data where nothing was held out, or, as that may be what
  /// is varied, "held-out or training". Empty for others.
  std::string data;
  std::string variant;
  double median = 0.0;
  std::int64_t runs = 0;    ///< with a value
  std::int64_t failed = 0;  ///< runs of the variant that failed
  Estimate difference;      ///< median of the differences within pairs of one seed; of 0 pairs for the first variant
};

/// `trials[variant][seed]`. Metrics that no run has are left out.
std::vector<Comparison> compare(const std::vector<Variant>& variants, const std::vector<std::vector<Trial>>& trials);

}  // namespace reluscope
