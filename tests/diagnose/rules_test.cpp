// Each rule on records made by hand: what it must find, and what it must let pass.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "diagnose/diagnosis.hpp"
#include "diagnose/rules.hpp"

using namespace reluscope;

namespace {

/// A healthy run of two hidden layers and an output: 40 recorded steps, 3 censuses.
struct Healthy {
  Healthy() {
    run.steps.present = run.layers.present = run.census.present = run.units.present = true;
    for (std::int64_t step = 0; step < 40; ++step) {
      StepRecord row;
      row.step = step;
      row.loss = 2.3 * std::exp(-0.5 * static_cast<double>(step)) + 0.05;
      row.grad_norm = row.loss;
      row.param_norm = 12.0;
      row.grad_trace = 200.0 * row.grad_norm;
      row.grad_signal = row.grad_norm;
      run.steps.rows.push_back(row);
      for (std::int64_t layer = 1; layer <= 3; ++layer) {
        LayerRecord record;
        record.step = step;
        record.layer = layer;
        record.name = "dense" + std::to_string(layer);
        record.units = 10;
        record.zero_fraction = layer == 3 ? 0.0 : 0.5;
        record.z_mean = 0.05;
        record.z_std = 1.0 + 0.1 * static_cast<double>(layer);
        record.a_mean = 0.4;
        record.a_rms = 0.8;
        record.delta_rms = 0.2 * static_cast<double>(layer);
        record.update_ratio = 1e-3;
        record.weight_norm = 5.0;
        record.dead_min = record.dead_max = 0;
        run.layers.rows.push_back(record);
      }
    }
    run.loss = LossFacts{"cross_entropy", true};
    run.train = PartFacts{0.05, 2.3, 2.25, 0.01};
    run.features.present = true;
    run.features.rows.resize(2);
    for (FeatureRecord& row : run.features.rows) row.std = row.max = 1.0;
    for (const std::int64_t step : {0, 20, 40})
      for (std::int64_t layer = 1; layer <= 3; ++layer) {
        CensusRecord record;
        record.step = step;
        record.layer = layer;
        record.name = "dense" + std::to_string(layer);
        record.units = 10;
        record.saturated = record.dormant = 0;
        record.effective_rank = 8.0;
        run.census.rows.push_back(record);
      }
  }
  CensusRecord& census(std::size_t at, std::size_t layer) { return run.census.rows[at * 3 + layer - 1]; }
  LayerRecord& layer(std::size_t step, std::size_t layer) { return run.layers.rows[step * 3 + layer - 1]; }
  template <class Change>
  void each_row(std::size_t layer, Change change) {
    for (std::size_t step = 0; step < 40; ++step) change(this->layer(step, layer));
  }
  [[nodiscard]] const Finding* find(const std::string& rule) const {
    static Diagnosis diagnosis;
    diagnosis = diagnose(run);
    const auto found = std::find_if(diagnosis.findings.begin(), diagnosis.findings.end(),
                                    [&](const Finding& finding) { return finding.rule == rule; });
    return found == diagnosis.findings.end() ? nullptr : &*found;
  }
  RunTables run;
};

}  // namespace

TEST_CASE("a healthy run has no findings, and every rule could be applied") {
  const Healthy healthy;
  const Diagnosis diagnosis = diagnose(healthy.run);
  for (const Finding& finding : diagnosis.findings) CAPTURE(finding.rule);
  CHECK(diagnosis.findings.empty());
  CHECK(diagnosis.skipped.empty());
}

TEST_CASE("every rule has a name of its own, says what it does, and reads columns that exist") {
  for (const RuleEntry& rule : rule_table()) {
    CHECK_FALSE(rule.doc.empty());
    CHECK_FALSE(rule.needs.empty());
    CHECK(std::count_if(rule_table().begin(), rule_table().end(),
                        [&](const RuleEntry& other) { return other.name == rule.name; }) == 1);
  }
}

TEST_CASE("dead-on-arrival: some units, or a whole layer and not its victims") {
  Healthy run;
  run.census(0, 1).born_dead = run.census(0, 1).dead = 2;
  CHECK(run.find("dead-on-arrival") == nullptr);  // a fifth is luck
  run.census(0, 1).born_dead = run.census(0, 1).dead = 4;
  REQUIRE(run.find("dead-on-arrival") != nullptr);
  CHECK(run.find("dead-on-arrival")->severity == Severity::info);
  run.census(0, 1).born_dead = run.census(0, 1).dead = 5;
  CHECK(run.find("dead-on-arrival")->severity == Severity::warning);  // it has learned, but few units are left
  Healthy extinct;
  for (const std::size_t layer : {1U, 2U})
    for (std::size_t at = 0; at < 3; ++at) extinct.census(at, layer).born_dead = extinct.census(at, layer).dead = 10;
  const Finding* finding = extinct.find("dead-on-arrival");
  REQUIRE(finding != nullptr);
  CHECK(finding->severity == Severity::critical);
  CHECK(finding->layer == 1);
  CHECK(finding->name == "dense1");
  REQUIRE(extinct.find("collapsed-network") != nullptr);
  CHECK(extinct.find("collapsed-network")->step == 0);
}

