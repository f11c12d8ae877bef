#pragma once
// Whether a candidate cures, on seeds that its choice did not see: beside the config as it is on the same seeds, and a
// random change.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trials/clinic.hpp"
#include "trials/course.hpp"
#include "util/statistics.hpp"

namespace reluscope {

/// From the worst of a candidate's to the best.
enum class Verdict {
  healthy,        ///< the original has no finding to cure, and has learned
  not_learned,    ///< it has none either, but is no better than the best constant output
  nothing_helps,  ///< no candidate did better than the original where it was chosen
  harms,          ///< the objective is worse
  like_a_seed,    ///< no more than a new seed does
  clears,         ///< the findings are gone, but the objective may be no better
  helps,          ///< the objective is better, but the findings are not gone
  cures,          ///< the findings are gone, and the objective is better
};
/// "cures", "does harm", …: goes on after the name of a remedy.
std::string verdict_name(Verdict verdict);
/// Whether the change is worth offering.
bool is_recommended(Verdict verdict);

/// How one way of running did on the confirmation seeds.
struct Arm {
  Course course;
  std::int64_t cured = 0;     ///< runs without any of the original's findings
  std::vector<double> gains;  ///< paired differences of the objective to the original, positive where better; NaN where
                              ///< both failed
  Estimate gain;              ///< of their median
  Verdict verdict = Verdict::like_a_seed;
};

/// The differences of `course` to `original`, seed by seed, as far as both were run.
std::vector<double> paired_gains(const Course& course, const Course& original, Objective objective);
Estimate estimate_gain(const std::vector<double>& gains);

/// A remedy cures if this share of its runs, or more, is rid of the findings.
inline constexpr double kCureShare = 0.8;
/// Of an arm with so many runs, of which `cured` are rid of the findings, of the original `original_cured`.
Verdict decide(std::int64_t runs, std::int64_t cured, std::int64_t original_cured, const Estimate& gain);
/// The best that may still come of an arm that has been run on some of `seeds` seeds, whatever the others bring.
Verdict best_case(const Arm& arm, const Arm& original, std::int64_t seeds);
/// Whether the first seeds agree so well that the others are not needed: every gain is of one sign, and either every
/// run is cured and none of the original's, or so few are that it can cure no more on `seeds` seeds.
bool is_unanimous(const Arm& arm, const Arm& original, std::int64_t seeds);

/// Seeds after which a confirmation is looked at. A change that does nothing has a gain of either sign, so that all of
/// them are above 0 by chance once in 2^5 = 32 times; over both looks, with eight seeds, a gain is found by chance in
/// at most 13 of 256 cases (8 of 256 by the five alone, 5 more by seven or eight of eight), in place of 9 of 256.
inline constexpr std::int64_t kFirstLook = 5;

struct ConfirmationPlan {
  std::uint64_t first_seed = 0;
  std::int64_t seeds = 8;
  bool look_early = true;   ///< after kFirstLook seeds: the verdict stands where they are unanimous
  std::int64_t budget = 0;  ///< runs, over the whole prescription
};

struct Confirmation {
  std::int64_t seeds = 0;                ///< that the original was run on; 0: there was none
  Arm original, control;                 ///< re-seeded; a change that no finding points to
  std::vector<Arm> confirmed;            ///< the candidates, in the order in which they were tried
  std::size_t best = 0;                  ///< of them
  std::vector<std::string> unconfirmed;  ///< candidates that were to follow, but for the budget
  Estimate over_control;                 ///< paired difference of the best one's objective to the control's
  /// Whether a change that no finding points to gained as much: its gain is above 0, and the best one's not clearly
  /// more.
  [[nodiscard]] bool control_as_good() const;
  [[nodiscard]] const Arm& treated() const { return confirmed[best]; }
};

/// Confirms the first candidate, then the next one as long as none cures and the budget lasts. Those that come later
/// are passed over if nothing in their screening promises a better verdict than the best so far, and end after the
/// first look if they can come to none. `candidates`: the best first, at least one; `original`: where they were chosen.
/// Nothing if stopped.
std::optional<Confirmation> confirm(Clinic& clinic, std::span<const Course> candidates, const Course& original,
                                    const Treatment& control, const std::vector<std::string>& findings,
                                    Objective objective, const ConfirmationPlan& plan);
/// Whether a screened candidate may come to more than this verdict: to a cure if one of its runs was cured, to a help
/// if it was better than the original.
bool promises_more(const Course& candidate, const Course& original, const std::vector<std::string>& findings,
                   Objective objective, Verdict than);

}  // namespace reluscope
