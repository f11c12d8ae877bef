// evaluation.csv and histograms.csv of a run: when rows come, and what they say.
#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "config/load.hpp"
#include "experiment/run.hpp"
#include "experiment/setup.hpp"

using namespace reluscope;

namespace {

struct Made {
  std::vector<EvaluationRecord> evaluations;
  std::vector<HistogramRecord> histograms;
  std::vector<UnitRecord> units;
  RunSummary summary;
};

Made made_with(const std::vector<std::string>& overrides, bool evaluations = true, bool histograms = true) {
  const ExperimentSpec spec = parse_experiment(R"({"seed": 2,
    "data": {"kind": "moons", "n_samples": 160, "test_fraction": 0.25},
    "network": {"layers": [{"units": 8, "activation": "relu", "repeat": 2}, {"units": 2}]},
    "train": {"epochs": 4, "batch_size": 20, "optimizer": {"name": "adam", "lr": 0.05}}})",
                                               "c.json", ".", overrides);
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  ThreadPool pool(1);
  RecordMemory records;
  RunControl control;
  control.evaluations = evaluations;
  control.histograms = histograms;
  const RunSummary summary = run_experiment(spec, dataset, records, pool, control);
  return {records.evaluations, records.histogram_rows, records.unit_rows, summary};
}

std::vector<std::int64_t> steps_of(const Made& made) {
  std::vector<std::int64_t> steps;
  for (const EvaluationRecord& row : made.evaluations) steps.push_back(row.step);
  return steps;
}

}  // namespace

TEST_CASE("evaluations come before the first step, after each epoch, and at the end: which is the summary's") {
  const Made made = made_with({});
  CHECK(steps_of(made) == std::vector<std::int64_t>{0, 6, 12, 18, 24});
  const EvaluationRecord& last = made.evaluations.back();
  CHECK(last.epoch == 4);
  CHECK(last.train_loss == made.summary.train->loss);
  CHECK(last.train_accuracy == made.summary.train->accuracy);
  CHECK(last.test_loss == made.summary.test->loss);
  CHECK(last.test_accuracy == made.summary.test->accuracy);
  CHECK(made.evaluations.front().train_loss == *made.summary.start_loss);
}

TEST_CASE("record.evaluate: every N steps, log, or off") {
  CHECK(steps_of(made_with({"record.evaluate=10"})) == std::vector<std::int64_t>{0, 10, 20, 24});
  CHECK(steps_of(made_with({"record.evaluate=log"})).size() == 25);
  CHECK(steps_of(made_with({"record.evaluate=off"})).empty());
  CHECK(steps_of(made_with({}, false)).empty());
}

TEST_CASE("of more than 200 epochs every second one is evaluated, and so on") {
  const auto count = [](const char* epochs) {
    return steps_of(made_with({"train.batch_size=120", epochs, "record.census=off"})).size();
  };
  CHECK(count("train.epochs=200") == 201);
  CHECK(count("train.epochs=201") == 102);  // 0, 2, …, 200, and the end
  CHECK(count("train.epochs=402") == 135);  // 0, 3, …, 399, and the end
}

TEST_CASE("record.evaluate_samples: so many of each set, evenly spaced; the loss has the penalties") {
  const std::vector<std::string> penalty = {"train.penalty.l2_weights=0.1", "train.penalty.l1_activations=0.01"};
  std::vector<std::string> few = penalty;
  few.emplace_back("record.evaluate_samples=30");
  const Made some = made_with(few);
  const Made all = made_with(penalty);
  CHECK(all.evaluations.back().train_loss == all.summary.train->loss);
  CHECK(all.summary.train->loss > all.summary.train->parts.data);
  CHECK(some.summary.train->loss == all.summary.train->loss);
  CHECK(some.evaluations.back().train_loss != all.summary.train->loss);
  // 30 of 120: one right or wrong is a thirtieth.
  CHECK(std::abs(std::remainder(*some.evaluations.back().train_accuracy * 30.0, 1.0)) < 1e-9);
  few.back() = "record.evaluate_samples=all";
  CHECK(made_with(few).evaluations.back().train_loss == all.summary.train->loss);
}

TEST_CASE("a run that fails has the evaluations before it, and no histogram of its end") {
  const Made made = made_with({"train.optimizer.lr=1e30", "train.optimizer.name=sgd"});
  CHECK(made.summary.failed);
  CHECK(steps_of(made) == std::vector<std::int64_t>{0});
  CHECK(made.histograms.empty());
}

TEST_CASE("histograms: each layer's at the end, and at most a dozen units' before and after their death") {
  const Made made = made_with({"train.optimizer.lr=0.8", "network.layers.0.units=40", "record.census=1"});
  std::int64_t of_layers = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> units;
  for (const HistogramRecord& row : made.histograms) {
    CHECK(row.count > 0);
    CHECK(row.low <= row.high);
    if (!row.unit) {
      CHECK(row.moment == "end");
      CHECK(row.step == 24);
      if (row.layer == 1) of_layers += row.count;
      continue;
    }
    CHECK(row.layer < 3);
    if (row.moment == "after") {
      CHECK(row.high <= 0.0);  // φ' = 0 wherever it lies
    }
    const std::pair place(row.layer, *row.unit);
    if (std::find(units.begin(), units.end(), place) == units.end()) units.push_back(place);
  }
  CHECK(of_layers == 40 * 120);
  CHECK(units.size() > 4);
  CHECK(units.size() <= 12);
  CHECK(made_with({}, true, false).histograms.empty());
  CHECK(made_with({"record.census=off"}).histograms.empty());
}

TEST_CASE("units.csv has each unit's mean activation on D, and prelu's slopes") {
  const Made relu = made_with({});
  for (const UnitRecord& unit : relu.units) {
    CHECK(unit.a_mean.has_value());
    CHECK_FALSE(unit.slope.has_value());
    if (unit.role == Role::hidden) {
      CHECK(*unit.a_mean >= 0.0);
      CHECK((*unit.a_mean == 0.0) == (unit.state == "dead"));
    }
  }
  const Made prelu = made_with({"network.layers.0.activation=prelu"});
  double sum = 0.0;
  for (const UnitRecord& unit : prelu.units) {
    CHECK(unit.slope.has_value() == (unit.role == Role::hidden));
    if (unit.layer == 1) sum += *unit.slope / 8.0;
  }
  CHECK(sum != doctest::Approx(0.25));
  for (const LayerSummary& layer : relu.summary.layers) {
    REQUIRE(layer.zero_fraction.has_value());
    CHECK((*layer.zero_fraction > 0.0) == !layer.is_output);
  }
}
