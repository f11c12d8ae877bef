// Runs that other tools misjudge: what reluscope says of them, and what the others' rules say.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "config/load.hpp"
#include "support/command.hpp"
#include "support/tables.hpp"
#include "trace/weights.hpp"
#include "util/random.hpp"

using namespace reluscope;
using reluscope::test::find_rule;
using reluscope::test::run_tables;

namespace {

ExperimentSpec experiment(const std::string& text) { return parse_experiment(text, "test", "."); }

/// An experiment whose network starts from these weights and biases, layer by layer.
class Planted {
 public:
  Planted(const std::string& config, const std::vector<std::pair<Eigen::MatrixXf, Eigen::VectorXf>>& layers)
      : path_(std::filesystem::temp_directory_path() / ("reluscope-planted-" + std::to_string(::getpid()))),
        spec(experiment(config)) {
    Network<float> network(spec.network, layers.front().first.cols(), 0);
    for (std::size_t at = 0; at < layers.size(); ++at) {
      network.node(at).parameter(ParameterRole::weight)->value = layers[at].first;
      network.node(at).parameter(ParameterRole::bias)->value = layers[at].second;
    }
    write_safetensors(path_, export_weights(network));
    spec.network.init_from = path_;
  }
  Planted(const Planted&) = delete;
  Planted& operator=(const Planted&) = delete;
  ~Planted() { std::filesystem::remove(path_); }

 private:
  std::filesystem::path path_;

 public:
  ExperimentSpec spec;
};

const UnitRecord& unit_of(const RunTables& run, std::int64_t layer, std::int64_t unit) {
  return *std::find_if(run.units.rows.begin(), run.units.rows.end(),
                       [&](const UnitRecord& row) { return row.layer == layer && row.unit == unit; });
}

}  // namespace

TEST_CASE("a layer that is 90 % sparse without a dead unit: healthy here, an alarm by the share of zeros") {
  const RunTables run = run_tables(experiment(R"({
    "data": {"kind": "teacher_student", "n_samples": 1000, "n_features": 20},
    "network": {"layers": [{"units": 256, "activation": "relu", "init": {"weights": "he_normal", "bias": -1.85}},
                           {"units": 1}]},
    "loss": "mse", "train": {"steps": 300, "batch_size": 64, "optimizer": {"name": "adam", "lr": 0.002}},
    "record": {"every": 10, "census": "epoch", "monitors": true}})"));
  for (const CensusRecord& row : run.census.rows)
    if (row.layer == 1) CHECK(row.dead == 0);
  CHECK(run.layers.rows.front().zero_fraction > 0.88);
  CHECK(run.steps.rows.back().loss < 0.2 * run.steps.rows.front().loss);
  const Diagnosis ours = diagnose(run);
  CHECK(ours.worst() == Severity::info);
  CHECK(find_rule(ours, "sparse-is-fine") != nullptr);
  CHECK(diagnose(run, {}, "deepdiagnosis").worst() == Severity::warning);
  CHECK(diagnose(run, {}, "zero-fraction").worst() == Severity::warning);
}

TEST_CASE("a softmax over one unit: every gradient is 0, and no hidden unit is to blame") {
  const RunTables run = run_tables(experiment(R"({
    "data": {"kind": "blobs", "n_samples": 200, "n_features": 8, "centers": 1, "normalize": "standard"},
    "network": {"layers": [{"units": 16, "activation": "relu", "init": {"weights": "he_normal"}, "repeat": 2},
                           {"units": 1}]},
    "train": {"steps": 100, "batch_size": 32, "optimizer": {"lr": 0.1}},
    "record": {"every": 5, "census": "epoch", "monitors": true}})"));
  for (const LayerRecord& row : run.layers.rows) CHECK(row.grad_norm_w == 0.0);
  const Diagnosis ours = diagnose(run);
  REQUIRE(find_rule(ours, "zero-gradient") != nullptr);
  CHECK(find_rule(ours, "zero-gradient")->severity == Severity::critical);
  CHECK(find_rule(ours, "zero-gradient")->layer == 3);
  // The only class explains it.
  CHECK(find_rule(ours, "nothing-to-learn") != nullptr);
  CHECK(std::count_if(ours.findings.begin(), ours.findings.end(),
                      [](const Finding& finding) { return finding.severity >= Severity::warning; }) == 2);
  CHECK(find_rule(diagnose(run, {}, "sagemaker"), "sagemaker-vanishing-gradient") != nullptr);
}