TEST_CASE("dying-units tells how many, when, of what, and whether they can come back") {
  Healthy run;
  run.census(2, 2).dead = 2;
  REQUIRE(run.find("dying-units") != nullptr);
  CHECK(run.find("dying-units")->severity == Severity::info);
  CHECK(run.find("dying-units")->sentence ==
        "2 of 10 units of layer 'dense2' died, all of them by step 40; none is "
        "locked, so they may come back.");
  // Ten units: one dead from birth, six that died, five of them early.
  run.census(0, 2).dead = 1;
  run.census(2, 2).dead = 7;
  run.census(2, 2).locked = 4;
  for (std::size_t at = 0; at < 3; ++at) run.census(at, 2).born_dead = 1;
  for (std::int64_t unit = 0; unit < 10; ++unit) {
    UnitRecord record;
    record.layer = 2;
    record.unit = unit;
    record.state = unit < 7 ? "dead" : "alive";
    record.born_dead = unit == 0;
    if (unit == 0) record.cause = "born";
    if (unit > 0 && unit < 7) {
      record.deaths = 1;
      record.died_by = unit == 6 ? 31 : 3 + unit;
      record.cause = unit == 1 ? "own_bias" : "own_weights";
    }
    run.run.units.rows.push_back(record);
  }
  run.layer(2, 2).update_ratio = 0.55;
  run.layer(35, 2).update_ratio = 0.9;  // after they had died
  const Finding* finding = run.find("dying-units");
  REQUIRE(finding != nullptr);
  CHECK(finding->severity == Severity::warning);
  CHECK(finding->layer == 2);
  CHECK(finding->step == 31);
  CHECK(*finding->value == 0.7);
  CHECK(finding->sentence ==
        "6 of 10 units of layer 'dense2' died, all of them by step 31, pushed by their own weights after updates of up "
        "to 0.55 × the parameters' size; 1 more was dead from birth; 4 of the 7 dead are locked: they cannot come "
        "back in this run.");
  CHECK_FALSE(finding->remedies.empty());
  run.census(2, 2).dead = 8;  // units.csv speaks of others: it is left out
  CHECK(run.find("dying-units")->severity == Severity::critical);
  CHECK(
      run.find("dying-units")->sentence.find("7 of 10 units of layer 'dense2' died, all of them by step 40; 1 more") ==
      0);
}

TEST_CASE("dying-units: a peak that has passed is information, and is not mixed with the end") {
  Healthy run;
  run.census(1, 2).dead = 6;
  const Finding* finding = run.find("dying-units");
  REQUIRE(finding != nullptr);
  CHECK(finding->severity == Severity::info);
  CHECK(finding->step == 20);
  CHECK(finding->sentence == "6 of 10 units of layer 'dense2' were dead at step 20; most came back: at the end 0 are.");
}

TEST_CASE("a layer that is 90 % sparse and has no dead unit is healthy, and called so") {
  Healthy run;
  run.each_row(1, [](LayerRecord& row) { row.zero_fraction = 0.9; });
  const Finding* finding = run.find("sparse-is-fine");
  REQUIRE(finding != nullptr);
  CHECK(finding->severity == Severity::info);
  CHECK(diagnose(run.run).worst() == Severity::info);
  run.each_row(1, [](LayerRecord& row) { row.dead_max = 1; });
  CHECK(run.find("sparse-is-fine") == nullptr);
}

TEST_CASE("a loss without a gradient is blamed on the loss, not on dying units or a vanishing gradient") {
  Healthy run;
  for (const std::size_t layer : {1U, 2U, 3U})
    run.each_row(layer, [](LayerRecord& row) {
      row.delta_rms = 0.0;
      row.update_ratio = 0.0;
    });
  const Finding* finding = run.find("zero-gradient");
  REQUIRE(finding != nullptr);
  CHECK(finding->severity == Severity::critical);
  CHECK(run.find("vanishing-gradient") == nullptr);
  CHECK(run.find("dying-units") == nullptr);
}

