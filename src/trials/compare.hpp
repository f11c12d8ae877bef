#pragma once
// The same experiment in several variants, paired by seed: same initial weights where shapes allow, same batches.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trials/fleet.hpp"
#include "trials/journal.hpp"
#include "trials/metrics.hpp"
#include "trials/results.hpp"
#include "trials/variation.hpp"

namespace reluscope {

/// Every variant with the seeds first_seed, first_seed + 1, …; a seed's jobs are neighbours. Identified.
/// Throws UsageError for more than kMostCompared runs.
std::vector<Job> comparison_jobs(const ConfigSource& source, const Variation& variation,
                                 const std::vector<std::string>& overrides, std::uint64_t first_seed,
                                 std::int64_t seeds);

/// The runs of a comparison, made and kept.
struct ComparisonRuns {
  ComparedRuns compared;           ///< without their diagnoses
  std::vector<std::string> rows;   ///< of compare.csv, by the jobs' numbers
  std::optional<Journal> journal;  ///< to be removed when all that follows from it is written
  std::int64_t failed = 0;
};
/// Called before the first run: how many are there already, and what is wrong with the journal, in a sentence.
using ComparisonBegin = std::function<void(std::int64_t before, const std::string& warning)>;
/// How a comparison is carried out.
struct ComparisonControl {
  int threads = 1;
  std::filesystem::path journal;  ///< its file; empty: none is kept
  const std::atomic<int>* stop = nullptr;
  std::filesystem::path traces;  ///< as run_fleet has it
};
/// Runs the jobs, as they come from comparison_jobs(), but those that are in the journal already; none is kept while
/// another process has it. Returns nothing if `stop` ended it early. Throws IoError, as where the journal is of another
/// comparison. steps_to_loss is against the first variant.
std::optional<ComparisonRuns> run_comparison(const ConfigSource& source, const Variation& variation,
                                             std::span<const Job> jobs, const ComparisonControl& control,
                                             const ComparisonBegin& begin,
                                             const std::function<void(const Trial&)>& progress);

/// Sets what the variants' steps_to_loss are, against the training loss at which the first one of the same seed ended.
void count_steps_to_loss(ComparedRuns& runs);
/// The same against the first of these, of these alone.
void count_steps_to_loss(ComparedRuns& runs, std::span<const std::size_t> shown);

}  // namespace reluscope
