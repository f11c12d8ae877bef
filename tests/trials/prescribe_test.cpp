// What a prescription decides: who stays, who is chosen and why, what the confirmation says, and what is told of it.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "diagnose/findings_json.hpp"
#include "experiment/derived_name.hpp"
#include "experiment/setup.hpp"
#include "trials/place.hpp"
#include "trials/prescribe.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();

Trial trial_with(double accuracy, bool learned, std::vector<std::string> warnings = {}, double dead = 0.0) {
  Trial trial;
  trial.record.status = "done";
  trial.record.test_loss = 1.0 - accuracy;
  trial.record.test_accuracy = accuracy;
  trial.record.dead_fraction = dead;
  trial.learned = learned;
  for (std::string& rule : warnings) {
    Finding finding;
    finding.rule = std::move(rule);
    finding.severity = Severity::warning;
    trial.diagnosis.findings.push_back(finding);
  }
  return trial;
}

Course course_of(std::vector<std::string> remedies, std::vector<Trial> trials) {
  Course course;
  course.treatment.remedies = std::move(remedies);
  course.trials = std::move(trials);
  return course;
}

Arm arm_of(std::int64_t cured, std::vector<double> gains) {
  Arm arm;
  arm.cured = cured;
  arm.gain = estimate_gain(gains);
  arm.gains = std::move(gains);
  arm.course.trials.resize(arm.gains.size());
  return arm;
}

Estimate interval(double low, double high) { return {(low + high) / 2.0, low, high, 8}; }

std::vector<std::string> names_of(const std::vector<Course>& courses) {
  std::vector<std::string> names;
  for (const Course& course : courses) names.push_back(course.treatment.name());
  return names;
}

/// A confirmed winner with a control, for what is said of them.
Prescription confirmed(std::vector<double> gains, std::vector<double> control_gains) {
  Prescription prescription;
  prescription.objective = Objective::loss;
  prescription.data = "held-out";
  prescription.findings = {"dying-units"};
  Confirmation& confirmation = prescription.confirmation;
  confirmation.seeds = std::ssize(gains);
  std::vector<double> differences;
  for (std::size_t at = 0; at < gains.size(); ++at) differences.push_back(gains[at] - control_gains[at]);
  confirmation.over_control = estimate_gain(differences);
  confirmation.control = arm_of(0, std::move(control_gains));
  confirmation.control.course.treatment.remedies = {"standardize", "positive_bias"};
  const auto runs = std::ssize(gains);
  confirmation.confirmed = {arm_of(runs, std::move(gains))};
  confirmation.confirmed[0].course.treatment.remedies = {"wider"};
  confirmation.confirmed[0].verdict = decide(runs, runs, 0, confirmation.confirmed[0].gain);
  prescription.verdict = confirmation.confirmed[0].verdict;
  return prescription;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a verdict stands on each side of its thresholds") {
  // Four runs of five rid of the findings, more than of the original, and an interval above 0.
  CHECK(decide(5, 4, 3, interval(0.1, 0.2)) == Verdict::cures);
  CHECK(decide(5, 3, 2, interval(0.1, 0.2)) == Verdict::helps);
  CHECK(decide(5, 4, 4, interval(0.1, 0.2)) == Verdict::helps);
  CHECK(decide(8, 7, 0, interval(0.1, 0.2)) == Verdict::cures);
  CHECK(decide(8, 6, 0, interval(0.1, 0.2)) == Verdict::helps);
  // The findings are gone, but there may be no gain.
  CHECK(decide(5, 5, 0, interval(0.0, 0.2)) == Verdict::clears);
  CHECK(decide(5, 5, 0, interval(-0.1, 0.2)) == Verdict::clears);
  CHECK(decide(5, 5, 0, interval(-0.1, 0.0)) == Verdict::clears);
  CHECK(decide(5, 5, 5, interval(-0.1, 0.2)) == Verdict::like_a_seed);
  CHECK(decide(5, 3, 0, interval(0.0, 0.2)) == Verdict::like_a_seed);
  CHECK(decide(5, 5, 0, interval(-0.2, -0.1)) == Verdict::harms);
  CHECK(Verdict::cures > Verdict::helps);
  CHECK(Verdict::helps > Verdict::clears);
  CHECK(Verdict::clears > Verdict::like_a_seed);
  CHECK(Verdict::like_a_seed > Verdict::harms);
  CHECK(is_recommended(Verdict::clears));
  CHECK_FALSE(is_recommended(Verdict::like_a_seed));
}

