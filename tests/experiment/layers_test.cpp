// Experiments with convolutions, norms and residual blocks: what is refused, who owns what, and what weights are
// called.
#include <doctest/doctest.h>

#include <algorithm>

#include "config/config_error.hpp"
#include "config/load.hpp"
#include "experiment/run.hpp"
#include "experiment/setup.hpp"
#include "experiment/sites.hpp"
#include "trace/sink.hpp"
#include "trace/weights.hpp"

using namespace reluscope;

namespace {

/// 4 × 4 pictures in a table.
ExperimentSpec experiment(const std::string& layers) {
  return parse_experiment(R"({
    "data": {"kind": "blobs", "n_samples": 80, "n_features": 16, "centers": 2, "shape": [1, 4, 4]},
    "network": {"layers": )" + layers +
                              R"(},
    "train": {"steps": 4, "batch_size": 16},
    "record": {"every": 1, "census": "step"}})",
                          "test", ".", {});
}

constexpr const char* kBlock = R"([
  {"type": "conv2d", "name": "first", "channels": 3, "kernel": 3, "padding": "same", "norm": "batch_norm", "activation": "relu"},
  {"type": "residual", "name": "block", "repeat": 2, "activation": "relu", "layers": [
    {"type": "conv2d", "name": "a", "channels": 3, "kernel": 3, "padding": 1, "activation": {"name": "prelu", "slopes": "unit"}},
    {"type": "conv2d", "name": "b", "channels": 3, "kernel": 1, "norm": "batch_norm"}]},
  {"type": "max_pool", "kernel": 2}, {"type": "activation", "activation": "elu"},
  {"units": 2}])";

std::string pointer_of(const std::string& layers) {
  try {
    load_for_training(experiment(layers));
  } catch (const ConfigError& error) { return error.issues()[0].pointer; }
  return "";
}

}  // namespace

TEST_CASE("layers that cannot stand where they are are refused at their place in the config") {
  CHECK(pointer_of(kBlock).empty());
  CHECK(pointer_of(R"([{"type": "conv2d", "channels": 2, "kernel": 5}, {"units": 2}])") == "/network/layers/0/kernel");
  CHECK(pointer_of(R"([{"type": "max_pool", "kernel": 2, "padding": 2}, {"units": 2}])") ==
        "/network/layers/0/padding");
  CHECK(
      pointer_of(R"([{"type": "conv2d", "channels": 2, "kernel": 3, "padding": "same", "stride": 2}, {"units": 2}])") ==
      "/network/layers/0/padding");
  CHECK(pointer_of(
            R"([{"type": "residual", "layers": [{"type": "conv2d", "channels": 2, "kernel": 1}]}, {"units": 2}])") ==
        "/network/layers/0/layers");
  CHECK(pointer_of(R"([{"type": "residual", "layers": [{"type": "max_pool", "kernel": 9}]}, {"units": 2}])") ==
        "/network/layers/0/layers/0/kernel");
}

TEST_CASE("a layer norm over one value is refused, as a layer and as the norm of one") {
  CHECK(pointer_of(R"([{"type": "layer_norm"}, {"units": 2}])") == "/network/layers/0/axes");  // of one channel
  CHECK(pointer_of(R"([{"type": "layer_norm", "axes": "sample"}, {"units": 2}])").empty());
  CHECK(pointer_of(R"([{"units": 1, "norm": "layer_norm"}, {"units": 2}])") == "/network/layers/0/norm/axes");
  CHECK(pointer_of(R"([{"units": 1, "norm": {"name": "layer_norm", "axes": "sample"}}, {"units": 2}])") ==
        "/network/layers/0/norm/axes");
  CHECK(pointer_of(R"([{"units": 2, "norm": {"name": "layer_norm", "eps": 0.1}}, {"units": 2}])").empty());
}

