// What a run makes of the options of `record` and `train`: against the same worked out by hand from the network it has.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "config/load.hpp"
#include "experiment/initial_network.hpp"
#include "experiment/run.hpp"
#include "experiment/setup.hpp"
#include "support/naive.hpp"
#include "support/tables.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

struct Phi {
  double (*value)(double);
  double (*slope)(double);
};

/// The state of each hidden unit, and how many are saturated and dormant: the definitions, over all of D.
struct Expected {
  std::vector<std::string> states;
  std::int64_t saturated = 0;
  std::int64_t dormant = 0;
};

Expected expected_of(const Matrix<double>& z, const Phi& phi, const RecordSpec& record) {
  const Matrix<double> size = z.unaryExpr(phi.value).cwiseAbs();
  const double layer_mean = size.mean();
  Expected expected;
  for (Index unit = 0; unit < z.rows(); ++unit) {
    const auto slopes = z.row(unit).unaryExpr(phi.slope).eval();
    const bool dead = (slopes.array() == 0.0).all();
    const bool saturated = (slopes.array().abs() <= record.saturation_epsilon).all();
    const bool dormant = size.row(unit).mean() <= record.dormant_tau * layer_mean;
    const bool rare = (slopes.array() != 0.0).cast<double>().mean() < 0.01;
    expected.saturated += saturated ? 1 : 0;
    expected.dormant += dormant ? 1 : 0;
    expected.states.emplace_back(dead        ? "dead"
                                 : saturated ? "saturated"
                                 : dormant   ? "dormant"
                                 : rare      ? "rare"
                                             : "alive");
  }
  return expected;
}

}  // namespace

TEST_CASE("units are saturated, dormant and rare by the config's epsilon and tau, and by 1 % of the samples") {
  const std::map<std::string, Phi> functions = {
      {"tanh", {[](double z) { return std::tanh(z); }, [](double z) { return 1.0 - std::tanh(z) * std::tanh(z); }}},
      {"relu", {[](double z) { return z > 0.0 ? z : 0.0; }, [](double z) { return z > 0.0 ? 1.0 : 0.0; }}}};
  std::map<std::string, int> seen;
  for (const auto& [name, phi] : functions)
    for (const auto& [epsilon, tau] : std::vector<std::pair<std::string, std::string>>{
             {"0.01", "0.025"}, {"0.001", "0.025"}, {"0.2", "0.025"}, {"0.01", "0.5"}, {"0.01", "0"}}) {
      CAPTURE(name);
      CAPTURE(epsilon);
      CAPTURE(tau);
      // Rate 0: the network at the end is the one at the start. Wide biases: units of every kind.
      const ExperimentSpec spec = parse_experiment(
          R"({"precision": "float64", "data": {"kind": "moons", "n_samples": 400, "test_fraction": 0},
                "network": {"layers": [{"units": 300, "init": {"bias": {"name": "uniform", "low": -5, "high": 1}}},
                                       {"units": 2}]},
                "train": {"steps": 1, "optimizer": {"lr": 0}}, "record": {"probe": "all"}})",
          "test", ".",
          std::vector<std::string>{"network.layers.0.activation=" + name, "record.saturation_epsilon=" + epsilon,
                                   "record.dormant_tau=" + tau});
      const RunTables run = run_tables(spec);
      const Dataset dataset = load_dataset(spec.data, spec.seed);
      Network<double> network = initial_network<double>(spec, dataset.features(), spec.seed);
      const Matrix<double> z = naive_preactivations(network, std::get<Matrix<double>>(dataset.train.features),
                                                    std::function<double(double)>(phi.value))[0];
      const Expected expected = expected_of(z, phi, spec.record);
      for (const UnitRecord& unit : run.units.rows) {
        if (unit.layer != 1) continue;
        CHECK(unit.state == expected.states[static_cast<std::size_t>(unit.unit)]);
        ++seen[name + " " + epsilon + " " + tau + " " + unit.state];
      }
      for (const CensusRecord& row : run.census.rows) {
        if (row.layer != 1) continue;
        CHECK(row.saturated == expected.saturated);
        CHECK(row.dormant == expected.dormant);
      }
    }
  // Each option changes something, and each state occurs.
  CHECK(seen["tanh 0.01 0.025 saturated"] != seen["tanh 0.001 0.025 saturated"]);
  CHECK(seen["tanh 0.01 0.025 saturated"] != seen["tanh 0.2 0.025 saturated"]);
  CHECK(seen["relu 0.01 0.025 dormant"] != seen["relu 0.01 0.5 dormant"]);
  CHECK(seen["relu 0.01 0.025 dormant"] != seen["relu 0.01 0 dormant"]);
  CHECK(seen["relu 0.01 0 rare"] > 0);
  CHECK(seen["relu 0.01 0.025 dead"] > 0);
}

TEST_CASE("clipping by norm, clipping by value and the warm-up's start reach the update, each its own") {
  const auto steps_of = [](const std::vector<std::string>& changes) {
    return run_tables(parse_experiment(
        R"({"precision": "float64", "data": {"kind": "moons", "n_samples": 200},
            "network": {"layers": [{"units": 9, "activation": "relu"}, {"units": 2}]},
            "train": {"steps": 8, "optimizer": {"lr": 0.5}}, "record": {"every": 1, "census": "off", "monitors": true}})",
        "test", ".", changes));
  };
  const auto length_of_update = [](const StepRecord& row) { return row.update_ratio * row.param_norm; };
  const auto about = [](double value) { return doctest::Approx(value).epsilon(1e-4).scale(0.0); };
  for (const StepRecord& row : steps_of({}).steps.rows) CHECK(length_of_update(row) == about(row.lr * row.grad_norm));
  for (const StepRecord& row : steps_of({"train.clip_norm=0.003"}).steps.rows)
    CHECK(length_of_update(row) == about(row.lr * 0.003 * row.grad_norm / (row.grad_norm + 1e-6)));
  // Below every gradient that is not 0: each such element moves by the same.
  const RunTables by_value = steps_of({"train.clip_value=1e-9"});
  for (std::size_t at = 0; at < by_value.steps.rows.size(); ++at) {
    double elements = 0.0;
    for (std::size_t layer = 0; layer < 2; ++layer) {
      const double size = layer == 0 ? 9.0 * 3.0 : 2.0 * 10.0;
      elements += (1.0 - by_value.layers.rows[2 * at + layer].grad_zero_fraction) * size;
    }
    const StepRecord& row = by_value.steps.rows[at];
    CHECK(length_of_update(row) == about(row.lr * 1e-9 * std::sqrt(elements)));
  }
  const RunTables warm = steps_of({"train.warmup_steps=5", "train.warmup_start_factor=0.3"});
  for (const StepRecord& row : warm.steps.rows) {
    const double done = std::min(1.0, static_cast<double>(row.step) / 5.0);
    CHECK(row.lr == about(0.5 * (0.3 + 0.7 * done)));
  }
}