TEST_CASE("a gain without bound has an interval that is no NaN, and where both failed there is none") {
  const Course fine = course_of({"a"}, {trial_with(0.9, true), trial_with(0.8, true), Trial{}});
  Course failed = course_of({"b"}, {Trial{}, Trial{}, Trial{}});
  for (Trial& trial : failed.trials) trial.record = failed_record("reason");
  Course half = fine;
  half.trials[2].record = failed_record("reason");
  const std::vector<double> gains = paired_gains(half, failed, Objective::accuracy);
  CHECK(gains[0] == kUnbounded);
  CHECK(std::isnan(gains[2]));
  const Estimate mixed = estimate_gain({kUnbounded, kUnbounded, -kUnbounded, 1.0});
  CHECK(mixed.high == kUnbounded);
  CHECK(mixed.low == -kUnbounded);
  CHECK_FALSE(std::isnan(mixed.value));
  CHECK(estimate_gain({kUnbounded, kUnbounded, kUnbounded}).low == kUnbounded);
}

TEST_CASE("five seeds are enough where they are unanimous, or where a cure is out of reach") {
  const Arm sick = arm_of(0, {0, 0, 0, 0, 0});
  const Arm sometimes_well = arm_of(1, {0, 0, 0, 0, 0});
  CHECK(is_unanimous(arm_of(5, {1, 1, 1, 1, 1}), sick, 8));
  CHECK_FALSE(is_unanimous(arm_of(5, {1, 1, 1, 1, 1}), sometimes_well, 8));
  CHECK_FALSE(is_unanimous(arm_of(4, {1, 1, 1, 1, 1}), sick, 8));
  CHECK_FALSE(is_unanimous(arm_of(5, {1, 1, 1, 1, 0}), sick, 8));
  CHECK(is_unanimous(arm_of(0, {1, 1, 1, 1, 1}), sick, 8));  // it helps, and cannot cure
  CHECK_FALSE(is_unanimous(arm_of(0, {1, 1, 1, 1, -1}), sick, 8));
  CHECK(is_unanimous(arm_of(5, {-1, -1, -1, -1, -1}), sick, 8));
  // The best that three more seeds may bring.
  CHECK(best_case(arm_of(4, {1, 1, 1, 1, -1}), sick, 8) == Verdict::cures);
  CHECK(best_case(arm_of(3, {1, 1, 1, 1, -1}), sick, 8) == Verdict::helps);
  CHECK(best_case(arm_of(5, {1, 1, -1, -1, -1}), sick, 8) == Verdict::clears);
  CHECK(best_case(arm_of(3, {1, 1, -1, -1, -1}), sick, 8) == Verdict::like_a_seed);
}

