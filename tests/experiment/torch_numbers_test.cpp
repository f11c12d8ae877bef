// Every layer, activation, loss and optimiser against PyTorch's numbers: those that scripts/torch_numbers.py has left
// in torch_numbers.safetensors, whose form it describes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "config/load.hpp"
#include "experiment/training.hpp"
#include "nn/node_table.hpp"
#include "nn/training_pass.hpp"
#include "support/command.hpp"
#include "trace/weights.hpp"

using namespace reluscope;

namespace {

constexpr std::size_t kSteps = 3;
/// The row of an array's gradient, behind those before the first step and after each one.
constexpr std::size_t kGradient = kSteps + 1;

const Tensors& numbers_of_pytorch() {
  static const Tensors file = read_safetensors(std::filesystem::path(test::environment("RELUSCOPE_SOURCE_DIR")) /
                                               "tests/experiment/torch_numbers.safetensors");
  return file;
}

ExperimentSpec spec_of(const std::string& name) {
  return parse_experiment(numbers_of_pytorch().metadata.at(name), name, ".");
}

std::vector<double> values_of(const Tensors& file, const Tensor& tensor) {
  std::vector<double> values(tensor.count());
  for (std::size_t at = 0; at < values.size(); ++at) values[at] = file.number(tensor, at);
  return values;
}

/// What the file has of one case.
struct Case {
  std::string name;
  ExperimentSpec spec;

  explicit Case(std::string of) : name(std::move(of)), spec(spec_of(name)) {}

  [[nodiscard]] const Tensor* find(const std::string& key) const { return numbers_of_pytorch().find(name + "/" + key); }
  [[nodiscard]] bool trains() const { return find("losses") != nullptr; }
  /// A column for each sample, or whatever the array's first dimension counts.
  [[nodiscard]] Matrix<double> columns(const std::string& key) const {
    const Tensor* tensor = find(key);
    REQUIRE_MESSAGE(tensor != nullptr, name, " has no ", key);
    const std::vector<double> values = values_of(numbers_of_pytorch(), *tensor);
    const Index count = tensor->shape[0];
    return Eigen::Map<const Matrix<double>>(values.data(), static_cast<Index>(values.size()) / count, count);
  }
  /// The arrays of the state_dict, or gradients, that stand in this row.
  [[nodiscard]] Tensors row(std::size_t at) const {
    Tensors state;
    for (const Tensor& tensor : numbers_of_pytorch().tensors) {
      if (!tensor.name.starts_with(name + "/layers.") || tensor.shape[0] <= static_cast<Index>(at)) continue;
      const std::string_view bytes = numbers_of_pytorch().bytes(tensor);
      const std::size_t size = bytes.size() / static_cast<std::size_t>(tensor.shape[0]);
      const std::span<char> to = state.append(tensor.name.substr(name.size() + 1),
                                              {tensor.shape.begin() + 1, tensor.shape.end()}, tensor.type);
      std::ranges::copy(bytes.substr(at * size, size), to.begin());
    }
    return state;
  }

