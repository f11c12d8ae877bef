// Causes before symptoms: which finding explains which, and the order in which they stand.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "diagnose/diagnosis.hpp"
#include "diagnose/findings_json.hpp"
#include "diagnose/rules.hpp"
#include "support/healthy_tables.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

std::vector<std::string> names(const Diagnosis& diagnosis) {
  std::vector<std::string> rules;
  for (const Finding& finding : diagnosis.findings)
    if (finding.severity > Severity::info) rules.push_back(finding.rule);
  return rules;
}

const Finding& first(const Diagnosis& diagnosis, const std::string& rule) {
  const auto found = std::find_if(diagnosis.findings.begin(), diagnosis.findings.end(),
                                  [&](const Finding& finding) { return finding.rule == rule; });
  REQUIRE(found != diagnosis.findings.end());
  return *found;
}

/// Of a network that has learned nothing.
HealthyTables unlearned() {
  HealthyTables run;
  run.train = PartFacts{2.31, 2.3, 0.0, 0.01};
  return run;
}

/// Whether `from` explains `to`, by way of others too.
bool reaches(const std::string& from, const std::string& to, std::set<std::string>& seen) {
  const RuleEntry* rule = find_entry(rule_table(), from);
  if (rule == nullptr) return false;  // an effect
  for (const std::string& next : rule->explains)
    if (next == to || (seen.insert(next).second && reaches(next, to, seen))) return true;
  return false;
}

}  // namespace

TEST_CASE("rules explain rules that exist, and never in a circle") {
  for (const RuleEntry& rule : rule_table()) {
    CAPTURE(rule.name);
    for (const std::string& symptom : rule.explains) {
      CAPTURE(symptom);
      CHECK((find_entry(rule_table(), symptom) != nullptr || symptom == kSlowUpdates));
    }
    std::set<std::string> seen;
    CHECK_FALSE(reaches(rule.name, rule.name, seen));
  }
}

TEST_CASE("the cause stands first, though its symptom is graver, and symptoms name it") {
  HealthyTables run = unlearned();
  for (FeatureRecord& row : run.features.rows) row.mean = 900.0;
  run.each_census(1, [](CensusRecord& row) { row.dead = row.step > 0 ? row.units : 0; });
  const Diagnosis diagnosis = diagnose(run);
  CHECK(names(diagnosis) ==
        std::vector<std::string>{"unscaled-inputs", "collapsed-network", "dying-units", "no-better-than-constant"});
  CHECK(diagnosis.worst() == Severity::critical);
  CHECK(diagnosis.findings.front().symptom_of.empty());
  for (const char* symptom : {"collapsed-network", "dying-units", "no-better-than-constant"})
    CHECK(first(diagnosis, symptom).symptom_of == "unscaled-inputs");
  const std::string json = diagnosis_json(diagnosis);
  CHECK(json.find("\"cause_of\": [\n        \"collapsed-network\"") != std::string::npos);
}

TEST_CASE("a rise of the gradient that passed is information where the network has learned") {
  HealthyTables run;
  run.train->loss = 1.9;  // better than a constant, but not by much
  run.steps.rows[30].grad_norm = 1000.0;
  CHECK(first(diagnose(run), "exploding-gradient").severity == Severity::info);
  run.each_step([](StepRecord& row) { row.grad_norm = 1000.0; }, 90);
  CHECK(first(diagnose(run), "exploding-gradient").severity == Severity::warning);
}

TEST_CASE("a network whose held-out loss is worse than a constant's has nothing to excuse its initialiser with") {
  HealthyTables run;
  run.row(0, 2).z_std = 6.0;
  CHECK(first(diagnose(run), "poor-initialisation").severity == Severity::info);
  run.test->gain = -0.1;
  CHECK(first(diagnose(run), "poor-initialisation").severity == Severity::warning);
}

TEST_CASE("slow steps are the effect of what stops the signal; fast ones are a cause") {
  HealthyTables run = unlearned();
  run.each_row(2, [](LayerRecord& row) { row.update_ratio = 1e-7; });
  run.each_row(1, [](LayerRecord& row) { row.delta_rms = 1e-9; });
  const Diagnosis slow = diagnose(run);
  CHECK(first(slow, "update-ratio").symptom_of == "vanishing-gradient");
  CHECK(first(slow, "update-ratio").remedies.front() == "larger_lr");
  run.each_row(2, [](LayerRecord& row) { row.update_ratio = 5.0; });
  const Diagnosis fast = diagnose(run);
  CHECK(first(fast, "update-ratio").symptom_of.empty());
  CHECK(first(fast, "update-ratio").remedies.front() == "smaller_lr");
}

TEST_CASE("what died of its biases where hardly a signal came is the initialiser's, and no other death") {
  // Layer 2 dies whole, `of_bias` of its 1000 units of their own biases; before that its z² was a millionth of layer
  // 1's, or layer 1 is the one that dies.
  const auto cause_with = [](std::int64_t of_bias, std::int64_t layer = 2) {
    HealthyTables run = unlearned();
    run.row(0, 2).z_std = 1e-3;
    run.each_census(layer, [](CensusRecord& row) { row.dead = row.step > 0 ? row.units : 0; });
    for (std::int64_t unit = 0; unit < HealthyTables::kUnits; ++unit) {
      UnitRecord row;
      row.layer = layer;
      row.unit = unit;
      row.state = "dead";
      row.deaths = 1;
      row.cause = unit < of_bias ? "own_bias" : "own_weights";
      run.units.rows.push_back(row);
    }
    return names(diagnose(run)).front();
  };
  CHECK(cause_with(501) == "poor-initialisation");
  CHECK(cause_with(500) == "collapsed-network");
  CHECK(cause_with(1000, 1) == "collapsed-network");
}

