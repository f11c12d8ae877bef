// Packs of networks against the same networks one by one, bit for bit, and against whole runs.
#include "experiment/study.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "config/load.hpp"
#include "experiment/run.hpp"
#include "nn/block.hpp"
#include "nn/network_pack.hpp"
#include "support/specs.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

/// A narrow network on the plane; `overrides` change it.
ExperimentSpec narrow(const std::vector<std::string>& overrides) {
  return parse_experiment(R"({
    "data": {"kind": "abs", "n_samples": 150, "n_features": 2, "test_fraction": 0},
    "network": {"layers": [
      {"units": 3, "activation": "relu", "init": {"weights": "he_normal"}, "repeat": 4},
      {"units": 1}]},
    "loss": "mse",
    "train": {"steps": 25, "batch_size": 70, "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9}}
  })",
                          "narrow", ".", overrides);
}

std::vector<std::uint64_t> seeds_from(std::uint64_t first, std::size_t count) {
  std::vector<std::uint64_t> seeds(count);
  std::iota(seeds.begin(), seeds.end(), first);
  return seeds;
}

/// Outcomes of both ways, which have to be equal.
std::vector<StudyOutcome> both_ways(const ExperimentSpec& spec, std::size_t count, int threads = 2) {
  const Dataset data = load_dataset(spec.data, 0);
  REQUIRE(runs_in_packs(spec, data));
  ThreadPool pool(threads);
  const auto seeds = seeds_from(1, count);
  const auto packed = run_study(spec, data, seeds, pool);
  const auto alone = run_study(spec, data, seeds, pool, {}, StudyWay::one_by_one);
  CHECK(packed == alone);
  return packed;
}

}  // namespace

TEST_CASE("a pack has the bits of its networks trained one by one: every activation that can be packed") {
  for (const ActivationEntry& entry : hidden_activations()) {
    if (entry.name == "rrelu") continue;
    CAPTURE(entry.name);
    std::vector<std::string> overrides = {"network.layers.0.activation=" + entry.name};
    if (entry.name == "prelu") overrides = {R"(network.layers.0.activation={"name": "prelu", "slopes": "unit"})"};
    for (const char* precision : {"precision=float32", "precision=float64"}) {
      overrides.emplace_back(precision);
      const auto outcomes = both_ways(narrow(overrides), 19);  // a full pack and a rest, whatever the lanes
      CHECK(std::isfinite(outcomes[18].last_loss));
      CHECK(outcomes[3].first_loss != outcomes[4].first_loss);
      overrides.pop_back();
    }
  }
}

TEST_CASE("a pack has the bits of its networks trained one by one: optimisers, losses, shapes, short batches") {
  for (const OptimizerEntry& entry : optimizer_table())
    both_ways(narrow({"train.optimizer={\"name\": \"" + entry.name + "\"}", "train.schedule=cosine"}), 17);
  for (const char* loss : {"mae", "huber"}) both_ways(narrow({std::string("loss=") + loss}), 5);
  both_ways(narrow({"train.clip_value=0.01", "network.layers.0.units=17", "train.batch_size=7"}), 5);
  both_ways(narrow({"train.shuffle=false", "network.layers.0.repeat=1", "train.batch_size=200"}), 5);
}

TEST_CASE("several outputs and classes") {
  const ExperimentSpec spec = parse_experiment(R"({
    "data": {"kind": "blobs", "n_samples": 90, "n_features": 3, "centers": 4, "test_fraction": 0},
    "network": {"layers": [{"units": 6, "activation": "elu"}, {"units": 4}]},
    "loss": "cross_entropy",
    "train": {"epochs": 3, "batch_size": 32}
  })",
                                               "blobs", ".");
  both_ways(spec, 18);
}

TEST_CASE("a study agrees with whole runs") {
  const auto outcomes = both_ways(narrow({}), 6, 1);
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const ExperimentSpec spec = narrow({"seed=" + std::to_string(seed)});
    const Dataset data = load_dataset(spec.data, 0);  // the study's own data set, whatever the seed
    RecordMemory memory;
    ThreadPool pool(1);
    const RunSummary summary = run_experiment(spec, data, memory, pool);
    const StudyOutcome& outcome = outcomes[seed - 1];
    CHECK(outcome.first_loss == summary.first_loss);
    CHECK(outcome.last_loss == summary.last_loss);
    for (std::size_t layer = 0; layer < summary.layers.size(); ++layer) {
      CHECK(outcome.dead[layer] == summary.layers[layer].dead);
      CHECK(outcome.born_dead[layer] == summary.layers[layer].born_dead);
    }
  }
}

TEST_CASE("with no steps networks are only drawn; deep narrow ones are mostly born dead") {
  const ExperimentSpec spec = narrow({"network.layers.0.repeat=10", "network.layers.0.units=2"});
  const Dataset data = load_dataset(spec.data, 0);
  ThreadPool pool(2);
  const auto outcomes = run_study(spec, data, seeds_from(1, 200), pool, 0);
  CHECK(outcomes == run_study(spec, data, seeds_from(1, 200), pool, 0, StudyWay::one_by_one));
  std::vector<Index> units(10, 2);
  units.push_back(1);
  int born_dead = 0;
  for (const StudyOutcome& outcome : outcomes) {
    CHECK(std::isnan(outcome.last_loss));
    born_dead += is_born_dead(outcome.born_dead, units) ? 1 : 0;
  }
  CHECK(born_dead > 100);
  CHECK(born_dead < 200);
}

TEST_CASE("what cannot be packed runs one by one all the same") {
  for (const char* change : {"network.layers.0.activation=rrelu", "network.layers.0.units=300", "train.clip_norm=1.0",
                             R"(network.layers.0={"type": "dropout", "p": 0.2})"}) {
    const ExperimentSpec spec = narrow({change, "train.steps=3"});
    const Dataset data = load_dataset(spec.data, 0);
    CAPTURE(change);
    CHECK_FALSE(runs_in_packs(spec, data));
    ThreadPool pool(2);
    const auto outcomes = run_study(spec, data, seeds_from(1, 3), pool);
    CHECK(std::isfinite(outcomes[2].last_loss));
  }
}
