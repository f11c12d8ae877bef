#pragma once

#include "nn/node.hpp"
#include "nn/spec.hpp"

namespace reluscope {

/// y = γ x̂ + β of each channel, x̂ = (x − μ)/√(σ² + ε) (Ioffe & Szegedy 2015, algorithm 1). While training, μ and σ² are
/// the mean and the variance over the batch and all positions, and the running statistics move towards them:
///   r ← (1 − momentum) r + momentum · (μ, or σ² m/(m − 1) for m values).
/// In evaluation they are the running ones. Parameters: scale γ and shift β (channels), unless `affine` is false; both
/// are subject to weight decay, as in PyTorch.
template <class T>
class BatchNorm final : public Node<T> {
 public:
  /// Settings eps, momentum, affine.
  BatchNorm(const std::string& name, const ParamValues& settings, const Shape& shape);
  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<BatchNorm<T>>(*this); }
  [[nodiscard]] std::unique_ptr<Node<T>> select(const std::vector<Index>& inputs,
                                                const std::vector<Index>& outputs) const override;
  [[nodiscard]] std::optional<std::vector<Index>> channel_sources() const override { return this->own_channels(); }
  using Node<T>::parameter;
  [[nodiscard]] Parameter<T>* parameter(ParameterRole role) override;
  using Node<T>::buffers;
  [[nodiscard]] std::vector<Buffer<T>*> buffers() override { return {&mean_, &variance_, &batches_}; }
  void parameters_changed() override;
  [[nodiscard]] std::optional<typename Node<T>::Line> line(Index channel, Index /*position*/,
                                                           const T* /*sample*/) const override;

  void prepare(NodeState<T>& state, Index batch, Index shards) const override;
  [[nodiscard]] bool is_barrier() const override { return true; }
  void collect(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard) const override;
  void join(NodeState<T>& state, Index batch, Index shards) const override;
  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const override;
  void collect_backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard) const override;
  void join_backward(NodeState<T>& state, Index batch, Index shards) const override;
  void backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass,
                InputDeltas<T> input_deltas) const override;
  void gradient(NodeInputs<T> inputs, const NodeState<T>& state, Index batch, Index shards, const Tile& tile,
                T* out) const override;
  void append_tiles(std::size_t node, std::vector<Tile>& tiles) const override;
  void learn_statistics(const NodeState<T>& state) override;

  [[nodiscard]] bool same_in_training() const override { return false; }
  [[nodiscard]] std::optional<Box> bound(std::span<const Box* const> inputs) const override;
  [[nodiscard]] std::optional<Eigen::VectorXd> drift(const Node<T>& before,
                                                     std::span<const Drift* const> inputs) const override;
  [[nodiscard]] std::optional<Matrix<T>> apart(const Node<T>& other, NodeInputs<T> inputs,
                                               NodeInputs<T> inputs_apart) const override;
  [[nodiscard]] std::optional<double> norm(std::span<const double> inputs) const override;

 private:
  /// Columns of NodeState::joined.
  enum Joined : Index { kMean, kVariance, kInverse, kDelta, kDeltaX, kJoined };

  /// What evaluation makes of a value of this channel.
  [[nodiscard]] T evaluate(T x, Index channel) const {
    return scale_.value(channel, 0) * ((x - mean_.value(channel, 0)) * inverse_[channel]) + shift_.value(channel, 0);
  }

  /// How far y of this channel is from that of `before`, at most, where x was at most `size` there and is `moved` from
  /// that here.
  [[nodiscard]] double apart_from(const BatchNorm& before, Index channel, double moved, double size) const;

  double epsilon_;
  double momentum_;
  bool affine_;
  Parameter<T> scale_;  ///< ones that nobody sees, unless `affine`
  Parameter<T> shift_;
  Buffer<T> mean_;
  Buffer<T> variance_;
  Buffer<T> batches_;
  Vector<T> inverse_;  ///< 1/√(running variance + ε)
};

}  // namespace reluscope