TEST_CASE(
    "equal units and decay that outweighs the loss stand before what they do; neither is blamed where it is not "
    "there") {
  HealthyTables run = unlearned();
  run.census_row(0, 1).effective_rank = 1.0;
  run.each_census(1, [](CensusRecord& row) { row.dead = row.step > 0 ? row.units : 0; });
  CHECK(names(diagnose(run)).front() == "symmetric-units");
  for (CensusRecord& row : run.census.rows)
    if (row.layer == 1) row.units = 3;  // so few may do so by chance
  run.each_census(1, [](CensusRecord& row) { row.dead = row.step > 0 ? row.units : 0; });
  CHECK(names(diagnose(run)).front() == "collapsed-network");
  run.each_census(1, [](CensusRecord& row) { row.units = row.step > 0 ? row.dead = 1000 : 1000; });
  CHECK(names(diagnose(run)).front() == "symmetric-units");
  run.census_row(0, 1).dead = 5;  // what is left of the others
  CHECK(names(diagnose(run)).front() == "collapsed-network");
  run.census_row(0, 1).dead = 0;
  run.features.rows.resize(1);  // of a single feature drawn weights make the same
  CHECK(names(diagnose(run)).front() == "collapsed-network");
  HealthyTables shrunk = unlearned();
  shrunk.steps.rows.back().param_norm = 0.1;
  CHECK(names(diagnose(shrunk)).front() == "no-better-than-constant");
  shrunk.loss->decays = true;
  CHECK(names(diagnose(shrunk)).front() == "too-much-decay");
  CHECK(first(diagnose(shrunk), "no-better-than-constant").symptom_of == "too-much-decay");
}

TEST_CASE("units saturated before the first update are no effect of slow steps: these are theirs") {
  HealthyTables run;
  run.each_census(2, [](CensusRecord& row) { row.saturated = row.units; });
  run.each_row(2, [](LayerRecord& row) { row.update_ratio = 1e-7; });
  const Diagnosis diagnosis = diagnose(run);
  CHECK(first(diagnosis, "saturation").severity == Severity::warning);
  CHECK(first(diagnosis, "saturation").symptom_of.empty());
  CHECK(first(diagnosis, "update-ratio").symptom_of == "saturation");
}

TEST_CASE("what to try first on a network that has learned nothing depends on where its loss went") {
  const auto first_remedy = [](double loss, double (*at)(double)) {
    HealthyTables run = unlearned();
    run.train->loss = loss;
    run.each_step([at](StepRecord& row) { row.loss = at(static_cast<double>(row.step)); });
    return first(diagnose(run), "no-better-than-constant").remedies.front();
  };
  CHECK(first_remedy(2.31, [](double step) { return 2.5 - 0.001 * step; }) == "more_steps");
  CHECK(first_remedy(40.0, [](double step) { return 2.5 + step; }) == "smaller_lr");
  CHECK(first_remedy(2.31, [](double) { return 2.31; }) == "adam");
  HealthyTables still = unlearned();
  still.each_step([](StepRecord& row) { row.loss = 3.0; });
  still.start_loss = 3.05;
  still.train->loss = 3.0;  // far above a constant's, where it began
  CHECK(first(diagnose(still), "no-better-than-constant").remedies.front() == "larger_lr");
}

TEST_CASE("of two causes the one with the graver symptoms stands first, and has those that both explain") {
  HealthyTables run = unlearned();
  run.row(0, 2).z_std = 0.1;  // dies out with depth: kills no unit
  run.row(0, 1).update_ratio = 30.0;
  run.each_census(1, [](CensusRecord& row) { row.dead = row.step > 0 ? row.units : 0; });
  const Diagnosis diagnosis = diagnose(run);
  CHECK(names(diagnosis) == std::vector<std::string>{"update-ratio", "collapsed-network", "dying-units",
                                                     "no-better-than-constant", "poor-initialisation"});
  CHECK(first(diagnosis, "no-better-than-constant").symptom_of == "update-ratio");
}

TEST_CASE("information neither explains nor is explained") {
  HealthyTables run;  // it has learned well
  for (FeatureRecord& row : run.features.rows) row.mean = 900.0;
  run.each_census(1, [](CensusRecord& row) { row.dead = row.step > 0 ? 600 : 0; });
  const Diagnosis diagnosis = diagnose(run);
  CHECK(names(diagnosis) == std::vector<std::string>{"dying-units"});
  CHECK(first(diagnosis, "dying-units").symptom_of.empty());
  CHECK(first(diagnosis, "unscaled-inputs").severity == Severity::info);
  CHECK(diagnosis.findings.back().severity == Severity::info);
}

TEST_CASE("what is said of a network that has learned nothing, where a linear fit is no better") {
  HealthyTables run = unlearned();
  const auto said = [&] { return first(diagnose(run), "no-better-than-constant").sentence; };
  CHECK(said().find("linear") == std::string::npos);
  run.linear_is_better = false;
  CHECK(said().find("the data may hold no more") != std::string::npos);
  run.linear_is_better = true;
  CHECK(said().find("there is something to learn") != std::string::npos);
}
