#include "experiment/run.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "config/config_error.hpp"
#include "config/load.hpp"
#include "experiment/batches.hpp"
#include "experiment/documents.hpp"
#include "experiment/setup.hpp"
#include "trace/table_writer.hpp"

using namespace reluscope;

namespace {

/// A small experiment in JSON, changed by overrides.
ExperimentSpec experiment(const std::vector<std::string>& overrides = {}) {
  return parse_experiment(R"({
    "data": {"kind": "moons", "n_samples": 300, "noise": 0.1, "normalize": "standard"},
    "network": {"layers": [
      {"units": 24, "activation": "relu", "init": {"weights": "he_normal"}, "repeat": 2},
      {"units": 2, "init": {"weights": "he_normal"}}]},
    "train": {"epochs": 3, "batch_size": 70, "optimizer": {"lr": 0.1, "momentum": 0.9}},
    "record": {"every": 1, "census": "step"}})",
                          "test", ".", overrides);
}

struct Outcome {
  RunSummary summary;
  RecordMemory records;
};

void run(const ExperimentSpec& spec, int threads, Outcome& out) {
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  check_against_data(spec, dataset);
  ThreadPool pool(threads);
  out.summary = run_experiment(spec, dataset, out.records, pool);
}

/// Every trace of a run as the text that would be written.
std::string all_text(const RecordMemory& records) {
  std::string text;
  for (const auto& row : records.steps) append_csv_row(text, row);
  for (const auto& row : records.layer_rows) append_csv_row(text, row);
  for (const auto& row : records.census_rows) append_csv_row(text, row);
  for (const auto& row : records.unit_rows) append_csv_row(text, row);
  for (const auto& row : records.events) append_json_row(text, row);
  return text;
}

}  // namespace

TEST_CASE("the same config and seed give the same bytes on 1, 2 and 7 threads, for what is random or stateful") {
  const std::vector<std::vector<std::string>> variants = {
      {},
      {"precision=float64", "train.optimizer.name=adam", "train.optimizer.lr=0.01"},
      {"network.layers.0.activation=prelu", "train.clip_norm=0.5"},
      {"network.layers.0.activation=rrelu", "train.batch_size=200", "train.drop_last=true"},
      // Large enough for a step to be shared between threads, with two shards and several tiles.
      {"network.layers.0.units=300", "network.layers.0.activation=gelu", "train.optimizer.name=rmsprop",
       "train.optimizer.lr=0.001", "train.batch_size=100"},
  };
  for (const auto& overrides : variants) {
    const ExperimentSpec spec = experiment(overrides);
    Outcome one;
    run(spec, 1, one);
    CHECK(one.records.steps.size() > 2);
    for (const int threads : {1, 2, 7}) {
      Outcome other;
      run(spec, threads, other);
      CHECK(all_text(other.records) == all_text(one.records));
    }
  }
}

TEST_CASE("the noise scale of a run is the ratio of averages over its rows, stopped and resumed or not") {
  const ExperimentSpec spec = experiment({"record.checkpoint_every=5", "record.every=2"});
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  ThreadPool pool(1);
  Outcome whole;
  RunControl control;
  const auto file = std::filesystem::temp_directory_path() / ("reluscope-noise-" + std::to_string(::getpid()));
  control.save = [&](Checkpoint&& checkpoint) { write_checkpoint(file, std::move(checkpoint)); };
  whole.summary = run_experiment(spec, dataset, whole.records, pool, control);
  const Checkpoint middle = read_checkpoint(file);
  std::filesystem::remove(file);
  NoiseAverage average;
  for (const StepRecord& row : whole.records.steps) {
    const GradientNoise noise{*row.grad_trace, *row.grad_signal};
    CHECK(*row.grad_noise == noise.scale());
    average.add(noise);
  }
  CHECK(average.batches() > 5);
  CHECK(whole.summary.noise.batches() == average.batches());
  CHECK(whole.summary.noise.mean().trace == average.mean().trace);
  CHECK(whole.summary.noise.mean().signal == average.mean().signal);
  RunControl rest;
  rest.resume = &middle;
  Outcome resumed;
  resumed.summary = run_experiment(spec, dataset, resumed.records, pool, rest);
  CHECK(resumed.records.steps.size() < whole.records.steps.size());
  CHECK(summary_json(spec, resumed.summary, "", "[]") == summary_json(spec, whole.summary, "", "[]"));
}