TEST_CASE("a converged run is no vanishing gradient") {
  Healthy run;
  for (const std::size_t layer : {1U, 2U, 3U})
    for (std::size_t step = 10; step < 40; ++step) run.layer(step, layer).delta_rms = 1e-12;
  CHECK(run.find("vanishing-gradient") == nullptr);
  CHECK(diagnose(run.run).findings.empty());
}

TEST_CASE("vanishing and exploding gradients over depth") {
  Healthy run;
  run.each_row(1, [](LayerRecord& row) { row.delta_rms = 1e-5; });
  REQUIRE(run.find("vanishing-gradient") != nullptr);
  CHECK(run.find("vanishing-gradient")->layer == 1);
  run.each_row(1, [](LayerRecord& row) { row.delta_rms = 1e5; });
  REQUIRE(run.find("vanishing-gradient") != nullptr);
  CHECK(run.find("vanishing-gradient")->sentence.find("grows") != std::string::npos);
}

TEST_CASE("exploding gradient: a rise, and what is not finite") {
  Healthy run;
  run.run.train = PartFacts{1.9, 2.3, 0.4, 0.01};  // better than a constant, but not by much
  run.run.steps.rows[30].grad_norm = 1000.0;
  for (std::size_t at = 36; at < 40; ++at) run.run.steps.rows[at].grad_norm = 500.0;  // and does not come back down
  REQUIRE(run.find("exploding-gradient") != nullptr);
  CHECK(run.find("exploding-gradient")->severity == Severity::warning);
  CHECK(run.find("exploding-gradient")->step == 30);
  run.run.steps.rows[35].loss = NAN;
  CHECK(run.find("exploding-gradient")->severity == Severity::critical);
  CHECK(run.find("exploding-gradient")->step == 35);
}

TEST_CASE("sizes: updates, activations, initialisation, saturation, parameters that never change") {
  {
    Healthy run;
    run.each_row(2, [](LayerRecord& row) { row.update_ratio = 0.9; });
    REQUIRE(run.find("update-ratio") != nullptr);
    CHECK(run.find("update-ratio")->layer == 2);
  }
  {
    Healthy run;
    run.each_row(2, [](LayerRecord& row) { row.update_ratio = 1e-10; });
    CHECK(run.find("update-ratio") != nullptr);
  }
  {
    Healthy run;
    run.each_row(2, [](LayerRecord& row) { row.update_ratio = 0.0; });
    REQUIRE(run.find("unchanged-weights") != nullptr);
    CHECK(run.find("unchanged-weights")->layer == 2);
    CHECK(run.find("update-ratio") == nullptr);
    for (std::size_t at = 0; at < 3; ++at) run.census(at, 2).dead = 10;  // then that is no news
    CHECK(run.find("unchanged-weights") == nullptr);
  }
  {
    Healthy run;
    run.each_row(2, [](LayerRecord& row) { row.a_rms = 500.0; });
    CHECK(run.find("exploding-activation") != nullptr);
  }
  for (const double end : {0.8, 0.801}) {
    // More than a hundredfold, from next to nothing: an explosion where it ends above the first layer's 0.8.
    Healthy run;
    run.layer(0, 2).a_rms = 1e-3;
    run.layer(39, 2).a_rms = end;
    CHECK((run.find("exploding-activation") != nullptr) == (end > 0.8));
  }
  {
    Healthy run;
    run.each_row(2, [](LayerRecord& row) { row.z_std = 6.0; });
    CHECK(run.find("poor-initialisation") != nullptr);
  }
  {
    Healthy run;
    run.census(1, 1).saturated = run.census(2, 1).saturated = 8;
    REQUIRE(run.find("saturation") != nullptr);
    CHECK(run.find("saturation")->sentence.find("8 of 10 units of layer 'dense1' are saturated since step 20") == 0);
    run.census(2, 1).dead = 6;  // dead units are saturated as well: they are another rule's
    CHECK(run.find("saturation") == nullptr);
  }
}

TEST_CASE("symmetric-units: an effective rank that was not measured is not a small one") {
  Healthy run;
  run.census(0, 1).effective_rank = 1.0;
  REQUIRE(run.find("symmetric-units") != nullptr);
  run.census(0, 1).effective_rank.reset();
  CHECK(run.find("symmetric-units") == nullptr);
  run.layer(0, 1).weight_norm = 0.0;
  REQUIRE(run.find("symmetric-units") != nullptr);
  CHECK(!run.find("symmetric-units")->value);
}

