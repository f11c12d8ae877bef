#include "trials/prescribe.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "config/layout.hpp"
#include "experiment/derived_name.hpp"
#include "experiment/setup.hpp"
#include "util/random.hpp"

namespace reluscope {

namespace {

/// Longer training gains a little nearly everywhere, at a multiple of the cost.
constexpr const char* kLonger = "more_steps";

/// Remedies of the findings, the most severe finding's first; then, from each next one, what is new. Longer training
/// only where that is what a finding asks for first.
std::vector<std::string> remedies_of(const Diagnosis& diagnosis) {
  std::vector<std::string> names;
  for (const Finding& finding : diagnosis.findings) {
    if (finding.severity < Severity::warning) continue;
    for (const std::string& name : finding.remedies) {
      const bool is_known = std::find(names.begin(), names.end(), name) != names.end();
      if (!is_known && (name != kLonger || name == finding.remedies.front())) names.push_back(name);
    }
  }
  return names;
}

/// Of each cause the first remedy that applies.
std::set<std::string> first_remedies(const Diagnosis& diagnosis, const ExperimentSpec& spec, const PatientFacts& data) {
  std::set<std::string> names;
  for (const Finding& finding : diagnosis.findings) {
    if (finding.severity < Severity::warning || !finding.symptom_of.empty()) continue;
    const std::vector<Treatment> applying = treatments(finding.remedies, spec, data);
    if (!applying.empty()) names.insert(applying.front().name());
  }
  return names;
}

/// As many changes as the winner has, drawn from those that no finding points to.
Treatment random_change(const Treatment& winner, const std::vector<std::string>& pointed_to, const ExperimentSpec& spec,
                        const Dataset& dataset) {
  std::vector<std::string> names;
  for (const RemedyEntry& remedy : remedy_table())
    if (remedy.name != kLonger && std::find(pointed_to.begin(), pointed_to.end(), remedy.name) == pointed_to.end())
      names.push_back(remedy.name);
  std::vector<Treatment> others = treatments(names, spec, facts_of(dataset));
  Rng random(spec.seed, Purpose::search);
  random.shuffle(std::span(others));
  Treatment change;
  for (const Treatment& other : others) {
    if (change.remedies.size() == winner.remedies.size()) break;
    if (change.remedies.empty()) {
      change = other;
    } else if (const auto both = combine(change, other)) {
      change = *both;
    }
  }
  return change;
}

double cost_of_winner(const Confirmation& confirmation) {
  std::vector<double> ratios;
  const std::vector<Trial>& treated = confirmation.treated().course.trials;
  for (std::size_t at = 0; at < treated.size(); ++at) {
    const Trial& before = confirmation.original.course.trials[at];
    const double ratio = before.steps_per_second() / treated[at].steps_per_second();
    if (!std::isnan(ratio)) ratios.push_back(ratio);
  }
  return median(ratios);
}

std::int64_t stopped_in(const Prescription& result) {
  std::int64_t count = 0;
  for (const Course& course : result.screening) count += course.stopped_early();
  if (result.confirmation.seeds == 0) return count;
  count += result.confirmation.original.course.stopped_early() + result.confirmation.control.course.stopped_early();
  for (const Arm& arm : result.confirmation.confirmed) count += arm.course.stopped_early();
  return count;
}

std::int64_t screening_seeds(std::int64_t seeds) { return std::min(kScreeningSeeds, seeds); }

/// Whether the budget has room for so many candidates.
std::vector<std::string> leave_out(std::vector<Course>& candidates, std::int64_t seeds, std::int64_t budget) {
  std::vector<std::string> names;
  while (candidates.size() > 1 && runs_needed(candidates.size(), seeds) > budget) {
    names.insert(names.begin(), candidates.back().treatment.name());
    candidates.pop_back();
  }
  return names;
}

}  // namespace

std::int64_t runs_needed(std::size_t candidates, std::int64_t seeds) {
  // The patient, the screening, and the confirmation's three arms.
  return 1 + screening_work(candidates, 0, screening_seeds(seeds)).runs + 3 * seeds;
}

std::optional<Prescription> prescribe(const ConfigSource& source, const std::vector<std::string>& overrides,
                                      const PrescribeOptions& options, const std::atomic<int>* stop,
                                      const PrescribeListener& listener) {
  const ExperimentSpec spec = source.parse(overrides);
  const Dataset dataset = load_for_training(spec);
  Prescription result;
  result.seed = spec.seed;
  result.budget = options.budget;
  result.objective =
      options.objective.value_or(dataset.task == Task::classification ? Objective::accuracy : Objective::loss);
  const Objective objective = result.objective;
  result.data = dataset.test.count() > 0 ? "held-out" : "training";
  const std::int64_t seeds = options.seeds.value_or(kMostSeeds);
  Clinic clinic(source, overrides, options.threads, stop, listener);
  const auto finish = [&](Verdict verdict) {
    result.verdict = verdict;
    result.runs = clinic.runs();
    result.steps = clinic.steps();
    result.stopped_early = stopped_in(result);
    return std::move(result);
  };

  // The patient.
  result.screening.emplace_back();
  clinic.expect({1, 1.0});
  if (!clinic.run({&result.screening.front()}, spec.seed, 1)) return std::nullopt;
  const Trial patient = result.screening.front().trials.front();
  result.diagnosis = patient.diagnosis;
  const std::set<std::string> rules = warnings_of(result.diagnosis);
  result.findings.assign(rules.begin(), rules.end());
  if (result.findings.empty()) return finish(patient.learned ? Verdict::healthy : Verdict::not_learned);
  std::vector<Course> candidates;
  const std::set<std::string> asked_first = first_remedies(result.diagnosis, spec, facts_of(dataset));
  for (Treatment& treatment : treatments(remedies_of(result.diagnosis), spec, facts_of(dataset))) {
    Course& course = candidates.emplace_back();
    course.of_cause = asked_first.contains(treatment.name());
    course.treatment = std::move(treatment);
  }
  if (candidates.empty()) return finish(Verdict::nothing_helps);
  result.budget_for_all = runs_needed(candidates.size(), seeds);
  result.left_out = leave_out(candidates, seeds, options.budget);

  const std::int64_t looked_at = options.seeds ? seeds : std::min(kFirstLook, seeds);
  auto screening = screen(clinic, std::move(candidates), objective, tie_of(objective, spec, dataset), spec.seed,
                          screening_seeds(seeds), {3 * looked_at, static_cast<double>(3 * looked_at)});
  if (!screening) return std::nullopt;
  result.choice = screening->choice;
  std::move(screening->courses.begin(), screening->courses.end(), std::back_inserter(result.screening));

  // The confirmation: seeds that the choice did not see.
  std::vector<Course> promising;
  std::copy_if(
      result.screening.begin() + 1, result.screening.end(), std::back_inserter(promising), [&](const Course& course) {
        return promises_more(course, result.screening.front(), result.findings, objective, Verdict::nothing_helps);
      });
  if (promising.empty()) return finish(Verdict::nothing_helps);
  const Treatment control = random_change(promising.front().treatment, remedies_of(result.diagnosis), spec, dataset);
  auto confirmation =
      confirm(clinic, promising, result.screening.front(), control, result.findings, objective,
              {spec.seed + static_cast<std::uint64_t>(screening_seeds(seeds)), seeds, !options.seeds, options.budget});
  if (!confirmation) return std::nullopt;
  result.confirmation = std::move(*confirmation);
  result.winner = result.confirmation.treated().course.treatment;
  result.cost = cost_of_winner(result.confirmation);
  return finish(result.confirmation.treated().verdict);
}

std::vector<std::string> named_changes(const Treatment& treatment, const std::string& name) {
  std::string suffix;
  for (const std::string& remedy : treatment.remedies) suffix += '-' + remedy;
  std::vector<std::string> changes = treatment.changes;
  const std::string own = derived_name(name, suffix);
  if (is_name(own)) changes.push_back("name=" + own);
  return changes;
}

}  // namespace reluscope