TEST_CASE("a block that stands on the data is held to their shape") {
  const auto pointer = [](const std::string& units) -> std::string {
    const ExperimentSpec spec = parse_experiment(
        R"({"data": {"kind": "blobs", "n_features": 16, "centers": 2}, "network": {"layers": [
          {"type": "residual", "layers": [{"units": )" +
            units + R"(}]}, {"units": 2}]}})",
        "test", ".", {});
    try {
      load_for_training(spec);
    } catch (const ConfigError& error) { return error.issues()[0].pointer; }
    return "";
  };
  CHECK(pointer("16").empty());
  CHECK(pointer("5") == "/network/layers/0/layers");
}

TEST_CASE("sites say what feeds them, and from where") {
  const std::vector<SiteRecord> sites = describe_sites(experiment(kBlock).network, Shape(1, 4, 4));
  REQUIRE(sites.size() == 7);
  const auto check = [&](std::size_t at, const char* name, const char* kind, Index positions, const char* inputs) {
    CHECK(sites[at].name == name);
    CHECK(sites[at].kind == kind);
    CHECK(sites[at].positions == positions);
    CHECK(sites[at].inputs == inputs);
  };
  check(0, "first", "batch_norm", 16, "input");
  check(1, "a-1", "conv2d", 16, "first");
  check(2, "block-1", "residual", 16, "a-1 first");
  check(3, "a-2", "conv2d", 16, "block-1");
  check(4, "block-2", "residual", 16, "a-2 block-1");
  check(5, "activation1", "max_pool", 4, "block-2");
  check(6, "dense1", "dense", 1, "activation1");
  CHECK(sites[1].fan_in == 27);
  CHECK_FALSE(sites[2].fan_in);
  CHECK(sites[6].fan_in == 12);
}

TEST_CASE("a dense layer on channels at one position has the Flatten before it that PyTorch wants, on a vector none") {
  const auto last_parameter = [](const std::string& layers) {
    const Network<float> network(experiment(layers).network, Shape(1, 4, 4), 1);
    return network.parameters().back()->name;
  };
  CHECK(last_parameter(R"([{"type": "conv2d", "channels": 3, "kernel": 4}, {"units": 2}])") == "layers.2.bias");
  CHECK(last_parameter(R"([{"type": "max_pool", "kernel": 4}, {"type": "batch_norm"}, {"units": 2}])") ==
        "layers.3.bias");
  CHECK(last_parameter(R"([{"type": "residual", "layers": [{"type": "conv2d", "channels": 3, "kernel": 4}],
                        "shortcut": [{"type": "conv2d", "channels": 3, "kernel": 4}]}, {"units": 2}])") ==
        "layers.2.bias");
  CHECK(last_parameter(R"([{"type": "conv2d", "channels": 3, "kernel": 4}, {"type": "flatten"}, {"units": 2}])") ==
        "layers.2.bias");
  CHECK(last_parameter(R"([{"type": "global_avg_pool"}, {"type": "batch_norm"}, {"units": 2}])") == "layers.2.bias");
  CHECK(last_parameter(R"([{"units": 3, "norm": "batch_norm"}, {"units": 2}])") == "layers.2.bias");
}

TEST_CASE("weights are called as in nested Sequentials") {
  const Network<float> network(experiment(kBlock).network, Shape(1, 4, 4), 1);
  std::vector<std::string> names;
  for (const Tensor& tensor : export_weights(network).tensors) names.push_back(tensor.name + shape_text(tensor.shape));
  const std::vector<std::string> expected = {"layers.0.weight[3, 1, 3, 3]",
                                             "layers.0.bias[3]",
                                             "layers.1.weight[3]",
                                             "layers.1.bias[3]",
                                             "layers.1.running_mean[3]",
                                             "layers.1.running_var[3]",
                                             "layers.1.num_batches_tracked[]",
                                             "layers.3.body.0.weight[3, 3, 3, 3]",
                                             "layers.3.body.0.bias[3]",
                                             "layers.3.body.1.weight[3]",
                                             "layers.3.body.2.weight[3, 3, 1, 1]",
                                             "layers.3.body.2.bias[3]",
                                             "layers.3.body.3.weight[3]",
                                             "layers.4.body.3.running_var[3]",
                                             "layers.8.weight[2, 12]",
                                             "layers.8.bias[2]"};
  for (const std::string& name : expected) {
    CAPTURE(name);
    CHECK(std::find(names.begin(), names.end(), name) != names.end());
  }
}

