#include "nn/node_table.hpp"

#include "nn/batch_norm.hpp"
#include "nn/conv2d.hpp"
#include "nn/dense.hpp"
#include "nn/dropout.hpp"
#include "nn/layer_norm.hpp"
#include "nn/layout_nodes.hpp"
#include "nn/pool.hpp"
#include "nn/sum.hpp"
#include "util/memory.hpp"

namespace reluscope {

namespace {

/// Dropout's random streams come after those of layers with weights.
constexpr std::uint64_t kDropoutStreams = 0x8000;

template <class T>
std::unique_ptr<Node<T>> make_dense(const LayerSpec& layer, const Shape& input, const NodeStreams& streams) {
  return std::make_unique<Dense<T>>(layer, input.size(), streams.seed, streams.map);
}

double unchanged_moments(const LayerSpec& /*layer*/) { return 1.0; }

NodeEntry dense_entry() {
  NodeEntry entry;
  entry.name = "dense";
  entry.doc = "a = φ(W h + b)";
  entry.params = {required("units", ParamKind::integer, "number of units (neurons)").at_least(1).at_most(1000000)};
  entry.affine = true;
  entry.yields_vector = true;
  entry.wants = Wants::vector;
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
  entry.moment_divisor = unchanged_moments;
  entry.cover = [](const LayerSpec& /*layer*/, const Shape& input) {
    return std::vector<double>(static_cast<std::size_t>(input.positions()), 1.0);
  };
  entry.packs = true;
  entry.make_float = make_dense<float>;
  entry.make_double = make_dense<double>;
  return entry;
}

std::uint64_t no_parameters(const LayerSpec& /*layer*/, const Shape& /*input*/) { return 0; }

/// What is wrong where a window does not fit into its input.
std::optional<NodeMisfit> window_misfit(const Window& window, Index most_padding) {
  const auto size = [](Index height, Index width) { return std::to_string(height) + " × " + std::to_string(width); };
  const std::string input = size(window.rows.input, window.columns.input);
  if (window.places() == 0)
    return NodeMisfit{"kernel", std::to_string(window.rows.kernel),
                      "at most the size of its input, " + input + ", with the padding"};
  if (window.rows.low > most_padding)
    return NodeMisfit{"padding", std::to_string(window.rows.low), "at most " + std::to_string(most_padding)};
  return std::nullopt;
}

Param kernel_param(const char* doc) { return required("kernel", ParamKind::integer, doc).at_least(1).at_most(1000); }

template <class T>
std::unique_ptr<Node<T>> make_conv2d(const LayerSpec& layer, const Shape& input, const NodeStreams& streams) {
  return std::make_unique<Conv2d<T>>(layer, input, streams.seed, streams.map);
}

NodeEntry conv2d_entry() {
  NodeEntry entry;
  entry.name = "conv2d";
  entry.doc = "a = φ(W * h + b): each unit, a channel, looks at a window of all channels (LeCun et al. 1998)";
  const Param padding =
      integer("padding", 0, "zeros around the input, or \"same\": as many as keep its size (stride 1)")
          .at_least(0)
          .at_most(1000)
          .one_of({"same"});
  entry.params = {
      required("channels", ParamKind::integer, "number of units (output channels)").at_least(1).at_most(1000000),
      kernel_param("height and width of the window"),
      integer("stride", 1, "step of the window").at_least(1).at_most(1000), padding};
  entry.affine = true;
  entry.wants = Wants::positions;
  entry.units_key = "channels";
  entry.output_shape = [](const LayerSpec& layer, const Shape& input) {
    const Window window = Conv2d<float>::window_of(layer, input);
    return Shape(layer.type.params.integer("channels"), window.rows.places(), window.columns.places());
  };
  entry.misfit = [](const LayerSpec& layer, const Shape& input) -> std::optional<NodeMisfit> {
    const Index stride = layer.type.params.integer("stride");
    if (layer.type.params.is_word("padding") && stride != 1)
      return NodeMisfit{"padding", "\"same\" with stride " + std::to_string(stride),
                        "a number: \"same\" is for stride 1"};
    return window_misfit(Conv2d<float>::window_of(layer, input), 1000);
  };
  entry.fan_in = [](const LayerSpec& layer, const Shape& input) {
    return input.channels * Conv2d<float>::window_of(layer, input).size();
  };
  entry.fan_out = [](const LayerSpec& layer, const Shape& input) {
    return static_cast<Index>(layer.type.params.integer("channels")) * Conv2d<float>::window_of(layer, input).size();
  };
  entry.parameters = [](const LayerSpec& layer, const Shape& input) {
    const auto fan_in = saturating_product(static_cast<std::uint64_t>(input.channels),
                                           static_cast<std::uint64_t>(Conv2d<float>::window_of(layer, input).size()));
    return saturating_product(saturating_sum(fan_in, 2),
                              static_cast<std::uint64_t>(layer.type.params.integer("channels")));
  };
  entry.room = [](const LayerSpec& layer, const Shape& input) {
    return convolution_room(layer.type.params.integer("channels"),
                            input.channels * Conv2d<float>::window_of(layer, input).size());
  };
  entry.moment_divisor = unchanged_moments;
  entry.cover = [](const LayerSpec& layer, const Shape& input) {
    const Window window = Conv2d<float>::window_of(layer, input);
    std::vector<double> cover(static_cast<std::size_t>(input.positions()));
    for (Index place = 0; place < window.places(); ++place)
      window.look(place,
                  [&](Index position, Index /*in_window*/) { cover[static_cast<std::size_t>(position)] += 1.0; });
    return cover;
  };
  entry.make_float = make_conv2d<float>;
  entry.make_double = make_conv2d<double>;
  return entry;
}

/// What max_pool and avg_pool share.
NodeEntry pool_entry(const char* name, const char* doc) {
  NodeEntry entry;
  entry.name = name;
  entry.doc = doc;
  entry.params = {
      kernel_param("height and width of the window"),
      unset("stride", ParamKind::integer, "step of the window; null: the kernel's size").at_least(1).at_most(1000),
      integer("padding", 0, "positions around the input, at most half the kernel").at_least(0).at_most(1000)};
  entry.wants = Wants::positions;
  entry.output_shape = [](const LayerSpec& layer, const Shape& input) {
    const Window window = pool_window(layer, input);
    return Shape(input.channels, window.rows.places(), window.columns.places());
  };
  entry.misfit = [](const LayerSpec& layer, const Shape& input) {
    return window_misfit(pool_window(layer, input), layer.type.params.integer("kernel") / 2);
  };
  entry.parameters = no_parameters;
  return entry;
}

template <class T>
std::unique_ptr<Node<T>> make_max_pool(const LayerSpec& layer, const Shape& input, const NodeStreams& /*streams*/) {
  return std::make_unique<MaxPool<T>>(layer.name, pool_window(layer, input));
}

NodeEntry max_pool_entry() {
  NodeEntry entry = pool_entry("max_pool", "the largest value that a window sees");
  entry.make_float = make_max_pool<float>;
  entry.make_double = make_max_pool<double>;
  return entry;
}

template <class T>
std::unique_ptr<Node<T>> make_avg_pool(const LayerSpec& layer, const Shape& input, const NodeStreams& /*streams*/) {
  return std::make_unique<AveragePool<T>>(layer.name, pool_window(layer, input),
                                          layer.type.params.flag("count_include_pad"));
}

NodeEntry avg_pool_entry() {
  NodeEntry entry = pool_entry("avg_pool", "the mean of what a window sees");
  entry.params.push_back(boolean("count_include_pad", true, "whether the padding counts as zeros"));
  entry.make_float = make_avg_pool<float>;
  entry.make_double = make_avg_pool<double>;
  return entry;
}

/// All positions at once.
Window whole_window(const Shape& input) {
  Window window(input, 1, 1, 0, 0);
  window.rows.kernel = input.height;
  window.columns.kernel = input.width;
  return window;
}

template <class T>
std::unique_ptr<Node<T>> make_global_avg_pool(const LayerSpec& layer, const Shape& input,
                                              const NodeStreams& /*streams*/) {
  return std::make_unique<AveragePool<T>>(layer.name, whole_window(input), true);
}

NodeEntry global_avg_pool_entry() {
  NodeEntry entry;
  entry.name = "global_avg_pool";
  entry.doc = "the mean of each channel over all positions (Lin et al. 2014, section 3.2)";
  entry.yields_vector = true;
  entry.wants = Wants::positions;
  entry.output_shape = [](const LayerSpec& /*layer*/, const Shape& input) { return Shape(input.channels); };
  entry.parameters = no_parameters;
  entry.make_float = make_global_avg_pool<float>;
  entry.make_double = make_global_avg_pool<double>;
  return entry;
}

template <class T>
std::unique_ptr<Node<T>> make_flatten(const LayerSpec& layer, const Shape& input, const NodeStreams& /*streams*/) {
  return std::make_unique<Flatten<T>>(layer.name, input);
}

NodeEntry flatten_entry() {
  NodeEntry entry;
  entry.name = "flatten";
  entry.doc = "a vector of all values, channel by channel; a dense layer does it by itself";
  entry.yields_vector = true;
  entry.moment_divisor = unchanged_moments;
  entry.make_float = make_flatten<float>;
  entry.make_double = make_flatten<double>;
  entry.output_shape = [](const LayerSpec& /*layer*/, const Shape& input) { return Shape(input.size()); };
  entry.parameters = no_parameters;
  return entry;
}

Shape same_shape(const LayerSpec& /*layer*/, const Shape& input) { return input; }

/// A slope for each channel, at most.
std::uint64_t slopes_alone(const LayerSpec& layer, const Shape& input) {
  return layer.activation ? static_cast<std::uint64_t>(input.channels) : 0;
}

template <class T>
std::unique_ptr<Node<T>> make_sum(const LayerSpec& layer, const Shape& input, const NodeStreams& /*streams*/) {
  return std::make_unique<Sum<T>>(layer.name, input);
}

NodeEntry residual_entry() {
  NodeEntry entry;
  entry.name = "residual";
  entry.doc = "its layers' output plus its input, or what the shortcut's layers make of that (He et al. 2016)";
  entry.takes_activation = true;
  entry.is_block = true;
  entry.wants = Wants::positions;
  entry.output_shape = same_shape;
  entry.parameters = slopes_alone;
  entry.make_float = make_sum<float>;
  entry.make_double = make_sum<double>;
  return entry;
}

NodeEntry activation_entry() {
  NodeEntry entry;
  entry.name = "activation";
  entry.doc = "a = φ(h): an activation that no layer's own map feeds";
  entry.moment_divisor = unchanged_moments;
  entry.takes_activation = true;
  entry.wants = Wants::positions;
  entry.output_shape = same_shape;
  entry.parameters = slopes_alone;
  return entry;
}

template <class T>
std::unique_ptr<Node<T>> make_batch_norm(const LayerSpec& layer, const Shape& input, const NodeStreams& /*streams*/) {
  return std::make_unique<BatchNorm<T>>(layer.name, layer.type.params, input);
}

NodeEntry batch_norm_entry() {
  NodeEntry entry;
  entry.name = "batch_norm";
  entry.doc = "each channel normalised over the batch and all positions (Ioffe & Szegedy 2015)";
  entry.params = {number("eps", 1e-5, "added to the variance").above(0),
                  number("momentum", 0.1, "how far running statistics move to a batch's").above(0).at_most(1),
                  boolean("affine", true, "whether it learns a scale and a shift of each channel")};
  entry.is_norm = true;
  entry.over_batch = true;
  entry.wants = Wants::positions;
  entry.output_shape = same_shape;
  entry.parameters = [](const LayerSpec& /*layer*/, const Shape& input) {
    return saturating_product(static_cast<std::uint64_t>(input.channels), 4);
  };
  entry.make_float = make_batch_norm<float>;
  entry.make_double = make_batch_norm<double>;
  return entry;
}

template <class T>
std::unique_ptr<Node<T>> make_layer_norm(const LayerSpec& layer, const Shape& input, const NodeStreams& /*streams*/) {
  return std::make_unique<LayerNorm<T>>(layer.name, layer.type.params, input);
}

/// Values that are normalised together.
Index layer_norm_values(const LayerSpec& layer, const Shape& input) {
  return layer.type.params.text("axes") == "sample" ? input.size() : input.channels;
}

NodeEntry layer_norm_entry() {
  NodeEntry entry;
  entry.name = "layer_norm";
  entry.doc = "each sample normalised by itself (Ba, Kiros & Hinton 2016)";
  entry.params = {text("axes", "channels",
                       "over the channels of each position, of a dense layer its units, or over the whole sample")
                      .one_of({"channels", "sample"}),
                  number("eps", 1e-5, "added to the variance").at_least(1e-30),
                  boolean("affine", true, "whether it learns a scale and a shift for each of the values")};
  entry.is_norm = true;
  entry.wants = Wants::positions;
  entry.output_shape = same_shape;
  entry.misfit = [](const LayerSpec& layer, const Shape& input) -> std::optional<NodeMisfit> {
    if (layer_norm_values(layer, input) > 1) return std::nullopt;
    const bool has_more = input.positions() > 1;
    return NodeMisfit{"axes",
                      "\"" + layer.type.params.text("axes") + "\" of " + (has_more ? "one channel" : "one value"),
                      std::string(has_more ? "\"sample\", or two or more channels" : "two or more values") +
                          ": what is normalised alone is 0 for every sample"};
  };
  entry.parameters = [](const LayerSpec& layer, const Shape& input) {
    return saturating_product(static_cast<std::uint64_t>(layer_norm_values(layer, input)), 2);
  };
  entry.room = [](const LayerSpec& layer, const Shape& input) {
    // In float64: two sums for each scale, and of each sample a number for what is normalised together.
    const Index values = layer_norm_values(layer, input);
    return saturating_sum(saturating_product(static_cast<std::uint64_t>(values), 4),
                          saturating_product(static_cast<std::uint64_t>(input.size() / values),
                                             2 * static_cast<std::uint64_t>(kShardColumns)));
  };
  entry.make_float = make_layer_norm<float>;
  entry.make_double = make_layer_norm<double>;
  return entry;
}

bool drops_channels(const LayerSpec& layer) { return layer.type.params.text("per") == "channel"; }

template <class T>
std::unique_ptr<Node<T>> make_dropout(const LayerSpec& layer, const Shape& input, const NodeStreams& streams) {
  return std::make_unique<Dropout<T>>(layer.name, layer.type.params.number("p"),
                                      drops_channels(layer) ? DropoutPer::channel : DropoutPer::value, input,
                                      kDropoutStreams + streams.layer);
}

NodeEntry dropout_entry() {
  NodeEntry entry;
  entry.name = "dropout";
  entry.doc = "zeroes values or channels at random while training (Srivastava et al. 2014)";
  entry.params = {number("p", 0.5, "probability of zeroing").at_least(0).below(1),
                  text("per", "value", "what is zeroed at once: a value, or a channel at all positions")
                      .one_of({"value", "channel"})};
  entry.wants_of = [](const LayerSpec& layer) { return drops_channels(layer) ? Wants::positions : Wants::anything; };
  entry.output_shape = [](const LayerSpec& /*layer*/, const Shape& input) { return input; };
  entry.parameters = no_parameters;
  entry.moment_divisor = [](const LayerSpec& layer) { return 1.0 - layer.type.params.number("p"); };
  entry.make_float = make_dropout<float>;
  entry.make_double = make_dropout<double>;
  return entry;
}

}  // namespace

std::span<const NodeEntry> node_table() {
  static const std::vector<NodeEntry> table = {dense_entry(),      conv2d_entry(),          residual_entry(),
                                               batch_norm_entry(), layer_norm_entry(),      max_pool_entry(),
                                               avg_pool_entry(),   global_avg_pool_entry(), flatten_entry(),
                                               activation_entry(), dropout_entry()};
  return table;
}

std::span<const Entry> norm_table() {
  static const std::vector<Entry> table = [] {
    std::vector<Entry> norms = {{"none", {}, {}, "z as it is"}};
    for (const NodeEntry& entry : node_table())
      if (entry.is_norm) norms.push_back(entry);
    return norms;
  }();
  return table;
}

const NodeEntry& entry_of(const LayerSpec& layer) { return *find_entry(node_table(), layer.type.name); }

}  // namespace reluscope