TEST_CASE("from parameters of 0 a step is infinitely large, which says nothing of the rate") {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  // Of 15 recorded rows one is the start.
  const auto with_second = [](double ratio) {
    Healthy run;
    run.run.layers.rows.resize(15 * 3);
    for (LayerRecord& row : run.run.layers.rows)
      if (row.layer == 2) row.update_ratio = row.step == 0 ? kInfinite : row.step == 1 ? ratio : 1e-3;
    return run;
  };
  CHECK(with_second(0.3).find("update-ratio") == nullptr);
  Healthy fast = with_second(0.31);
  REQUIRE(fast.find("update-ratio") != nullptr);
  CHECK(fast.find("update-ratio")->value == 0.31);
  {
    // Nor of how far a layer that is saturated from the start has come.
    Healthy run = with_second(1e-6);
    for (LayerRecord& row : run.run.layers.rows)
      if (row.layer == 2 && row.step > 0) row.update_ratio = 1e-6;
    for (std::size_t at = 0; at < 3; ++at) run.census(at, 2).saturated = 10;
    REQUIRE(run.find("saturation") != nullptr);
    CHECK(run.find("saturation")->severity == Severity::warning);
  }
  {
    // Nor of what the units that died had gone through.
    Healthy run = with_second(0.25);
    for (const std::size_t at : {std::size_t{1}, std::size_t{2}}) run.census(at, 2).dead = 6;
    for (std::int64_t unit = 0; unit < 6; ++unit) {
      UnitRecord row;
      row.layer = 2;
      row.unit = unit;
      row.state = "dead";
      row.deaths = 1;
      row.died_by = 20;
      row.cause = "own_weights";
      run.run.units.rows.push_back(row);
    }
    REQUIRE(run.find("dying-units") != nullptr);
    CHECK(run.find("dying-units")->sentence.find("after updates of up to 0.25 ×") != std::string::npos);
  }
}

TEST_CASE("loss: not decreasing, oscillating") {
  Healthy run;
  run.run.start_loss = 2.3;
  CHECK(run.find("loss-not-decreasing") == nullptr);
  run.run.train = PartFacts{2.29, 2.3, 0.01, 0.01};
  REQUIRE(run.find("loss-not-decreasing") != nullptr);
  CHECK(run.find("loss-not-decreasing")->symptom_of == "no-better-than-constant");
  for (StepRecord& row : run.run.steps.rows) row.loss = row.step % 2 == 0 ? 2.0 : 0.1;
  CHECK(run.find("loss-oscillating") != nullptr);
}

TEST_CASE("thresholds can be set") {
  Healthy run;
  run.census(2, 1).dead = 1;
  CHECK(run.find("dying-units") != nullptr);
  Thresholds thresholds;
  const auto rule = std::find_if(rule_table().begin(), rule_table().end(),
                                 [](const RuleEntry& entry) { return entry.name == "dying-units"; });
  ParamValues values(rule->params);
  values.set("notice", 0.5);
  thresholds["dying-units"] = values;
  CHECK(diagnose(run.run, thresholds).findings.empty());
}

TEST_CASE("noisy-gradient goes by the ratio of averages, and names no figure that it does not have") {
  const auto with = [](double trace, double signal, double spread) {
    Healthy run;
    double sign = 1.0;
    for (StepRecord& row : run.run.steps.rows) {
      row.grad_noise = std::numeric_limits<double>::infinity();  // what a batch alone says
      row.grad_trace = trace;
      row.grad_signal = signal + sign * spread;
      sign = -sign;
    }
    return run;
  };
  const Healthy below = with(9.9e3, 1.0, 2.0);
  CHECK(below.find("noisy-gradient") == nullptr);
  const Healthy above = with(1.01e4, 1.0, 2.0);
  const Finding* finding = above.find("noisy-gradient");
  REQUIRE(finding != nullptr);
  CHECK(*finding->value == doctest::Approx(1.01e4));
  CHECK(finding->sentence.find("over 4 recorded steps") != std::string::npos);
  for (const double signal : {-0.1, 0.0, 1e-320}) {
    const Healthy noise = with(1.0, signal, 0.0);
    finding = noise.find("noisy-gradient");
    REQUIRE(finding != nullptr);
    CHECK_FALSE(finding->value.has_value());
    CHECK(finding->sentence.find("inf") == std::string::npos);
    CHECK(finding->sentence.find("cannot be told from noise") != std::string::npos);
  }
  // No gradient at all is no noise, and what is not finite says nothing.
  CHECK(with(0.0, 0.0, 0.0).find("noisy-gradient") == nullptr);
  CHECK(with(std::numeric_limits<double>::infinity(), 1.0, 0.0).find("noisy-gradient") == nullptr);
  CHECK(with(1.0, std::numeric_limits<double>::quiet_NaN(), 0.0).find("noisy-gradient") == nullptr);
}