TEST_CASE("after a round a third stays, at least two; who has learned nothing goes where another has") {
  CHECK(survivors(1) == 1);
  CHECK(survivors(2) == 2);
  CHECK(survivors(6) == 2);
  CHECK(survivors(7) == 3);
  CHECK(survivors(16) == 6);
  std::vector<Course> courses = {
      course_of({"a"}, {trial_with(0.5, false), trial_with(0.5, false)}),
      course_of({"b"}, {trial_with(0.4, true), trial_with(0.4, true)}),
      course_of({"c"}, {trial_with(0.3, true), trial_with(0.3, false)}),
  };
  rank(courses, Objective::accuracy);
  CHECK(names_of(courses) == std::vector<std::string>{"b", "c", "a"});
  std::vector<Course> dropped;
  drop(courses, dropped, false);
  CHECK(names_of(courses) == std::vector<std::string>{"b", "c"});
  courses = {course_of({"b"}, {trial_with(0.4, true)}), course_of({"a"}, {trial_with(0.5, false)})};
  dropped.clear();
  drop(courses, dropped, false);
  CHECK(names_of(courses) == std::vector<std::string>{"b"});
  CHECK(names_of(dropped) == std::vector<std::string>{"a"});
  // What a cause asks for first has a second look, and no third.
  courses = {course_of({"b"}, {trial_with(0.4, true)}), course_of({"a"}, {trial_with(0.5, false)})};
  courses[1].of_cause = true;
  dropped.clear();
  drop(courses, dropped, true);
  CHECK(names_of(courses) == std::vector<std::string>{"b", "a"});
  CHECK(dropped.empty());
  drop(courses, dropped, false);
  CHECK(names_of(courses) == std::vector<std::string>{"b"});
  // None has learned yet: none is hopeless.
  courses = {course_of({"a"}, {trial_with(0.5, false)}), course_of({"b"}, {trial_with(0.4, false)})};
  drop(courses, dropped, false);
  CHECK(courses.size() == 2);
}

TEST_CASE(
    "the best one joins with the next best, with what leaves the fewest warnings, and with no rival of its own key") {
  const auto treated = [](const std::string& name, const std::string& change, std::vector<std::string> warnings) {
    Course course = course_of({name}, {trial_with(0.5, true, std::move(warnings))});
    course.treatment.changes = {change};
    return course;
  };
  const std::vector<Course> ranked = {treated("best", "a=1", {"x"}),   treated("rival", "a=2", {}),
                                      treated("next", "b=1", {"x"}),   treated("third", "c=1", {"x"}),
                                      treated("fourth", "d=1", {"x"}), treated("calm", "e=1", {})};
  CHECK(names_of(combinations(ranked)) == std::vector<std::string>{"best + next", "best + calm", "best + third"});
  CHECK(combinations({ranked[0], ranked[1]}).empty());
  CHECK(combinations({ranked[0]}).empty());
}

TEST_CASE("the choice is by the objective; within a point by warnings, dead units and what there is to change") {
  const auto choice_of = [](std::vector<Course> courses) {
    const Preference preference = choose(courses, Objective::accuracy, 0.01);
    return std::pair(courses.front().treatment.name(), preference);
  };
  auto [name, why] =
      choice_of({course_of({"a"}, {trial_with(0.90, true)}), course_of({"b"}, {trial_with(0.95, true)})});
  CHECK(name == "b");
  CHECK_FALSE(why.tied);
  CHECK(why.next == "a");
  CHECK(why.next_value == doctest::Approx(0.90));
  std::tie(name, why) =
      choice_of({course_of({"a"}, {trial_with(0.945, true)}), course_of({"b"}, {trial_with(0.95, true, {"x"})})});
  CHECK(name == "a");
  CHECK(why.tie == Tie::warnings);
  CHECK(why.next_figure == 1.0);
  std::tie(name, why) =
      choice_of({course_of({"a"}, {trial_with(0.939, true)}), course_of({"b"}, {trial_with(0.95, true, {"x"})})});
  CHECK(name == "b");
  std::tie(name, why) =
      choice_of({course_of({"a"}, {trial_with(0.945, true)}), course_of({"b"}, {trial_with(0.95, true, {}, 0.2)})});
  CHECK(name == "a");
  CHECK(why.tie == Tie::dead);
  std::tie(name, why) =
      choice_of({course_of({"a"}, {trial_with(0.945, true)}), course_of({"b", "c"}, {trial_with(0.95, true)})});
  CHECK(name == "a");
  CHECK(why.tie == Tie::changes);
  std::tie(name, why) =
      choice_of({course_of({"a"}, {trial_with(0.945, true)}), course_of({"b"}, {trial_with(0.95, true)})});
  CHECK(name == "b");
  CHECK(why.tied);
  CHECK(why.tie == Tie::none);
}

