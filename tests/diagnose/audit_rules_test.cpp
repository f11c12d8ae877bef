// The published rules that look at a whole program of training, torch-audit's and TheDeepChecker's: each has tables
// that fire it and tables, next to the same, that do not, for each of its thresholds.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "diagnose/diagnosis.hpp"
#include "diagnose/rules.hpp"
#include "support/healthy_tables.hpp"

// A namespace of its own: files of a room are compiled as one.
namespace reluscope::test::audit {

namespace {

using Change = std::function<void(HealthyTables&)>;

struct Twins {
  std::string rule;
  std::string threshold;  ///< empty: the rule has none here
  Change fires;
  Change passes;
  std::int64_t rows = 100;
};

/// Twins whose tables differ in one number.
template <class Number, class Set>
Twins twins(std::string rule, std::string threshold, Number fires, Number passes, Set set, std::int64_t rows = 100) {
  return {std::move(rule), std::move(threshold), [=](HealthyTables& run) { set(run, fires); },
          [=](HealthyTables& run) { set(run, passes); }, rows};
}

/// A recorded number of a layer, in one row or in every one.
template <class M>
auto in_row(std::int64_t step, std::int64_t layer, M LayerRecord::*member) {
  return [=](HealthyTables& run, double value) { run.row(step, layer).*member = value; };
}
template <class M>
auto in_all(std::int64_t layer, M LayerRecord::*member) {
  return [=](HealthyTables& run, double value) { run.each_row(layer, [=](LayerRecord& row) { row.*member = value; }); };
}

/// The mean loss of steps 10 k − 9 to 10 k is `loss(k)`, that of step 0 `loss(0)`.
template <class Loss>
void set_losses(HealthyTables& run, Loss loss) {
  run.each_step([&](StepRecord& row) { row.loss = loss((row.step + 9) / 10); });
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<Twins> torch_audit_twins() {
  const auto norm = [](HealthyTables& run, double value) { run.steps.rows[60].grad_norm = value; };
  const auto bias = [](HealthyTables& run, double value) { run.row(60, 2).grad_norm_b = value; };
  const auto largest = [](HealthyTables& run, double value) { run.features.rows[1].max = value; };
  const auto spread = [](HealthyTables& run, double value) {
    for (FeatureRecord& row : run.features.rows) row.std = value;
  };
  // Features that do not vary, but are not the same.
  const auto apart = [](HealthyTables& run, double distance) {
    for (FeatureRecord& row : run.features.rows) row.std = 0.0;
    run.features.rows[0].mean += distance;
  };
  return {
      twins("torch-audit-non-finite", "", kInfinity, 1e300, in_row(60, 2, &LayerRecord::grad_norm_w)),
      twins("torch-audit-non-finite", "", kInfinity, 1e300, in_row(60, 2, &LayerRecord::weight_norm)),
      twins("torch-audit-non-finite", "", kInfinity, 1e300, bias),
      twins("torch-audit-gradient-explosion", "norm", 100.01, 100.0, norm),
      twins("torch-audit-gradient-explosion", "", 1e300, kInfinity, norm),
      twins("torch-audit-zero-gradient", "", 0.0, 1e-300, in_row(60, 2, &LayerRecord::grad_norm_w)),
      twins("torch-audit-zero-gradient", "", 0.0, 1e-300, bias),
      twins("torch-audit-activation-collapse", "share", 0.9001, 0.9, in_row(60, 1, &LayerRecord::zero_fraction)),
      twins("torch-audit-data-range", "max", 50.01, 50.0, largest),
      twins("torch-audit-flat-data", "std", 0.9999e-5, 1.0001e-5, spread),
      twins("torch-audit-flat-data", "", 1e-5, 1e-4, apart),
  };
}

std::vector<Twins> layer_twins() {
  // Four ratios in a row, and then no more change.
  const auto by_ratio = [](HealthyTables& run, double ratio) {
    run.each_row(2, [=](LayerRecord& row) {
      row.grad_mean = 1e-3 * std::pow(ratio, std::clamp(static_cast<double>(row.step) - 6.0, 0.0, 4.0));
    });
  };
  const auto halves_from = [](HealthyTables& run, std::int64_t first) {
    run.each_row(2, [=](LayerRecord& row) {
      row.grad_mean = row.step < first ? 1e-3
                                       : 1e-3 * std::pow(0.4, std::min(10.0, 1.0 * static_cast<double>(row.step)) -
                                                                  static_cast<double>(first) + 1.0);
    });
  };
  const auto spread = [](HealthyTables& run, double deviation) {
    run.each_row(1, [=](LayerRecord& row) { row.a_rms = std::hypot(deviation, row.a_mean); });
  };
  // A batch is narrow, but batches lie apart.
  const auto apart = [](HealthyTables& run, double mean) {
    run.each_row(1, [=](LayerRecord& row) {
      row.a_mean = row.step % 2 == 0 ? mean : -mean;
      row.a_rms = mean;
    });
  };
  return {
      twins("thedeepchecker-non-finite", "", kInfinity, 1e300, in_row(7, 1, &LayerRecord::weight_norm)),
      twins("thedeepchecker-non-finite", "", kInfinity, 1e300, in_row(7, 2, &LayerRecord::grad_norm_w)),
      twins("thedeepchecker-non-finite", "", kInfinity, 1e300, in_row(7, 3, &LayerRecord::a_rms)),
      twins("thedeepchecker-vanishing-gradient", "mean", 0.9999e-6, 1e-6, in_all(3, &LayerRecord::grad_mean)),
      twins("thedeepchecker-vanishing-gradient", "rate", 0.5, 0.5001, by_ratio),
      twins("thedeepchecker-vanishing-gradient", "", std::int64_t{7}, std::int64_t{8}, halves_from),
      twins("thedeepchecker-exploding-gradient", "mean", 1.0001e6, 1e6, in_all(3, &LayerRecord::grad_mean)),
      twins("thedeepchecker-exploding-gradient", "rate", 2.0, 1.9999, by_ratio),
      // 0.5 / √2.70554 and 2 √2.70554.
      twins("thedeepchecker-unstable-activation", "low", 0.3039, 0.3041, spread),
      twins("thedeepchecker-unstable-activation", "high", 3.290, 3.289, spread),
      twins("thedeepchecker-unstable-activation", "f", 0.3039, 0.3041, spread),
      twins("thedeepchecker-unstable-activation", "f", 3.290, 3.289, spread),
      twins("thedeepchecker-unstable-activation", "", 0.3039, 0.3041, apart),
  };
}

std::vector<Twins> loss_twins() {
  const auto one_loss = [](HealthyTables& run, double loss) { run.steps.rows[7].loss = loss; };
  const auto falls_by = [](HealthyTables& run, double share) {
    set_losses(run, [=](std::int64_t period) { return 2.0 * std::pow(1.0 - share, static_cast<double>(period)); });
  };
  // Three times in a row do not count.
  const auto stays_for = [](HealthyTables& run, std::int64_t periods) {
    set_losses(run, [=](std::int64_t period) {
      const std::int64_t falls = period <= 2 ? period : std::max<std::int64_t>(2, period - periods);
      return 2.0 * std::pow(0.8, static_cast<double>(falls));
    });
  };
  const auto grows_by = [](HealthyTables& run, double ratio) {
    set_losses(run, [=](std::int64_t period) { return std::pow(ratio, static_cast<double>(period)); });
  };
  // 50 means: they fall, and turn with every one of the last.
  const auto turns = [](HealthyTables& run, std::int64_t count) {
    set_losses(run, [=](std::int64_t period) {
      const std::int64_t first = 49 - count;
      return period <= first ? 100.0 - static_cast<double>(period) : (period - first) % 2 == 1 ? 200.0 : 10.0;
    });
  };
  // Three means of losses and accuracies with this correlation.
  const auto together = [](HealthyTables& run, double correlation) {
    run.each_step([=](StepRecord& row) {
      const auto period = static_cast<double>((row.step + 9) / 10) - 1.0;  // −1, 0, 1
      const double along = period / std::sqrt(2.0);
      const double across = (period == 0.0 ? -2.0 : 1.0) / std::sqrt(6.0);
      row.loss = 1.0 - 0.1 * along;
      row.accuracy = 0.5 + 0.1 * (correlation * along + std::sqrt(1.0 - correlation * correlation) * across);
    });
  };
  const auto first_loss = [](HealthyTables& run, double loss) { run.steps.rows[0].loss = loss; };
  const auto labels = [](HealthyTables& run, double loss) {
    run.loss = LossFacts{"bce", true};
    run.each_row(3, [](LayerRecord& row) { row.units = 1; });
    run.steps.rows[0].loss = loss;
  };
  return {
      twins("thedeepchecker-non-finite-loss", "", kInfinity, 1e300, one_loss),
      twins("thedeepchecker-stagnated-loss", "share", 0.0499, 0.0501, falls_by),
      twins("thedeepchecker-stagnated-loss", "", std::int64_t{4}, std::int64_t{3}, stays_for),
      twins("thedeepchecker-diverging-loss", "rate", 2.0001, 1.9999, grows_by),
      twins("thedeepchecker-fluctuating-loss", "smoothness", std::int64_t{26}, std::int64_t{25}, turns, 500),
      twins("thedeepchecker-unrepresentative-loss", "correlation", 0.4999, 0.5001, together, 30),
      twins("thedeepchecker-unrepresentative-loss", "correlation", -0.4999, -0.5001, together, 30),
      // Twice the logarithms of 1000 classes, and of 2.
      twins("thedeepchecker-initial-loss", "share", 13.82, 13.81, first_loss),
      twins("thedeepchecker-initial-loss", "", 1.387, 1.386, labels),
  };
}

std::vector<Twins> data_twins() {
  const auto mean = [](HealthyTables& run, double value) { run.features.rows[1].mean = value; };
  const auto deviation = [](HealthyTables& run, double value) { run.features.rows[1].std = value; };
  // A range that is right is not looked into.
  const auto end = [](HealthyTables& run, double largest) {
    for (FeatureRecord& row : run.features.rows) {
      row.mean = 0.5;
      row.std = 0.2;
      row.min = 0.0;
      row.max = largest;
    }
  };
  const auto nameless = [](HealthyTables& run, double value) {
    for (FeatureRecord& row : run.features.rows) {
      row.source.reset();
      row.std = 1.0;
      row.mean = 0.0;
    }
    run.features.rows[1].mean = 3.0 * value;
  };
  const auto target_mean = [](HealthyTables& run, double value) {
    run.targets = TargetFacts{};
    run.targets->mean = value;
    run.targets->std = 1.0;
    run.targets->min = -3.0;
    run.targets->max = 3.0;
  };
  const auto target_end = [](HealthyTables& run, double smallest) {
    run.targets = TargetFacts{};
    run.targets->mean = 0.5;
    run.targets->std = 0.2;
    run.targets->min = smallest;
    run.targets->max = 1.0;
  };
  return {
      twins("thedeepchecker-unnormalized-inputs", "off", 0.0101, 0.0099, mean),
      twins("thedeepchecker-unnormalized-inputs", "off", -0.0101, -0.0099, mean),
      twins("thedeepchecker-unnormalized-inputs", "off", 1.0101, 1.0099, deviation),
      twins("thedeepchecker-unnormalized-inputs", "off", 0.9899, 0.9901, deviation),
      twins("thedeepchecker-unnormalized-inputs", "off", 1.0101, 1.0099, end),
      twins("thedeepchecker-unnormalized-inputs", "off", 0.0101, 0.0099, nameless),
      twins("thedeepchecker-unnormalized-targets", "off", 0.0101, 0.0099, target_mean),
      twins("thedeepchecker-unnormalized-targets", "off", -0.9899, -0.9901, target_end),
  };
}

const std::vector<Twins>& all_twins() {
  static const std::vector<Twins> all = [] {
    std::vector<Twins> every;
    for (const auto& make : {torch_audit_twins, layer_twins, loss_twins, data_twins})
      for (Twins& one : make()) every.push_back(std::move(one));
    return every;
  }();
  return all;
}

const RuleEntry& entry_of(const std::string& name) {
  const RuleEntry* rule = find_entry(rule_table(), name);
  REQUIRE_MESSAGE(rule != nullptr, "there is no rule " << name);
  return *rule;
}

/// The rule's findings.
std::vector<Finding> found_by(const std::string& rule, const HealthyTables& run, const Thresholds& thresholds = {}) {
  std::vector<Finding> found = diagnose(run, thresholds, entry_of(rule).set).findings;
  std::erase_if(found, [&](const Finding& finding) { return finding.rule != rule; });
  return found;
}
bool fires(const Twins& pair, const Change& change, double factor = 1.0) {
  HealthyTables run(pair.rows);
  change(run);
  ParamValues values(entry_of(pair.rule).params);
  if (!pair.threshold.empty()) values.set(pair.threshold, factor * values.number(pair.threshold));
  return !found_by(pair.rule, run, {{pair.rule, values}}).empty();
}

/// Those of TheDeepChecker that are not about the program have their tables in rule_thresholds_test.cpp.
bool is_told_elsewhere(const RuleEntry& rule) {
  return rule.name == "thedeepchecker-dead-layer" || rule.name == "thedeepchecker-update-ratio";
}

}  // namespace

TEST_CASE("tables of a healthy run fire no rule of torch-audit or TheDeepChecker") {
  for (const char* set : {"torch-audit", "thedeepchecker"})
    for (const std::int64_t rows : {1, 12, 100}) {
      const Diagnosis diagnosis = diagnose(HealthyTables(rows), {}, set);
      for (const Finding& finding : diagnosis.findings) FAIL_CHECK(finding.rule << ": " << finding.sentence);
      for (const SkippedRule& skipped : diagnosis.skipped) FAIL_CHECK(skipped.rule << " needs " << skipped.missing);
    }
}

TEST_CASE("twins: one fires, the other passes, and a default five per cent off would tell them apart no more") {
  for (const Twins& pair : all_twins()) {
    CAPTURE(pair.rule);
    CAPTURE(pair.threshold);
    CHECK(fires(pair, pair.fires));
    CHECK_FALSE(fires(pair, pair.passes));
    if (pair.threshold.empty()) continue;
    CHECK_FALSE((fires(pair, pair.fires, 0.95) && fires(pair, pair.fires, 1.05)));
    CHECK((fires(pair, pair.passes, 0.95) || fires(pair, pair.passes, 1.05)));
  }
}

TEST_CASE("every rule of torch-audit, and of TheDeepChecker about the program, has twins for each threshold") {
  for (const RuleEntry& rule : rule_table()) {
    if ((rule.set != "torch-audit" && rule.set != "thedeepchecker") || is_told_elsewhere(rule)) continue;
    CAPTURE(rule.name);
    const auto has_twins = [&](const std::string& threshold) {
      return std::any_of(all_twins().begin(), all_twins().end(), [&](const Twins& pair) {
        return pair.rule == rule.name && (threshold.empty() || pair.threshold == threshold);
      });
    };
    CHECK(has_twins(""));
    for (const Param& param : rule.params) {
      CAPTURE(param.name);
      CHECK(has_twins(param.name));
    }
  }
}

TEST_CASE("a finding says where: the first layer and step at which its rule looks") {
  HealthyTables run;
  run.each_row(
      2, [](LayerRecord& row) { row.grad_mean = 1e-9; }, 11);
  const std::vector<Finding> found = found_by("thedeepchecker-vanishing-gradient", run);
  REQUIRE(found.size() == 1);
  CHECK(found[0].layer == 2);
  CHECK(found[0].step == 20);  // not between the tenth iterations
  CHECK(found[0].value == 1e-9);

  HealthyTables steep;
  steep.steps.rows[60].grad_norm = steep.steps.rows[70].grad_norm = 101.0;
  const std::vector<Finding> exploded = found_by("torch-audit-gradient-explosion", steep);
  REQUIRE(exploded.size() == 1);
  CHECK(exploded[0].step == 60);
}

TEST_CASE("torch-audit's severities are its own") {
  HealthyTables run;
  run.features.rows[0].max = 255.0;
  run.row(3, 1).grad_norm_w = 0.0;
  run.row(3, 1).zero_fraction = 0.95;
  const auto severity = [&](const char* rule) { return found_by(rule, run).at(0).severity; };
  CHECK(severity("torch-audit-data-range") == Severity::critical);
  CHECK(severity("torch-audit-zero-gradient") == Severity::info);
  CHECK(severity("torch-audit-activation-collapse") == Severity::warning);
}

TEST_CASE("torch-audit hooks no gelu, and no output without an activation") {
  for (const char* activation : {"gelu", "identity", "tanh"}) {
    HealthyTables run;
    run.each_row(1, [=](LayerRecord& row) {
      row.activation = activation;
      row.zero_fraction = 0.95;
    });
    CHECK(found_by("torch-audit-activation-collapse", run).empty());
  }
}

TEST_CASE("TheDeepChecker stops where the network has fitted five times in a row") {
  const auto stays = [](HealthyTables& run) { set_losses(run, [](std::int64_t) { return 0.5; }); };
  const auto perfect = [](std::int64_t from, std::int64_t to) {
    return [=](HealthyTables& run) { run.each_step([](StepRecord& row) { row.accuracy = 1.0; }, from, to); };
  };
  const auto count = [&](const Change& fit) {
    HealthyTables run;
    stays(run);
    fit(run);
    return found_by("thedeepchecker-stagnated-loss", run).size();
  };
  CHECK(count(perfect(30, 34)) == 1);
  CHECK(count(perfect(30, 35)) == 0);
  // At step 40 the fifth mean is there.
  CHECK(count(perfect(36, 41)) == 1);
  // Where there is no accuracy the loss has to be next to 0.
  const auto regression = [](double loss) {
    return [=](HealthyTables& run) {
      run.each_step([](StepRecord& row) { row.accuracy.reset(); });
      run.each_step([=](StepRecord& row) { row.loss = loss; }, 20);
    };
  };
  CHECK(count(regression(1.01e-4)) == 1);
  CHECK(count(regression(0.99e-4)) == 0);
}

TEST_CASE("an accuracy that does not change does not count as one that goes its own way") {
  HealthyTables run;
  // Means of ten differ from it in the last digit.
  run.each_step([](StepRecord& row) { row.accuracy = 0.1; });
  CHECK(found_by("thedeepchecker-unrepresentative-loss", run).empty());
}

TEST_CASE("TheDeepChecker looks at columns up to the first one in a range that is right, and at no other losses") {
  HealthyTables run;
  run.features.rows[0].min = 0.0;
  run.features.rows[0].max = 1.0;
  run.features.rows[1].mean = 5.0;
  CHECK(found_by("thedeepchecker-unnormalized-inputs", run).empty());
  run.loss = LossFacts{"mse", false};
  run.steps.rows[0].loss = 1e6;
  CHECK(found_by("thedeepchecker-initial-loss", run).empty());
}

}  // namespace reluscope::test::audit