  [[nodiscard]] Dataset dataset() const {
    Dataset data;
    const Matrix<double> inputs = columns("inputs");
    data.train.features = inputs;
    data.test.features = Matrix<double>(inputs.rows(), 0);
    data.shift.setZero(inputs.rows());
    data.scale.setOnes(inputs.rows());
    data.image = spec.data.shape;
    const Matrix<double> targets = columns("targets");
    if (find_entry(loss_table(), spec.loss.name)->takes_classes) {
      const Index classes = columns("outputs").rows() / inputs.cols();
      for (Index label = 0; label < classes; ++label) data.class_names.push_back(std::to_string(label));
      for (const double target : targets.reshaped()) data.train.labels.push_back(static_cast<std::int32_t>(target));
    } else {
      data.task = Task::regression;
      data.train.targets = targets;
      data.test.targets.resize(targets.rows(), 0);
    }
    return data;
  }
};

/// Whether numbers are PyTorch's, by the largest of them, or by `least` where they are all smaller.
void check(const Case& one, const std::string& what, std::span<const double> found, std::span<const double> expected,
           double tolerance, double least = 0.0) {
  REQUIRE_MESSAGE(found.size() == expected.size(), one.name, ": ", what, " has ", found.size(), " numbers, expected ",
                  expected.size());
  double largest = least;
  for (const double number : expected) largest = std::max(largest, std::abs(number));
  for (std::size_t at = 0; at < expected.size(); ++at) {
    const double apart = std::abs(found[at] - expected[at]);
    CHECK_MESSAGE(apart <= tolerance * largest, one.name, ": ", what, "[", at, "]: found ", found[at], ", PyTorch has ",
                  expected[at], "; ", apart / largest, " apart, by the largest of it");
  }
}

void check(const Case& one, const std::string& what, const Tensors& found, const Tensors& expected, double tolerance,
           double least = 0.0) {
  CHECK_MESSAGE(found.tensors.size() == expected.tensors.size(), one.name, ": ", what, ": the number of arrays");
  for (const Tensor& tensor : expected.tensors) {
    const Tensor* mine = found.find(tensor.name);
    REQUIRE_MESSAGE(mine != nullptr, one.name, ": ", what, ": no array ", tensor.name);
    CHECK_MESSAGE(mine->shape == tensor.shape, one.name, ": ", what, ": the shape of ", tensor.name);
    check(one, tensor.name + " " + what, values_of(found, *mine), values_of(expected, tensor), tolerance, least);
  }
}

std::vector<Index> all_samples(const Dataset& data) {
  std::vector<Index> samples(static_cast<std::size_t>(data.train.count()));
  std::iota(samples.begin(), samples.end(), Index{0});
  return samples;
}

template <class T>
std::vector<double> as_numbers(const Eigen::Ref<const Matrix<T>>& values) {
  const Matrix<double> wide = values.template cast<double>();
  return {wide.data(), wide.data() + wide.size()};
}

/// Of the mean loss, for a state that has been through a pass of all samples.
template <class T>
Tensors gradients(const Training<T>& training, const NetworkState<T>& state, Index samples, Index shards) {
  const Network<T>& network = training.network;
  std::vector<Matrix<T>> values;
  std::vector<const Matrix<T>*> places_of_values;
  for (const Parameter<T>* parameter : network.parameters())
    values.emplace_back(parameter->value.rows(), parameter->value.cols());
  for (const Matrix<T>& value : values) places_of_values.push_back(&value);
  const std::vector<ByRole<std::size_t>> places = parameter_places(network);
  std::vector<Tile> tiles;
  for (std::size_t node = 0; node < network.depth(); ++node) network.node(node).append_tiles(node, tiles);
  for (const Tile& tile : tiles)
    network.node(tile.node).gradient(state.inputs_of(tile.node), state.node(tile.node), samples, shards, tile,
                                     values[places[tile.node][place_of(tile.role)]].data() + tile.begin);
  Tensors all;
  append_matrices(all, "", network, places_of_values);
  return all;
}

/// Output and gradients of a pass in training.
template <class T>
void check_pass(const Case& one, Training<T>& training, const std::vector<Index>& samples, double tolerance) {
  const auto count = static_cast<Index>(samples.size());
  Network<T>& network = training.network;
  NetworkState<T> state(network, count);
  TargetBatch<T> targets(training.criterion.targets, network.outputs(), count);
  Vector<T> losses(count);
  const std::vector<Shard> shards = network.cut(count);
  const auto fill = [&](const Shard& shard) {
    const auto part =
        std::span(samples).subspan(static_cast<std::size_t>(shard.first), static_cast<std::size_t>(shard.count));
    auto input = state.input().middleCols(shard.first, shard.count);
    gather<T>(training.dataset, training.dataset.train, part, input);
    targets.gather(training.dataset.train, part, shard.first, input);
  };
  const auto turn = [&](const Shard& shard) {
    NodeState<T>& last = state.node(network.depth() - 1);
    const auto output = last.output.middleCols(shard.first, shard.count);
    training.criterion.loss.evaluate(training.criterion.loss_params, output, targets.columns(shard.first, shard.count),
                                     std::span(losses.data() + shard.first, static_cast<std::size_t>(shard.count)),
                                     last.delta.middleCols(shard.first, shard.count));
  };
  run_training_pass<T>(network, state, shards, {true, Measure::nothing, 0, 0}, 0.0, training.pool, fill, turn);
  const Matrix<double> outputs = one.columns("outputs");
  check(one, "output in training", as_numbers<T>(state.output().leftCols(count)), as_numbers<double>(outputs.col(1)),
        tolerance);
  // That of a bias below a norm is 0 but for rounding, and that of what it is the sum of.
  const Tensors expected = one.row(kGradient);
  double largest = 0.0;
  for (const Tensor& tensor : expected.tensors)
    for (const double number : values_of(expected, tensor)) largest = std::max(largest, std::abs(number));
  check(one, "gradient", gradients(training, state, count, static_cast<Index>(shards.size())), expected, tolerance,
        0.1 * largest);
}

template <class T>
void check_steps(const Case& one, Training<T>& training, const std::vector<Index>& samples, double tolerance) {
  std::vector<double> losses;
  for (std::size_t step = 0; step < kSteps; ++step) {
    // As a step that is recorded does it: what is measured changes nothing.
    training.step.compute(samples, {true, Measure::batch, 0, step});
    losses.push_back(training.step.result().loss);
    training.step.apply(training.learning_rate(static_cast<std::int64_t>(step)));
    check(one, "after step " + std::to_string(step + 1), export_weights(training.network), one.row(step + 1),
          tolerance);
  }
  check(one, "losses", losses, as_numbers<double>(one.columns("losses")), tolerance);
}

template <class T>
void check_evaluation(const Case& one, const Training<T>& training, const std::vector<Index>& samples,
                      double tolerance) {
  const auto count = static_cast<Index>(samples.size());
  NetworkState<T> state(training.network, count, Way::forward);
  gather<T>(training.dataset, training.dataset.train, samples, state.input().leftCols(count));
  for (const Shard& shard : training.network.cut(count)) state.forward(training.network, shard, {});
  const Matrix<double> outputs = one.columns("outputs");
  check(one, "output in evaluation", as_numbers<T>(state.output().leftCols(count)), as_numbers<double>(outputs.col(0)),
        tolerance);
}

template <class T>
void check_case(const Case& one, double tolerance) {
  const Dataset data = one.dataset();
  const std::vector<Index> samples = all_samples(data);
  ThreadPool pool(1);
  Training<T> training(one.spec, data, pool);
  import_weights(one.row(0), one.name, training.network);
  if (one.trains()) {
    check_pass(one, training, samples, tolerance);
    check_steps(one, training, samples, tolerance);
  }
  check_evaluation(one, training, samples, tolerance);
}

/// What the file's configs choose: of "TABLE NAME", for each setting the values that it has somewhere.
struct Chosen {
  std::map<std::string, std::map<std::string, std::vector<ParamValue>>> values;