TEST_CASE("a later candidate is confirmed if its screening promises more than the best verdict so far") {
  const std::vector<std::string> findings = {"x"};
  const Course original = course_of({}, {trial_with(0.5, false, {"x"})});
  const Course cured = course_of({"a"}, {trial_with(0.4, true), trial_with(0.4, true, {"x"})});
  const Course better = course_of({"b"}, {trial_with(0.6, true, {"x"})});
  const Course worse = course_of({"c"}, {trial_with(0.4, true, {"x"})});
  const auto promises = [&](const Course& course, Verdict than) {
    return promises_more(course, original, findings, Objective::accuracy, than);
  };
  CHECK(promises(cured, Verdict::helps));
  CHECK_FALSE(promises(cured, Verdict::cures));
  CHECK(promises(better, Verdict::clears));
  CHECK_FALSE(promises(better, Verdict::helps));
  CHECK_FALSE(promises(worse, Verdict::harms));
}

TEST_CASE("where the winner does not cure the next one is confirmed on the same seeds, as far as the budget goes") {
  const ConfigSource source = source_of(kConfig);
  const std::vector<std::string> sick = {"train.optimizer.lr=1e-9", "train.steps=200", "record.census=50"};
  const std::vector<std::string> findings = {"no-better-than-constant"};
  const Course original = course_of({}, {trial_with(0.5, false, findings)});
  const auto candidate = [](const std::string& name, const std::string& change) {
    Course course = course_of({name}, {trial_with(0.9, true), trial_with(0.9, true)});
    course.treatment.changes = {change};
    return course;
  };
  const std::vector<Course> candidates = {candidate("no_use", "train.optimizer.lr=2e-9"),
                                          candidate("cure", "train.optimizer.lr=0.1"),
                                          candidate("unneeded", "train.optimizer.lr=0.05")};
  const Treatment control{{"control"}, {"train.optimizer.momentum=0.5"}};
  const PrescribeListener listener;
  Clinic clinic(source, sick, 2, nullptr, listener);
  const auto found = confirm(clinic, candidates, original, control, findings, Objective::accuracy, {60, 8, true, 200});
  REQUIRE(found.has_value());
  REQUIRE(found->confirmed.size() == 2);
  CHECK(found->confirmed[0].verdict != Verdict::cures);
  CHECK(found->treated().course.treatment.name() == "cure");
  CHECK(found->treated().verdict == Verdict::cures);
  CHECK(found->seeds == 8);
  CHECK(clinic.runs() == 4 * 8);
  // The same seeds, and the original's runs are not made again.
  CHECK(found->treated().gains.size() == 8);
  Clinic poor(source, sick, 1, nullptr, listener);
  const auto unfinished =
      confirm(poor, candidates, original, control, findings, Objective::accuracy, {60, 8, true, 31});
  CHECK(unfinished->confirmed.size() == 1);
  CHECK(unfinished->unconfirmed == std::vector<std::string>{"cure", "unneeded"});
  // A cure that comes first, and is unanimous, takes five seeds.
  Clinic quick(source, sick, 1, nullptr, listener);
  const auto unanimous = confirm(quick, std::span(candidates).subspan(1), original, control, findings,
                                 Objective::accuracy, {60, 8, true, 200});
  CHECK(unanimous->seeds == 5);
  CHECK(quick.runs() == 15);
  CHECK(unanimous->treated().verdict == Verdict::cures);
}

