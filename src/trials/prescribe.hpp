#pragma once
// From findings to a cure that was tried: candidates are run over paired seeds, hopeless ones stop early, and the
// winner is confirmed on seeds that the choice did not see, beside two controls.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "trials/fleet.hpp"
#include "trials/remedies.hpp"
#include "util/statistics.hpp"

namespace reluscope {

/// What candidates are ranked by.
enum class Objective { accuracy, loss };

struct PrescribeOptions {
  std::int64_t seeds = 8;     ///< of the last round, and of the confirmation
  std::int64_t budget = 200;  ///< runs, at most; candidates are dropped, the likeliest kept, until it suffices
  /// Of held-out data, or of the training data where there are no others; none: accuracy for classes, else loss.
  std::optional<Objective> objective;
  int threads = 1;
};

/// A candidate (or the original config) over some seeds.
struct Course {
  Treatment treatment;                                               ///< no remedies: the original
  std::vector<Trial> trials;                                         ///< one a seed, in the order of the seeds
  int rounds = 0;                                                    ///< of the halving that it stayed in
  [[nodiscard]] double median_objective(Objective objective) const;  ///< NaN if more than half of the runs failed
  // Of the runs that have the figure; NaN if none does.
  [[nodiscard]] double median_dead() const;
  [[nodiscard]] double steps_per_second() const;
};

enum class Verdict {
  healthy,        ///< the original has no finding to cure
  nothing_helps,  ///< no candidate did better than the original where it was chosen
  cures,          ///< the findings are gone, and nothing is lost
  helps,          ///< the objective is better, but the findings are not gone
  like_a_seed,    ///< no more than a new seed does
  harms,          ///< the objective is worse
};
std::string verdict_name(Verdict verdict);

/// Whether a run went through without any of these rules at warning or worse.
bool is_cured(const Trial& trial, const std::vector<std::string>& findings);

/// How one way of running did on the confirmation seeds.
struct Arm {
  Course course;
  std::int64_t cured = 0;  ///< runs without any of the original's findings
  Estimate gain;           ///< paired difference of the objective to the original, positive where better
};

struct Prescription {
  Objective objective = Objective::loss;
  std::string data;                   ///< that the objective is of: "held-out", or "training" where nothing was
  std::uint64_t seed = 0;             ///< the first one
  Diagnosis diagnosis;                ///< of the original at the config's own seed
  std::vector<std::string> findings;  ///< its rules at warning or worse: what is to be cured
  std::vector<Course> screening;      ///< the original first, then candidates, the best first
  std::optional<Treatment> winner;
  std::int64_t fresh_seeds = 0;    ///< of the confirmation
  Arm original, treated, control;  ///< confirmation: re-seeded; the winner; a change that no finding points to
  double cost = 1.0;  ///< time of the winner's step over the original's, median of pairs; NaN if none ran through
  Verdict verdict = Verdict::healthy;
  std::int64_t runs = 0;  ///< made in all
};

/// `overrides` are the user's own changes to the config. Calls `progress` after each run, with the number of runs
/// there may be. Throws ConfigError, DataError. Returns nothing if `stop` ended it.
std::optional<Prescription> prescribe(const ConfigSource& source, const std::vector<std::string>& overrides,
                                      const PrescribeOptions& options, const std::atomic<int>* stop,
                                      const std::function<void(const Trial&)>& progress);

/// One sentence.
std::string sentence_of(const Prescription& prescription);

}  // namespace reluscope