TEST_CASE("a regression that has converged: gradients next to 0 are no vanishing gradient") {
  // Linear data and a linear network: it converges to rounding errors.
  const RunTables run = run_tables(experiment(R"({
    "precision": "float64",
    "data": {"kind": "regression", "n_samples": 200, "n_features": 4, "n_informative": 4, "normalize": "standard"},
    "network": {"layers": [{"units": 8, "activation": {"name": "leaky_relu", "negative_slope": 1.0},
                            "init": {"weights": "glorot_normal", "bias": 0.0}}, {"units": 1}]},
    "loss": "mse",
    "train": {"steps": 20000, "batch_size": 160, "optimizer": {"name": "adam", "lr": 0.02}, "schedule": "cosine"},
    "record": {"every": 50, "census": "off", "monitors": true}})"));
  CHECK(run.steps.rows.back().loss < 1e-8 * run.steps.rows.front().loss);
  const Diagnosis ours = diagnose(run);
  CHECK(find_rule(ours, "vanishing-gradient") == nullptr);
  CHECK(find_rule(ours, "zero-gradient") == nullptr);
  CHECK(find_rule(diagnose(run, {}, "sagemaker"), "sagemaker-vanishing-gradient") != nullptr);
}

TEST_CASE("units that fire on 2 % of the samples: silent in many batches, and alive") {
  // Inputs uniform in ±√3; each unit is active on the outermost 2 %.
  const Planted planted(R"({
    "data": {"kind": "abs", "n_samples": 1000, "test_fraction": 0.0},
    "network": {"layers": [{"units": 8, "activation": "relu"}, {"units": 1}]},
    "loss": "mse", "train": {"steps": 60, "batch_size": 32, "optimizer": {"lr": 0.0}},
    "record": {"every": 1, "census": "step", "monitors": true}})",
                        {{Eigen::MatrixXf::Ones(8, 1), Eigen::VectorXf::Constant(8, -0.96F * std::sqrt(3.0F))},
                         {Eigen::MatrixXf::Ones(1, 8), Eigen::VectorXf::Zero(1)}});
  const RunTables run = run_tables(planted.spec);
  const double rate = *unit_of(run, 1, 0).activation_rate;
  CHECK(rate > 0.01);
  CHECK(rate < 0.03);
  CHECK(std::any_of(run.layers.rows.begin(), run.layers.rows.end(),
                    [](const LayerRecord& row) { return row.layer == 1 && row.batch_dead == 8; }));
  for (const CensusRecord& row : run.census.rows) CHECK(row.dead == 0);
  const Diagnosis ours = diagnose(run);
  CHECK(find_rule(ours, "dying-units") == nullptr);
  CHECK(find_rule(ours, "collapsed-network") == nullptr);
  CHECK(find_rule(diagnose(run, {}, "sagemaker"), "sagemaker-dead-relu") != nullptr);
}

TEST_CASE("a dead unit of layer 2 that what feeds it brings back, beside one that is locked by its signs") {
  // x in [1, 2], y = x. Layer 2: unit 0 carries the signal; unit 1 is dead until layer 1 has grown; unit 2 has no
  // weight above 0.
  Eigen::MatrixXf second(3, 1);
  second << 1.0F, 1.0F, -0.5F;
  Eigen::VectorXf biases(3);
  biases << 0.0F, -1.0F, -0.1F;
  Eigen::MatrixXf output(1, 3);
  output << 1.0F, 0.1F, 0.1F;
  const Planted planted(R"({
    "data": {"kind": "abs", "n_samples": 100, "low": 1.0, "high": 2.0, "test_fraction": 0.0},
    "network": {"layers": [{"units": 1, "activation": "relu"}, {"units": 3, "activation": "relu"}, {"units": 1}]},
    "loss": "mse", "train": {"steps": 400, "batch_size": 100, "optimizer": {"lr": 0.02}},
    "record": {"every": 1, "census": 10}})",
                        {{Eigen::MatrixXf::Constant(1, 1, 0.2F), Eigen::VectorXf::Zero(1)},
                         {second, biases},
                         {output, Eigen::VectorXf::Zero(1)}});
  const RunTables run = run_tables(planted.spec);
  const UnitRecord& sleeper = unit_of(run, 2, 1);
  CHECK(sleeper.inherited);  // its weights came from a file
  CHECK(sleeper.revivals == 1);
  CHECK(sleeper.state != "dead");
  CHECK_FALSE(sleeper.locked.has_value());
  const UnitRecord& locked = unit_of(run, 2, 2);
  CHECK(locked.inherited);
  CHECK(locked.revivals == 0);
  CHECK(locked.locked == "sign");
  CHECK(locked.locked_step == 0);
}