TEST_CASE("a run that is looked at goes on to the figures and findings of one that was not") {
  const ConfigSource source = source_of(kConfig);
  for (const char* change : {"train.optimizer.lr=0.1", "train.optimizer.lr=30"}) {
    CAPTURE(change);
    const std::vector<std::string> changes = {change, "train.steps=300", "record.every=7", "record.census=13"};
    const ExperimentSpec spec = source.parse(changes);
    const Dataset dataset = load_dataset(spec.data, spec.seed);
    const Trial whole = run_trial(spec, dataset, nullptr);
    CHECK(whole.whole);
    const auto paused = std::make_shared<PausedRun>();
    Trial part = run_trial(spec, dataset, nullptr, {}, {0.01, paused, false});
    CHECK(part.record.steps == kShortestStint);
    CHECK(part.steps_made == kShortestStint);
    CHECK(std::isnan(part.steps_per_second()));
    CHECK_FALSE(part.whole);
    part = run_trial(spec, dataset, nullptr, {}, {1.0 / 3.0, paused, false});
    CHECK(part.record.steps == 100);
    CHECK(part.steps_made == 100 - kShortestStint);
    part = run_trial(spec, dataset, nullptr, {}, {1.0, paused, false});
    CHECK(part.whole);
    CHECK(part.steps_made == 200);
    CHECK(part.record.test_loss == whole.record.test_loss);
    CHECK(part.record.train_loss == whole.record.train_loss);
    CHECK(part.record.deaths == whole.record.deaths);
    CHECK(part.record.grad_norm_growth == whole.record.grad_norm_growth);
    CHECK(findings_json(part.diagnosis.findings) == findings_json(whole.diagnosis.findings));
  }
}

TEST_CASE("a run ends where a hidden layer is dead for good, and is credited with the best constant") {
  const ConfigSource source = source_of(kConfig);
  // Biases far below 0, and no momentum: both layers are born dead, and nothing in them moves.
  const std::vector<std::string> changes = {"network.layers.0.init.bias=-100", "train.optimizer.momentum=0",
                                            "train.steps=300", "record.census=10"};
  const ExperimentSpec spec = source.parse(changes);
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  const Trial lost = run_trial(spec, dataset, nullptr, {}, {1.0, nullptr, true});
  CHECK(lost.lost);
  CHECK_FALSE(lost.whole);
  CHECK(lost.record.steps == 1);
  CHECK_FALSE(lost.learned);
  const Trial whole = run_trial(spec, dataset, nullptr);
  CHECK_FALSE(whole.lost);
  CHECK(whole.record.steps == 300);
  // What the whole run came to is no better.
  CHECK(*lost.record.test_loss <= *whole.record.test_loss);
  CHECK(*lost.record.test_accuracy >= *whole.record.test_accuracy);
  CHECK(is_cured(lost, {}) == is_cured(whole, {}));
}

TEST_CASE("only a network that has learned is called healthy") {
  const ConfigSource source = source_of(kConfig);
  const PrescribeListener listener;
  const auto healthy = prescribe(source, {"train.steps=300", "record.census=50"}, {}, nullptr, listener);
  REQUIRE(healthy.has_value());
  CHECK(healthy->verdict == Verdict::healthy);
  CHECK(healthy->steps == 300);
  CHECK(healthy->stopped_early == 0);
  // Of random labels nothing can be learned; a rule that says so is muted.
  Prescription silent;
  silent.verdict = Verdict::not_learned;
  CHECK(has(sentence_of(silent), "not healthy"));
}

TEST_CASE("the plan of the runs is told, and ends as what was done; the budget leaves out the unlikeliest") {
  const ConfigSource source = source_of(kConfig);
  const std::vector<std::string> sick = {"train.optimizer.lr=1e-9", "train.steps=64", "record.census=50"};
  Workload planned;
  Workload done;
  PrescribeListener listener;
  listener.plan = [&](const Workload& all) { planned = all; };
  listener.advance = [&](const Trial&, const Workload& all) {
    done = all;
    CHECK(done.runs <= planned.runs);
    CHECK(done.length <= planned.length + 1e-9);
  };
  PrescribeOptions options;
  options.seeds = 3;
  const auto all = prescribe(source, sick, options, nullptr, listener);
  REQUIRE(all.has_value());
  CHECK(all->runs == done.runs);
  CHECK(all->runs == planned.runs);
  CHECK(done.length == doctest::Approx(planned.length));
  CHECK(all->left_out.empty());
  CHECK(left_out_text(*all).empty());
  options.budget = runs_needed(2, 3);
  const auto some = prescribe(source, sick, options, nullptr, listener);
  CHECK(some->left_out.size() + 2 ==
        static_cast<std::size_t>(std::count_if(all->screening.begin(), all->screening.end(), [](const Course& course) {
          return course.treatment.remedies.size() == 1;
        })));
  CHECK(has(left_out_text(*some), "had no room for " + some->left_out.front()));
  CHECK(has(left_out_text(*some), "--budget " + std::to_string(all->budget_for_all)));
}