TEST_CASE("the scale and shift of a layer norm have the shape that PyTorch gives them") {
  const Network<float> network(experiment(R"([
    {"type": "layer_norm", "axes": "sample"},
    {"type": "conv2d", "channels": 3, "kernel": 2, "norm": "layer_norm", "activation": "relu"},
    {"units": 5, "norm": {"name": "layer_norm", "axes": "sample"}}, {"units": 2}])")
                                   .network,
                               Shape(1, 4, 4), 1);
  const Tensors weights = export_weights(network);
  const auto shape = [&](const char* name) { return shape_text(weights.find(name)->shape); };
  CHECK(shape("layers.0.weight") == "[1, 4, 4]");
  CHECK(shape("layers.0.bias") == "[1, 4, 4]");
  CHECK(shape("layers.2.weight") == "[3]");
  CHECK(shape("layers.6.bias") == "[5]");
}

TEST_CASE("a site owns the parameters since the sites before it, and its row says nothing where it owns none") {
  const ExperimentSpec spec = experiment(kBlock);
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  ThreadPool pool(1);
  RecordMemory records;
  run_experiment(spec, dataset, records, pool, {});
  const auto row = [&](std::int64_t layer) {
    return *std::find_if(records.layer_rows.begin(), records.layer_rows.end(),
                         [&](const LayerRecord& one) { return one.layer == layer; });
  };
  for (const std::int64_t layer : {1, 2, 3, 5, 7}) {
    CAPTURE(layer);
    CHECK(measured(row(layer), &LayerRecord::grad_norm_w).value_or(0.0) > 0.0);
    CHECK(measured(row(layer), &LayerRecord::weight_norm).value_or(0.0) > 0.0);
  }
  CHECK(row(1).positions == 16);
  CHECK_FALSE(measured(row(6), &LayerRecord::grad_norm_w));  // an activation behind a pool
  CHECK_FALSE(measured(row(6), &LayerRecord::update_ratio));
  const Network<float> network(spec.network, dataset.shape(), 1);
  const std::vector<std::vector<std::size_t>> owned = owned_nodes(network);
  CHECK(owned[0].size() == 2);  // convolution and norm
  CHECK(owned[2].size() == 2);  // those of the branch that ends in the sum
  CHECK(owned[5].empty());
}

TEST_CASE("large pictures go through in pieces, and their censuses are those that look at every sample") {
  // Units are alive on few samples: the census looks for them among up to 512, in pieces of 64.
  const ExperimentSpec spec = parse_experiment(R"({
    "data": {"kind": "blobs", "n_samples": 2600, "n_features": 2304, "centers": 2, "shape": [1, 48, 48], "test_fraction": 0.1},
    "network": {"layers": [
      {"type": "conv2d", "channels": 24, "kernel": 3, "padding": "same", "activation": "relu", "init": {"bias": -45}},
      {"type": "conv2d", "channels": 8, "kernel": 3, "stride": 4, "norm": "batch_norm", "activation": "relu"},
      {"type": "global_avg_pool"}, {"units": 2}]},
    "train": {"steps": 2, "batch_size": 16, "optimizer": {"lr": 0.1}},
    "record": {"every": 1, "census": "step", "probe": 64}})",
                                               "test", ".", {});
  const Dataset data = load_for_training(spec);
  const Network<float> network(spec.network, data.shape(), 0);
  CHECK(network.pass_columns() < kPassColumns);
  CHECK(network.shard_columns() == 8);
  ThreadPool pool(2);
  std::vector<std::vector<CensusRecord>> censuses;
  for (const bool brute : {false, true}) {
    RecordMemory memory;
    RunControl control;
    control.brute_census = brute;
    run_experiment(spec, data, memory, pool, control);
    censuses.push_back(memory.census_rows);
  }
  REQUIRE(censuses[0].size() == censuses[1].size());
  std::int64_t dead = 0;
  for (std::size_t at = 0; at < censuses[0].size(); ++at) {
    CHECK(censuses[0][at].dead == censuses[1][at].dead);
    dead += censuses[0][at].dead;
  }
  CHECK(dead > 0);
}