TEST_CASE("another seed gives another run") {
  Outcome one;
  Outcome other;
  run(experiment(), 1, one);
  run(experiment({"seed=1"}), 1, other);
  CHECK(all_text(one.records) != all_text(other.records));
}

TEST_CASE("training learns: the moons are told apart") {
  Outcome out;
  run(experiment({"train.epochs=60"}), 1, out);
  REQUIRE(out.summary.test.has_value());
  CHECK(*out.summary.test->accuracy > 0.97);
  CHECK(out.summary.steps == 60 * 4);  // 240 training samples, batches of 70: three full and one short
  CHECK(out.summary.epochs == 60);
}

TEST_CASE("a layer whose biases no input can lift is born dead, collapses the output, and stays so") {
  Outcome out;
  run(experiment({"network.layers.0.init.bias=-1000"}), 1, out);
  CHECK(out.summary.layers[0].born_dead == 24);
  CHECK(out.summary.layers[0].dead == 24);
  CHECK(out.summary.layers[1].born_dead == 24);  // repeat: the second layer has these biases, too
  CHECK(out.summary.collapsed == true);
  CHECK(out.summary.dead_fraction() == 1.0);
  std::size_t born = 0;
  for (const EventRecord& event : out.records.events) born += event.event == "born_dead" ? 1U : 0U;
  CHECK(born == 48);
  CHECK(out.records.layer_rows[0].grad_norm_w == 0.0);
  for (const UnitRecord& unit : out.records.unit_rows) {
    if (unit.layer == 3) continue;
    CHECK(unit.state == "dead");
    CHECK(unit.first_dead_step == 0);
    CHECK(unit.activation_rate == 0.0);
    CHECK(*unit.margin > 900.0);
  }
}

TEST_CASE("deaths and revivals in events, census.csv and units.csv tell the same story") {
  // A rate at which units die, census at every step.
  Outcome out;
  run(experiment({"train.optimizer.lr=1.0", "train.epochs=10", "network.layers.0.init.bias=-1.5"}), 1, out);
  std::int64_t died = 0;
  std::int64_t revived = 0;
  for (const CensusRecord& row : out.records.census_rows) {
    died += row.died;
    revived += row.revived;
  }
  std::int64_t deaths = 0;
  std::int64_t revivals = 0;
  std::int64_t dead_now = 0;
  for (const UnitRecord& unit : out.records.unit_rows) {
    deaths += unit.deaths;
    revivals += unit.revivals;
    dead_now += unit.state == "dead" ? 1 : 0;
    CHECK((unit.born_dead ? 1 : 0) + unit.deaths - unit.revivals == (unit.state == "dead" ? 1 : 0));
    CHECK((unit.state == "dead") == (unit.activation_rate == 0.0));
  }
  CHECK(deaths > 0);
  CHECK(revivals > 0);
  CHECK(died == deaths);
  CHECK(revived == revivals);
  std::int64_t dead_last = 0;
  for (const LayerSummary& layer : out.summary.layers) dead_last += *layer.dead;
  CHECK(dead_last == dead_now);
}

TEST_CASE("a dead unit is dead in every batch: batch_dead is never below the census of that step") {
  Outcome out;
  run(experiment({"train.optimizer.lr=1.0", "train.epochs=10", "network.layers.0.init.bias=-1.0"}), 1, out);
  // Census before the step, same parameters as the batch: rows come in the same order.
  for (std::size_t row = 0; row < out.records.layer_rows.size(); ++row) {
    REQUIRE(out.records.layer_rows[row].step == out.records.census_rows[row].step);
    CHECK(out.records.layer_rows[row].batch_dead >= out.records.census_rows[row].dead);
  }
}

