#pragma once
// The table of what a layer of the config can be. A layer becomes the entry's node and, where it has an activation, an
// activation node on it.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "nn/node.hpp"
#include "nn/spec.hpp"

namespace reluscope {

/// What names the random streams of a layer.
struct NodeStreams {
  std::uint64_t seed = 0;
  std::uint64_t map = 0;    ///< layers with weights before it
  std::uint64_t layer = 0;  ///< layers before it
};

/// A setting of a layer that cannot be.
struct NodeMisfit {
  std::string setting;
  std::string found;
  std::string expected;
};

/// What a node wants to be fed.
enum class Wants {
  anything,   ///< values in any order
  vector,     ///< a vector, channel by channel
  positions,  ///< channels at positions, channels last
};

struct NodeEntry : Entry {
  /// z = W h + b, a row of W for each unit: takes `init` and `activation`, and can be the output.
  bool affine = false;
  bool takes_activation = false;  ///< without being affine
  bool is_block = false;          ///< made of layers
  bool is_norm = false;           ///< can be the `norm` of an affine layer
  bool over_batch = false;        ///< normalises over a batch: wants two values of each channel there
  bool yields_vector = false;     ///< and not channels at positions, be it one
  Wants wants = Wants::anything;
  /// Where that depends on the settings.
  Wants (*wants_of)(const LayerSpec& layer) = nullptr;
  /// The setting that says how many units there are; empty where that is not the layer's to say.
  std::string units_key;
  Shape (*output_shape)(const LayerSpec& layer, const Shape& input) = nullptr;
  /// What is wrong with such a layer on such an input, with what would be right, or nothing; nullptr: nothing ever is.
  std::optional<NodeMisfit> (*misfit)(const LayerSpec& layer, const Shape& input) = nullptr;
  /// Of one unit; nullptr where there are no weights.
  Index (*fan_in)(const LayerSpec& layer, const Shape& input) = nullptr;
  Index (*fan_out)(const LayerSpec& layer, const Shape& input) = nullptr;
  /// How many parameters it has, at most, with those of its activation; UINT64_MAX where that overflows.
  std::uint64_t (*parameters)(const LayerSpec& layer, const Shape& input) = nullptr;
  /// Values that it works with on each shard, besides the batch's; nullptr: none.
  std::uint64_t (*room)(const LayerSpec& layer, const Shape& input) = nullptr;
  /// By what E[h²] of a value and, backwards, E[δ²] are divided on the way through it, in mean-field theory
  /// (experiment/theory.hpp; an affine node's own moments are those of its initialiser). nullptr where the theory does
  /// not cover it.
  double (*moment_divisor)(const LayerSpec& layer) = nullptr;
  /// Of an affine node: how many of its positions see each position of the input.
  std::vector<double> (*cover)(const LayerSpec& layer, const Shape& input) = nullptr;
  /// Whether narrow networks of it run in packs (network_pack.hpp).
  bool packs = false;
  /// The node; nullptr where an activation is all that there is to it.
  std::unique_ptr<Node<float>> (*make_float)(const LayerSpec& layer, const Shape& input,
                                             const NodeStreams& streams) = nullptr;
  std::unique_ptr<Node<double>> (*make_double)(const LayerSpec& layer, const Shape& input,
                                               const NodeStreams& streams) = nullptr;

  template <class T>
  std::unique_ptr<Node<T>> make(const LayerSpec& layer, const Shape& input, const NodeStreams& streams) const {
    if constexpr (std::is_same_v<T, float>) {
      return make_float(layer, input, streams);
    } else {
      return make_double(layer, input, streams);
    }
  }
};

/// dense, conv2d, residual, batch_norm, layer_norm, max_pool, avg_pool, global_avg_pool, flatten, activation, dropout.
std::span<const NodeEntry> node_table();
const NodeEntry& entry_of(const LayerSpec& layer);
/// What the `norm` of an affine layer may be: none, and the entries that can be one.
std::span<const Entry> norm_table();

}  // namespace reluscope
