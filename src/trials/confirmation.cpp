#include "trials/confirmation.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace reluscope {

namespace {

Arm judge(const Course& course, const Course& original, const std::vector<std::string>& findings, Objective objective) {
  Arm arm;
  arm.cured = runs_cured(course, findings);
  arm.gains = paired_gains(course, original, objective);
  arm.gain = estimate_gain(arm.gains);
  arm.course = course;
  return arm;
}

std::int64_t cured_of_first(const Arm& arm, std::size_t runs, const std::vector<std::string>& findings) {
  Course first;
  first.trials.assign(arm.course.trials.begin(), arm.course.trials.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                                 runs, arm.course.trials.size())));
  return runs_cured(first, findings);
}

void pass_verdict(Arm& arm, const Arm& original, const std::vector<std::string>& findings) {
  const std::size_t runs = arm.course.trials.size();
  arm.verdict = decide(static_cast<std::int64_t>(runs), arm.cured, cured_of_first(original, runs, findings), arm.gain);
}

}  // namespace

std::string verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::healthy:
      return "healthy";
    case Verdict::not_learned:
      return "not learned";
    case Verdict::nothing_helps:
      return "nothing helps";
    case Verdict::harms:
      return "does harm";
    case Verdict::like_a_seed:
      return "helps no more than a new seed";
    case Verdict::clears:
      return "clears the findings, but gains nothing";
    case Verdict::helps:
      return "helps";
    case Verdict::cures:
      return "cures";
  }
  return "";
}

bool is_recommended(Verdict verdict) { return verdict >= Verdict::clears; }

std::vector<double> paired_gains(const Course& course, const Course& original, Objective objective) {
  std::vector<double> gains;
  for (std::size_t at = 0; at < std::min(course.trials.size(), original.trials.size()); ++at) {
    const double mine = score_of(course.trials[at], objective);
    const double other = score_of(original.trials[at], objective);
    // Where one of the two failed, the difference is without bound; where both did, there is none.
    gains.push_back(mine == other ? (std::isfinite(mine) ? 0.0 : kNaN) : mine - other);
  }
  return gains;
}

Estimate estimate_gain(const std::vector<double>& gains) {
  // Differences without bound are in the sample, but their mean with others would be no number.
  constexpr double kBound = 1e300;
  std::vector<double> known;
  for (const double gain : gains)
    if (!std::isnan(gain)) known.push_back(std::clamp(gain, -kBound, kBound));
  Estimate estimate = bootstrap_median(known);
  for (double* value : {&estimate.value, &estimate.low, &estimate.high})
    if (std::abs(*value) >= kBound / 4.0) *value = std::copysign(std::numeric_limits<double>::infinity(), *value);
  return estimate;
}

Verdict decide(std::int64_t runs, std::int64_t cured, std::int64_t original_cured, const Estimate& gain) {
  if (gain.high < 0.0) return Verdict::harms;
  const bool better = gain.low > 0.0;
  const bool gone =
      runs > 0 && static_cast<double>(cured) >= kCureShare * static_cast<double>(runs) && cured > original_cured;
  if (gone) return better ? Verdict::cures : Verdict::clears;
  return better ? Verdict::helps : Verdict::like_a_seed;
}

Verdict best_case(const Arm& arm, const Arm& original, std::int64_t seeds) {
  const std::int64_t missing = seeds - std::ssize(arm.course.trials);
  std::vector<double> gains = arm.gains;
  gains.resize(static_cast<std::size_t>(seeds), std::numeric_limits<double>::infinity());
  // The original has been run on all seeds, or is as sick on the missing ones as can be.
  return decide(seeds, arm.cured + missing, original.cured, estimate_gain(gains));
}

bool is_unanimous(const Arm& arm, const Arm& original, std::int64_t seeds) {
  const bool up = std::all_of(arm.gains.begin(), arm.gains.end(), [](double gain) { return gain > 0.0; });
  const bool down = std::all_of(arm.gains.begin(), arm.gains.end(), [](double gain) { return gain < 0.0; });
  if (down) return true;
  const bool all_cured = arm.cured == std::ssize(arm.course.trials) && original.cured == 0;
  const bool cannot_cure = best_case(arm, original, seeds) < Verdict::cures;
  return up && (all_cured || cannot_cure);
}

bool Confirmation::control_as_good() const { return seeds > 0 && control.gain.low > 0.0 && !(over_control.low > 0.0); }

bool promises_more(const Course& candidate, const Course& original, const std::vector<std::string>& findings,
                   Objective objective, Verdict than) {
  if (than >= Verdict::cures) return false;
  if (runs_cured(candidate, findings) > 0) return true;
  const bool better = !candidate.trials.empty() && !original.trials.empty() &&
                      score_of(candidate.trials.front(), objective) > score_of(original.trials.front(), objective);
  return than < Verdict::helps && better;
}

std::optional<Confirmation> confirm(Clinic& clinic, std::span<const Course> candidates, const Course& original,
                                    const Treatment& control, const std::vector<std::string>& findings,
                                    Objective objective, const ConfirmationPlan& plan) {
  Confirmation result;
  const std::int64_t look = std::min(kFirstLook, plan.seeds);
  const auto work = [](std::int64_t runs) { return Workload{runs, static_cast<double>(runs)}; };
  Course as_it_is;
  Course random{control, {}, 0};
  Course first{candidates.front().treatment, {}, 0};
  const auto run_all = [&](std::int64_t seeds) {
    clinic.expect(work(3 * (seeds - result.seeds)));
    if (!clinic.run({&as_it_is, &first, &random}, plan.first_seed, seeds)) return false;
    result.seeds = seeds;
    result.original = judge(as_it_is, as_it_is, findings, objective);
    result.control = judge(random, as_it_is, findings, objective);
    result.confirmed = {judge(first, as_it_is, findings, objective)};
    return true;
  };
  if (!run_all(plan.look_early ? look : plan.seeds)) return std::nullopt;
  if (result.seeds < plan.seeds && !is_unanimous(result.confirmed[0], result.original, plan.seeds) &&
      !run_all(plan.seeds))
    return std::nullopt;
  pass_verdict(result.confirmed[0], result.original, findings);
  pass_verdict(result.control, result.original, findings);

  for (const Course& candidate : candidates.subspan(1)) {
    const Verdict best = result.treated().verdict;
    if (!promises_more(candidate, original, findings, objective, best)) continue;
    if (clinic.runs() + result.seeds > plan.budget) {
      result.unconfirmed.push_back(candidate.treatment.name());
      continue;
    }
    Course next{candidate.treatment, {}, 0};
    Arm arm;
    for (const std::int64_t seeds : {std::min(look, result.seeds), result.seeds}) {
      const std::int64_t more = seeds - std::ssize(next.trials);
      if (more == 0) continue;
      clinic.expect(work(more));
      if (!clinic.run({&next}, plan.first_seed, seeds)) return std::nullopt;
      arm = judge(next, as_it_is, findings, objective);
      if (best_case(arm, result.original, result.seeds) <= best) break;
    }
    pass_verdict(arm, result.original, findings);
    result.confirmed.push_back(std::move(arm));
    if (result.confirmed.back().verdict > best) result.best = result.confirmed.size() - 1;
  }
  result.over_control = estimate_gain(paired_gains(result.treated().course, result.control.course, objective));
  clinic.expect({});
  return result;
}

}  // namespace reluscope
