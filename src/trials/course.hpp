#pragma once
// A way of running a config over some seeds, and what it is judged by.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "trials/remedies.hpp"
#include "trials/trial.hpp"

namespace reluscope {

/// What candidates are ranked by.
enum class Objective { accuracy, loss };

/// A candidate (or the original config) over some seeds.
struct Course {
  Treatment treatment;        ///< no remedies: the original
  std::vector<Trial> trials;  ///< one a seed, in the order of the seeds
  int rounds = 0;             ///< of the screening that it stayed in
  bool of_cause = false;  ///< what a cause asks for first: it may start slowly, and is not dropped at the first look
  double share = 1.0;     ///< of their steps that its runs were let go
  std::vector<std::shared_ptr<PausedRun>> paused = {};               ///< of each trial; null where it cannot go on
  [[nodiscard]] double median_objective(Objective objective) const;  ///< NaN if more than half of the runs failed
  // Of the runs that have the figure; NaN if none does.
  [[nodiscard]] double median_dead() const;
  [[nodiscard]] double steps_per_second() const;
  /// Runs that ended before their last step, and did not fail.
  [[nodiscard]] std::int64_t stopped_early() const;
};

/// Larger is better; −∞ for a run that failed.
double score_of(const Trial& trial, Objective objective);
double median_score(const Course& course, Objective objective);
/// To rank by, the fewer the better: runs that failed have none that are alive; where there is nothing to die all are
/// alike.
double rank_of_dead_units(const Course& course);

/// The rules that found something at warning or worse.
std::set<std::string> warnings_of(const Diagnosis& diagnosis);
std::int64_t runs_with_warning(const Course& course);
/// Runs that are better than the best constant output.
std::int64_t runs_that_learned(const Course& course);
/// Whether a run went through, has learned, and is free of these rules at warning or worse.
bool is_cured(const Trial& trial, const std::vector<std::string>& findings);
std::int64_t runs_cured(const Course& course, const std::vector<std::string>& findings);

}  // namespace reluscope