  void add(const std::string& table, const Choice& choice) {
    auto& settings = values[table + " " + choice.name];
    for (const auto& [setting, value] : choice.params.all()) {
      std::vector<ParamValue>& seen = settings[setting];
      if (std::ranges::find(seen, value) == seen.end()) seen.push_back(value);
    }
  }
  void add(const std::vector<LayerSpec>& layers) {
    for (const LayerSpec& layer : layers) {
      add("layer", layer.type);
      if (layer.activation) add("activation", *layer.activation);
      add(layer.norm);
      add(layer.body);
      add(layer.shortcut);
    }
  }
  template <class E>
  void check(const std::string& table, std::span<const E> entries) const {
    for (const E& entry : entries) {
      const auto found = values.find(table + " " + entry.name);
      CHECK_MESSAGE(found != values.end(), "no case has the ", table, " ", entry.name);
      if (found == values.end()) continue;
      for (const Param& param : entry.params)
        CHECK_MESSAGE(found->second.at(param.name).size() > 1, "of the ", table, " ", entry.name,
                      " the cases have one value of ", param.name, " alone");
    }
  }
};

bool draws_numbers(const std::vector<LayerSpec>& layers) {
  return std::ranges::any_of(layers, [](const LayerSpec& layer) {
    const bool drops = layer.type.name == "dropout" && layer.type.params.number("p") > 0.0;
    return drops || (layer.activation && find_entry(activation_table(), layer.activation->name)->random) ||
           draws_numbers(layer.body) || draws_numbers(layer.shortcut);
  });
}

}  // namespace

TEST_CASE("outputs, gradients, steps of every optimiser and running statistics are PyTorch's, in float64") {
  for (const auto& [name, config] : numbers_of_pytorch().metadata) check_case<double>(Case(name), 1e-13);
}

TEST_CASE("in float32 they are as near to it as that allows") {
  for (const auto& [name, config] : numbers_of_pytorch().metadata) check_case<float>(Case(name), 5e-6);
}

TEST_CASE("every layer, activation, loss and optimiser has PyTorch's numbers, and each setting at two values or more") {
  Chosen chosen;
  for (const auto& [name, config] : numbers_of_pytorch().metadata) {
    const Case one(name);
    chosen.add(one.spec.network.layers);
    chosen.add("loss", one.spec.loss);
    chosen.add("optimizer", one.spec.train.optimizer);
    // PyTorch draws other numbers: what draws any is held to it in evaluation alone, and nothing else is.
    if (!one.trains()) CHECK_MESSAGE(draws_numbers(one.spec.network.layers), name, " has no numbers of training");
  }
  chosen.check("layer", node_table());
  chosen.check("activation", activation_table());
  chosen.check("loss", loss_table());
  chosen.check("optimizer", optimizer_table());
}