TEST_CASE("the sentence speaks up where a random change gains as much") {
  const std::vector<double> gains = {10, 11, 12, 13, 14};
  CHECK(has(sentence_of(confirmed(gains, {10.5, 10.5, 12.5, 12.5, 14.5})), "The random change gains as much: 12.5"));
  CHECK(has(sentence_of(confirmed(gains, {20, 21, 22, 23, 24})), "gains as much"));
  CHECK_FALSE(has(sentence_of(confirmed(gains, {1, 2, 3, 4, 5})), "gains as much"));
  CHECK_FALSE(has(sentence_of(confirmed(gains, {-1, 12, 12, 13, 14})), "gains as much"));
  const std::string clears = sentence_of(confirmed({-1, 0, 1, 1, 2}, {-1, -1, -1, -1, -1}));
  CHECK(has(clears, "wider clears the findings, but gains nothing"));
  CHECK(has(clears, "includes 0"));
}

TEST_CASE("the reason says by what the first came first, and what became of it") {
  Prescription prescription = confirmed({1, 1, 1}, {0, 0, 0});
  prescription.screening = {Course{}, course_of({"wider"}, {})};
  prescription.choice = {0.25, 2, "elu", 0.5, false, Tie::none, 0.0, 0.0};
  CHECK(
      reason_of(prescription) ==
      "wider came first in the screening by held-out loss, the median of 2 seeds: 0.25; elu, the next best, had 0.5.");
  prescription.choice = {0.25, 2, "elu", 0.24, true, Tie::warnings, 0.0, 2.0};
  CHECK(has(reason_of(prescription),
            "elu had 0.24, which counts as equal; what decided is fewer warnings: 0 runs with a warning against 2."));
  prescription.choice.tie = Tie::dead;
  prescription.choice.next_figure = 0.5;
  CHECK(has(reason_of(prescription), "fewer dead units: 0.0 % against 50.0 %"));
  prescription.choice.tie = Tie::changes;
  prescription.choice.figure = 1.0;
  prescription.choice.next_figure = 2.0;
  CHECK(has(reason_of(prescription), "less to change: 1 against 2 remedies"));
  prescription.confirmation.confirmed.push_back(prescription.confirmation.confirmed[0]);
  prescription.confirmation.confirmed[0].verdict = Verdict::helps;
  prescription.confirmation.confirmed[1].course.treatment.remedies = {"elu"};
  CHECK(has(reason_of(prescription), "On fresh seeds wider helps, elu cures."));
}

TEST_CASE("the changed config has a name of its own, that is a name") {
  const Treatment both{{"smaller_lr", "warmup"}, {"train.optimizer.lr=0.01", "train.warmup_steps=9"}};
  CHECK(named_changes(both, "digits").back() == "name=digits-smaller_lr-warmup");
  CHECK(named_changes(both, "digits").size() == 3);
  const std::string longest(100, 'x');
  CHECK(named_changes(both, longest).back() == "name=" + std::string(82, 'x') + "-smaller_lr-warmup");
  CHECK(derived_name("digits", "-pruned") == "digits-pruned");
  CHECK(derived_name(longest, "-pruned") == std::string(93, 'x') + "-pruned");
}