TEST_CASE("a wholly dead layer: gradients at and below it are exactly 0, and the layer is blamed") {
  const RunTables run = run_tables(experiment(R"({
    "data": {"kind": "moons", "n_samples": 300, "noise": 0.1, "normalize": "standard"},
    "network": {"layers": [{"units": 12, "activation": "relu", "init": {"weights": "he_normal", "bias": 0.1}},
                           {"units": 12, "activation": "relu", "init": {"weights": "he_normal", "bias": -50}},
                           {"units": 12, "activation": "relu", "init": {"weights": "he_normal", "bias": 0.1}},
                           {"units": 2}]},
    "train": {"steps": 100, "batch_size": 32, "optimizer": {"lr": 0.05}},
    "record": {"every": 5, "census": "epoch"}})"));
  for (const LayerRecord& row : run.layers.rows)
    if (row.layer <= 2) {
      CHECK(row.grad_norm_w == 0.0);
      CHECK(row.grad_norm_b == 0.0);
      CHECK(row.grad_zero_fraction == 1.0);
    }
  const Diagnosis ours = diagnose(run);
  REQUIRE(find_rule(ours, "dead-on-arrival") != nullptr);
  CHECK(find_rule(ours, "dead-on-arrival")->layer == 2);
  REQUIRE(find_rule(ours, "collapsed-network") != nullptr);
  CHECK(find_rule(ours, "collapsed-network")->layer == 2);
  CHECK(find_rule(ours, "vanishing-gradient") == nullptr);
  CHECK(find_rule(ours, "zero-gradient") == nullptr);
  CHECK(find_rule(ours, "unchanged-weights") == nullptr);
}

TEST_CASE("a monitor's columns are empty unless they are asked for, and its rules are then skipped, not passed") {
  const RunTables run = run_tables(experiment(R"({
    "data": {"kind": "moons", "n_samples": 100},
    "network": {"layers": [{"units": 4, "activation": "relu"}, {"units": 2}]},
    "train": {"steps": 10}, "record": {"every": 1}})"));
  const Diagnosis diagnosis = diagnose(run, {}, "deepdiagnosis");
  REQUIRE(diagnosis.skipped.size() == 1);
  CHECK(diagnosis.skipped[0].missing == "layers.nonpositive_fraction");
}

namespace {

/// A line with targets from −2 to 2, under an output that a config may give any activation.
RunTables line_under(const std::string& output, const std::string& more = "") {
  return run_tables(experiment(R"({
    "seed": 3, "data": {"kind": "regression", "n_samples": 200, "n_features": 2, "n_informative": 2, "bias": -400},
    "network": {"layers": [{"units": 16, "activation": "tanh"}, {"units": 1, "activation": ")" +
                               output + R"("}]},
    "loss": "mse", "train": {"steps": 300, "batch_size": 32, "optimizer": {"name": "adam", "lr": 0.5}},
    "record": {"every": 5, "census": 50})" +
                               more + "}"));
}

}  // namespace

TEST_CASE("a relu on a regression output whose targets lie below 0 dies; without it the network learns") {
  const RunTables sick = line_under("relu");
  const Diagnosis found = diagnose(sick);
  REQUIRE(find_rule(found, "dead-output") != nullptr);
  CHECK(find_rule(found, "dead-output")->severity == Severity::critical);
  CHECK(find_rule(found, "dead-output")->layer == 2);
  CHECK(find_rule(found, "dead-output")->remedies.front() == "linear_output");
  CHECK(find_rule(found, "no-better-than-constant") != nullptr);
  CHECK(find_rule(found, "zero-gradient") == nullptr);  // it is named already
  const Diagnosis twin = diagnose(line_under("identity"));
  for (const char* rule : {"dead-output", "saturated-output", "no-better-than-constant"}) {
    CAPTURE(rule);
    CHECK(find_rule(twin, rule) == nullptr);
  }
}

