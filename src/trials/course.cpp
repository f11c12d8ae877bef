#include "trials/course.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "util/statistics.hpp"

namespace reluscope {

namespace {

/// Of the values that are not NaN.
template <class Get>
double median_of_trials(const std::vector<Trial>& trials, Get get) {
  std::vector<double> values;
  for (const Trial& trial : trials)
    if (const double value = get(trial); !std::isnan(value)) values.push_back(value);
  return median(std::move(values));
}

}  // namespace

double score_of(const Trial& trial, Objective objective) {
  const double value = objective == Objective::accuracy ? trial.record.judged_accuracy() : trial.record.judged_loss();
  if (!std::isfinite(value)) return -std::numeric_limits<double>::infinity();
  return objective == Objective::accuracy ? value : -value;
}

double median_score(const Course& course, Objective objective) {
  return median_of_trials(course.trials, [objective](const Trial& trial) { return score_of(trial, objective); });
}

double rank_of_dead_units(const Course& course) {
  const double dead = course.median_dead();
  return std::isnan(dead) ? 1.0 : dead;
}

std::set<std::string> warnings_of(const Diagnosis& diagnosis) {
  std::set<std::string> rules;
  for (const Finding& finding : diagnosis.findings)
    if (finding.severity >= Severity::warning) rules.insert(finding.rule);
  return rules;
}

std::int64_t runs_with_warning(const Course& course) {
  return std::count_if(course.trials.begin(), course.trials.end(),
                       [](const Trial& trial) { return !warnings_of(trial.diagnosis).empty(); });
}

std::int64_t runs_that_learned(const Course& course) {
  return std::count_if(course.trials.begin(), course.trials.end(), [](const Trial& trial) { return trial.learned; });
}

bool is_cured(const Trial& trial, const std::vector<std::string>& findings) {
  if (trial.record.failed() || !trial.learned) return false;
  const std::set<std::string> left = warnings_of(trial.diagnosis);
  return std::none_of(findings.begin(), findings.end(), [&](const std::string& rule) { return left.contains(rule); });
}

std::int64_t runs_cured(const Course& course, const std::vector<std::string>& findings) {
  return std::count_if(course.trials.begin(), course.trials.end(),
                       [&](const Trial& trial) { return is_cured(trial, findings); });
}

double Course::median_objective(Objective objective) const {
  const double score = median_score(*this, objective);
  if (!std::isfinite(score)) return kNaN;
  return objective == Objective::accuracy ? score : -score;
}

double Course::median_dead() const {
  return median_of_trials(trials, [](const Trial& trial) { return trial.record.dead_fraction.value_or(kNaN); });
}

double Course::steps_per_second() const {
  return median_of_trials(trials, [](const Trial& trial) { return trial.steps_per_second(); });
}

std::int64_t Course::stopped_early() const {
  return std::count_if(trials.begin(), trials.end(), [](const Trial& trial) { return !trial.whole; });
}

}  // namespace reluscope
