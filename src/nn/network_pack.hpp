#pragma once
// A pack: as many networks of one shape as a block has lanes, computed side by side, one network per lane. Lane i holds
// exactly the numbers that a Network of seed i has: the same random streams, the same order of every sum.
//
// A value that is a number in a Network is a block here. Matrices of values are stored row by row: element (unit,
// column) of a batch is block unit·batch + column, so that an activation kernel runs over the columns of one unit with
// networks in the place of units.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "nn/activation.hpp"
#include "nn/block.hpp"
#include "nn/initializer.hpp"
#include "nn/node.hpp"
#include "nn/spec.hpp"

namespace reluscope {

/// One layer's part of a batch.
template <class T>
struct PackLayerState {
  std::vector<Block<T>> output, saved, delta;  ///< units × batch
  std::vector<Block<T>> margin;                ///< units: smallest over a shard, with forward(…, true)
  std::vector<Block<T>> delta_sum, slope_sum;  ///< units × shards
};

/// The values of one batch.
template <class T>
struct PackState {
  Index batch = 0;              ///< columns there is room for
  std::vector<Block<T>> input;  ///< features × batch
  std::vector<PackLayerState<T>> layers;
};

template <class T>
class NetworkPack {
 public:
  static constexpr int kNetworks = kLanes<T>;

  /// Whether such networks can be packed for batches of so many columns: dense layers only, no random slopes, no slope
  /// shared by a layer's units, no softmax, and every product small (gemm_small.hpp).
  static bool fits(const NetworkSpec& spec, Index inputs, Index batch);

  /// Call draw() before anything else.
  NetworkPack(NetworkSpec spec, Index inputs);

  /// Draws the initial parameters of the networks with these seeds, at most kNetworks. Lanes left over repeat the last.
  void draw(std::span<const std::uint64_t> seeds);

  [[nodiscard]] std::size_t depth() const { return layers_.size(); }
  [[nodiscard]] Index inputs() const { return layers_.front().inputs; }
  [[nodiscard]] Index outputs() const { return layers_.back().units; }
  [[nodiscard]] Index units(std::size_t layer) const { return layers_[layer].units; }
  /// As Network::parameters(), with kNetworks rows: column e of `value` holds element e of each network's parameter.
  [[nodiscard]] std::vector<Parameter<T>*> parameters();

  [[nodiscard]] PackState<T> make_state(Index batch) const;
  /// Runs the shard's columns through all layers. With `margins` fills each layer's `margin`, and a backward pass
  /// cannot follow.
  void forward(PackState<T>& state, const Shard& shard, bool margins = false) const;
  /// From ∂L/∂output in the last layer's delta down to the first layer.
  void backward(PackState<T>& state, const Shard& shard) const;
  /// Gradients of the mean loss over the first `batch` columns, in the order of parameters(): `gradients[p]` has the
  /// shape of parameter p.
  void gradients(const PackState<T>& state, Index batch, Index shards, std::vector<Matrix<T>>& gradients) const;

 private:
  struct PackedLayer {
    const LayerSpec* spec;
    Index inputs;
    Index units;
    const ActivationEntry* activation;
    std::unique_ptr<ActivationKernel<T>> kernel;
    Parameter<T> weight, bias, slope;
  };
  static const Block<T>* blocks(const Parameter<T>& parameter);

  NetworkSpec spec_;
  std::vector<PackedLayer> layers_;
};

}  // namespace reluscope