TEST_CASE("a sigmoid on a regression output whose targets lie far outside its range saturates") {
  const Diagnosis found = diagnose(line_under("sigmoid"));
  REQUIRE(find_rule(found, "saturated-output") != nullptr);
  CHECK(find_rule(found, "saturated-output")->layer == 2);
  CHECK(find_rule(found, "no-better-than-constant") != nullptr);
}

TEST_CASE("weak data: a network that has learned the little that there is to learn is better than a constant") {
  // y = 0.15 x + noise: the loss comes to 0.98 of the constant's.
  std::string table;
  Rng rng(3, Purpose::generator);
  for (int row = 0; row < 1500; ++row) {
    const double x = rng.normal();
    table += std::to_string(x) + "," + std::to_string(0.15 * x + rng.normal()) + "\n";
  }
  const reluscope::test::Workplace place;
  reluscope::test::write_file(place.path() / "weak.csv", table);
  const auto diagnosed = [&](const char* rate) {
    const RunTables run =
        run_tables(parse_experiment(R"({
      "data": {"kind": "csv", "file": "weak.csv", "task": "regression", "test_fraction": 0},
      "network": {"layers": [{"units": 8, "activation": "relu", "init": {"weights": "he_normal"}}, {"units": 1}]},
      "loss": "mse", "train": {"epochs": 30, "batch_size": 50, "optimizer": {"name": "adam", "lr": 0.002}}})",
                                    "test", place.path(), std::vector{std::string("train.optimizer.lr=") + rate}));
    CHECK(run.train->loss > 0.9 * run.train->constant_loss);
    return diagnose(run);
  };
  CHECK(find_rule(diagnosed("0.002"), "no-better-than-constant") == nullptr);
  CHECK(find_rule(diagnosed("1e-9"), "no-better-than-constant") != nullptr);
}

TEST_CASE("inputs and targets of another size than 1 are named first; standardised, the same network learns") {
  const auto blobs = [](const char* normalize) {
    return diagnose(run_tables(parse_experiment(R"({
      "seed": 2, "data": {"kind": "blobs", "n_samples": 400, "n_features": 4, "center_box": [900, 1000]},
      "network": {"layers": [{"units": 16, "activation": "tanh", "repeat": 2}, {"units": 3}]},
      "train": {"epochs": 20, "batch_size": 32, "optimizer": {"name": "sgd", "lr": 0.05}}})",
                                                "test", ".", std::vector<std::string>{normalize})));
  };
  const Diagnosis sick = blobs("data.normalize=none");
  REQUIRE_FALSE(sick.findings.empty());
  CHECK(sick.findings.front().rule == "unscaled-inputs");
  CHECK(sick.findings.front().severity == Severity::warning);
  CHECK(sick.findings.front().remedies.front() == "standardize");
  CHECK(find_rule(sick, "poor-initialisation") == nullptr);
  const Diagnosis twin = blobs("data.normalize=per_feature");
  CHECK(find_rule(twin, "unscaled-inputs") == nullptr);
  CHECK(find_rule(twin, "no-better-than-constant") == nullptr);
  const auto regression = [](const char* bias) {
    return diagnose(run_tables(parse_experiment(R"({
      "seed": 2, "data": {"kind": "regression", "n_samples": 200, "n_features": 2, "n_informative": 2},
      "network": {"layers": [{"units": 16, "activation": "relu"}, {"units": 1}]},
      "loss": "mse", "train": {"epochs": 5, "batch_size": 32, "optimizer": {"name": "sgd", "lr": 1e-7}}})",
                                                "test", ".", std::vector<std::string>{bias})));
  };
  CHECK(regression("data.bias=5000").findings.front().rule == "unscaled-targets");
  CHECK(find_rule(regression("data.bias=0"), "unscaled-targets") == nullptr);
}
