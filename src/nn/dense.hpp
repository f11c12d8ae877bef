#pragma once

#include "nn/initializer.hpp"
#include "nn/node.hpp"
#include "nn/spec.hpp"

namespace reluscope {

/// What the initialisers of a layer with weights are told; (seed, stream) name its streams.
InitContext init_context(const LayerSpec& layer, Index fan_in, Index fan_out, std::uint64_t seed, std::uint64_t stream);

/// z = W h + b. Parameters: weight (units × inputs), bias (units) unless it has none.
template <class T>
class Dense final : public Node<T> {
 public:
  /// Draws the initial parameters from the streams named (seed, stream).
  Dense(const LayerSpec& layer, Index inputs, std::uint64_t seed, std::uint64_t stream);

  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<Dense<T>>(*this); }
  [[nodiscard]] std::unique_ptr<Node<T>> select(const std::vector<Index>& inputs,
                                                const std::vector<Index>& outputs) const override;
  [[nodiscard]] const Dense<T>* affine() const override { return this; }
  using Node<T>::parameter;
  [[nodiscard]] Parameter<T>* parameter(ParameterRole role) override;
  [[nodiscard]] Index fan_in() const { return weight_.value.cols(); }
  [[nodiscard]] const Matrix<T>& weights() const { return weight_.value; }
  /// 0 where there are no biases.
  [[nodiscard]] T bias_of(Index unit) const { return bias_.value(unit, 0); }
  [[nodiscard]] const T* bias_data() const { return bias_.value.data(); }

  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const override;
  void backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass,
                InputDeltas<T> input_deltas) const override;
  void gradient(NodeInputs<T> inputs, const NodeState<T>& state, Index batch, Index shards, const Tile& tile,
                T* out) const override;
  void append_tiles(std::size_t node, std::vector<Tile>& tiles) const override;
  /// The shard's columns of W·input, without the biases, into those of `z`.
  void multiply(const Matrix<T>& input, Matrix<T>& z, const Shard& shard) const;
  /// The shard's columns of Wᵀ·delta into those of `input_delta`.
  void multiply_back(const Matrix<T>& delta, Matrix<T>& input_delta, const Shard& shard) const;

  [[nodiscard]] bool same_in_training() const override { return true; }
  [[nodiscard]] std::optional<Box> bound(std::span<const Box* const> inputs) const override {
    return bound_map(*inputs[0]).z;
  }
  [[nodiscard]] std::optional<Eigen::VectorXd> drift(const Node<T>& before,
                                                     std::span<const Drift* const> inputs) const override;
  [[nodiscard]] bool is_silent_without_delta() const override { return true; }

  [[nodiscard]] PreActivationBox bound_map(const Box& input) const;
  /// Bounds on |z_u| for inputs of at most this norm.
  [[nodiscard]] Eigen::VectorXd bound_size(double input_norm) const;

 private:
  Parameter<T> weight_;
  Parameter<T> bias_;  ///< zeros that nobody sees, unless the layer has one
  bool has_bias_;
};

}  // namespace reluscope
