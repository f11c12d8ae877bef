#pragma once
// A feed-forward stack of layers, and the values that one batch has in it.

#include <memory>
#include <span>
#include <vector>

#include "nn/layer.hpp"
#include "nn/spec.hpp"

namespace reluscope {

template <class T>
class Network {
 public:
  /// Builds the layers and draws their initial parameters. `inputs`: features of a sample.
  Network(const NetworkSpec& spec, Index inputs, std::uint64_t seed);
  /// A copy with parameters of its own.
  Network(const Network& other);
  Network& operator=(const Network&) = delete;
  /// The first layers of it, with some of their units only: `units` has an entry for each layer with units that is
  /// kept. The others must have an output of exactly 0 for what the part computes to be what the whole one computes.
  [[nodiscard]] Network select(const std::vector<std::vector<Index>>& units) const;
  /// Takes over the parameters of a network of the same shape.
  void copy_parameters(const Network& other);

  [[nodiscard]] Index inputs() const { return layers_.front()->inputs(); }
  [[nodiscard]] Index outputs() const { return layers_.back()->outputs(); }
  [[nodiscard]] std::size_t depth() const { return layers_.size(); }
  [[nodiscard]] const Layer<T>& layer(std::size_t index) const { return *layers_[index]; }
  [[nodiscard]] Layer<T>& layer(std::size_t index) { return *layers_[index]; }
  /// Indices of the layers that have units, from the input side: the ℓ-th of them (from 1) is "layer ℓ" in traces.
  [[nodiscard]] const std::vector<std::size_t>& unit_layers() const { return unit_layers_; }
  /// All parameters, layer by layer, in the order of their roles.
  [[nodiscard]] std::vector<Parameter<T>*> parameters();
  [[nodiscard]] std::vector<const Parameter<T>*> parameters() const;
  /// To be called after parameters were changed, before the next forward.
  void parameters_changed();

 private:
  Network() = default;

  std::vector<std::unique_ptr<Layer<T>>> layers_;
  std::vector<std::size_t> unit_layers_;
};

/// Where each layer's parameters are in parameters(), by role; kNowhere for those that it does not have.
inline constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
template <class T>
std::vector<ByRole<std::size_t>> parameter_places(const Network<T>& network);

/// How a batch of `columns` is cut into shards: a function of the batch alone, so that results do not depend on the
/// number of threads.
std::vector<Shard> cut_into_shards(Index columns);

/// The values of one batch in a network: one state per layer, and the input.
template <class T>
class NetworkState {
 public:
  /// Room for batches of up to `batch` columns.
  NetworkState(const Network<T>& network, Index batch);

  /// inputs × batch (and room up to a whole group of columns); the caller fills the first columns.
  Matrix<T>& input() { return input_; }
  [[nodiscard]] const Matrix<T>& input_of(std::size_t layer) const {
    return layer == 0 ? input_ : layers_[layer - 1].output;
  }
  [[nodiscard]] const Matrix<T>& output() const { return layers_.back().output; }
  LayerState<T>& layer(std::size_t index) { return layers_[index]; }
  [[nodiscard]] const LayerState<T>& layer(std::size_t index) const { return layers_[index]; }

  /// Runs the shard's columns through all layers.
  void forward(const Network<T>& network, const Shard& shard, const Pass& pass) {
    forward(network, shard, pass, layers_.size());
  }
  /// Runs them through the first `layers` layers.
  void forward(const Network<T>& network, const Shard& shard, const Pass& pass, std::size_t layers);
  /// From ∂L/∂output in the last layer's delta down to the first layer. `l1_activations`: of the penalty on what the
  /// hidden layers with units yield (penalty.hpp).
  void backward(const Network<T>& network, const Shard& shard, const Pass& pass, double l1_activations = 0.0);

 private:
  Matrix<T> input_;
  std::vector<LayerState<T>> layers_;
};

}  // namespace reluscope