TEST_CASE("a run that diverges ends with its trace, the step and the first layer") {
  Outcome out;
  run(experiment({"data={\"kind\": \"sin\", \"n_samples\": 100}", "loss=mse", "train.optimizer.lr=1e9",
                  "network.layers.1.units=1"}),
      1, out);
  CHECK(out.summary.failed);
  CHECK(out.summary.failure.find("step ") == 0);
  CHECK(out.summary.failure.find("dense") != std::string::npos);
  REQUIRE_FALSE(out.records.events.empty());
  CHECK(out.records.events.back().event == "non_finite");
  CHECK(out.records.events.back().layer.has_value());
  CHECK(out.records.steps.back().step == out.records.events.back().step);
  CHECK_FALSE(std::isfinite(out.records.steps.back().loss));
  CHECK_FALSE(out.records.unit_rows.empty());
  CHECK_FALSE(out.summary.test.has_value());
}

TEST_CASE("a network that does not fit the data is refused with its place in the config") {
  const auto pointer_of = [](const std::vector<std::string>& overrides) {
    Outcome out;
    try {
      run(experiment(overrides), 1, out);
    } catch (const ConfigError& error) { return error.issues()[0].pointer; }
    return std::string("accepted");
  };
  CHECK(pointer_of({"network.layers.1.units=3"}) == "/network/layers/1/units");
  CHECK(pointer_of({"loss=bce", "network.layers.1.units=1"}) == "accepted");
  CHECK(pointer_of({"loss=mse"}) == "accepted");
  CHECK(pointer_of({"data.kind=sin"}) == "/loss");
  CHECK(pointer_of({"data.kind=sin", "loss=mse"}) == "/network/layers/1/units");
}

TEST_CASE("what cannot fit into memory is refused before anything is allocated") {
  const ExperimentSpec spec = experiment({"network.layers.0.units=1000000"});
  CHECK(estimate_training_bytes(spec, 2, 240) > 5ULL * 4 * 1000000 * 1000000);
  CHECK_THROWS_AS(check_memory(spec, 2, 240), UserError);
  CHECK_NOTHROW(check_memory(experiment(), 2, 240));
  const ExperimentSpec endless = experiment({"network.layers.0.units=1000000", "network.layers.0.repeat=9000"});
  CHECK_THROWS_AS(check_memory(endless, 2, 240), UserError);
  CHECK_THROWS_AS(check_memory(experiment({"data.n_samples=9000000000000"})), UserError);
}

TEST_CASE("batches cover an epoch once, in a new order every time") {
  TrainSpec train;
  train.batch_size = 30;
  train.epochs = 2;
  BatchPlan plan(train, 100, 5);
  CHECK(plan.steps_per_epoch() == 4);
  CHECK(plan.total_steps() == 8);
  std::vector<Index> orders[2];
  for (std::int64_t step = 0; step < 8; ++step)
    for (const Index sample : plan.batch(step)) orders[static_cast<std::size_t>(plan.epoch(step))].push_back(sample);
  CHECK(orders[0] != orders[1]);
  for (auto& order : orders) {
    REQUIRE(order.size() == 100);
    std::sort(order.begin(), order.end());
    for (Index at = 0; at < 100; ++at) CHECK(order[static_cast<std::size_t>(at)] == at);
  }
  train.drop_last = true;
  CHECK(BatchPlan(train, 100, 5).steps_per_epoch() == 3);
  train.shuffle = false;
  BatchPlan in_order(train, 100, 5);
  CHECK(in_order.batch(4)[0] == 30);
}

TEST_CASE("log cadence is dense at the start and gives 16 per doubling later") {
  const Cadence log{Cadence::Kind::log, 1};
  for (std::int64_t step = 0; step < 32; ++step) CHECK(is_due(log, step, 10));
  int due = 0;
  for (std::int64_t step = 1024; step < 2048; ++step) due += is_due(log, step, 10) ? 1 : 0;
  CHECK(due == 16);
  CHECK(is_due({Cadence::Kind::epoch, 1}, 20, 10));
  CHECK_FALSE(is_due({Cadence::Kind::epoch, 1}, 21, 10));
  CHECK_FALSE(is_due({Cadence::Kind::off, 1}, 0, 10));
}
