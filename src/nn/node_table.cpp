#include "nn/node_table.hpp"

#include "nn/dense.hpp"
#include "nn/dropout.hpp"
#include "util/memory.hpp"

namespace reluscope {

namespace {

/// Dropout's random streams come after those of layers with weights.
constexpr std::uint64_t kDropoutStreams = 0x8000;

template <class T>
std::unique_ptr<Node<T>> make_dense(const LayerSpec& layer, const Shape& input, const NodeStreams& streams) {
  return std::make_unique<Dense<T>>(layer, input.size(), streams.seed, streams.map);
}

NodeEntry dense_entry() {
  NodeEntry entry;
  entry.name = "dense";
  entry.doc = "a = φ(W h + b)";
  entry.params = {required("units", ParamKind::integer, "number of units (neurons)").at_least(1).at_most(1000000)};
  entry.affine = true;
  entry.units_key = "units";
  entry.output_shape = [](const LayerSpec& layer, const Shape& /*input*/) {
    return Shape(layer.type.params.integer("units"));
  };
  entry.fan_in = [](const LayerSpec& /*layer*/, const Shape& input) { return input.size(); };
  entry.fan_out = [](const LayerSpec& layer, const Shape& /*input*/) {
    return static_cast<Index>(layer.type.params.integer("units"));
  };
  entry.parameters = [](const LayerSpec& layer, const Shape& input) {
    // Of each unit: its weights, a bias, a slope.
    return saturating_product(saturating_sum(static_cast<std::uint64_t>(input.size()), 2),
                              static_cast<std::uint64_t>(layer.type.params.integer("units")));
  };
  entry.moment_divisor = [](const LayerSpec& /*layer*/) { return 1.0; };
  entry.packs = true;
  entry.make_float = make_dense<float>;
  entry.make_double = make_dense<double>;
  return entry;
}

template <class T>
std::unique_ptr<Node<T>> make_dropout(const LayerSpec& layer, const Shape& input, const NodeStreams& streams) {
  return std::make_unique<Dropout<T>>(layer.name, layer.type.params.number("p"), input,
                                      kDropoutStreams + streams.layer);
}

NodeEntry dropout_entry() {
  NodeEntry entry;
  entry.name = "dropout";
  entry.doc = "zeroes elements at random while training (Srivastava et al. 2014)";
  entry.params = {number("p", 0.5, "probability of zeroing").at_least(0).below(1)};
  entry.output_shape = [](const LayerSpec& /*layer*/, const Shape& input) { return input; };
  entry.parameters = [](const LayerSpec& /*layer*/, const Shape& /*input*/) { return std::uint64_t{0}; };
  entry.moment_divisor = [](const LayerSpec& layer) { return 1.0 - layer.type.params.number("p"); };
  entry.make_float = make_dropout<float>;
  entry.make_double = make_dropout<double>;
  return entry;
}

}  // namespace

std::span<const NodeEntry> node_table() {
  static const std::vector<NodeEntry> table = {dense_entry(), dropout_entry()};
  return table;
}

const NodeEntry& entry_of(const LayerSpec& layer) { return *find_entry(node_table(), layer.type.name); }

std::vector<LayerPlace> place_layers(const NetworkSpec& network, const Shape& input) {
  std::vector<LayerPlace> places;
  Shape shape = input;
  for (const LayerSpec& layer : network.layers) {
    const NodeEntry& entry = entry_of(layer);
    const Shape output = entry.output_shape(layer, shape);
    places.push_back({&layer, &entry, shape, output});
    shape = output;
  }
  return places;
}

Index count_outputs(const NetworkSpec& network, const Shape& input) {
  return place_layers(network, input).back().output.size();
}

}  // namespace reluscope
