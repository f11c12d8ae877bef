#pragma once

#include "nn/node.hpp"
#include "nn/spec.hpp"

namespace reluscope {

/// a = φ(z), unit by unit at each position (softmax: over the units). For prelu it has the parameter slope (units, or
/// 1).
template <class T>
class ActivationNode final : public Node<T> {
 public:
  /// `stream` names the random numbers of a φ that draws some.
  ActivationNode(const std::string& name, const Choice& activation, const Shape& shape, std::uint64_t stream);

  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<ActivationNode<T>>(*this); }
  [[nodiscard]] std::unique_ptr<Node<T>> select(const std::vector<Index>& inputs,
                                                const std::vector<Index>& outputs) const override;
  [[nodiscard]] std::optional<std::vector<Index>> channel_sources() const override {
    return entry_->coupled ? std::nullopt : std::optional(this->own_channels());
  }
  [[nodiscard]] const ActivationNode<T>* activation() const override { return this; }
  using Node<T>::parameter;
  [[nodiscard]] Parameter<T>* parameter(ParameterRole role) override;
  void parameters_changed() override;
  [[nodiscard]] const ActivationEntry& entry() const { return *entry_; }
  [[nodiscard]] const ActivationShape& function() const { return function_; }
  /// Whether a unit can be dead at all: by the function, or by a learned slope of exactly 0.
  [[nodiscard]] bool mortal() const { return function_.mortal() || entry_->learned_slope; }
  /// Whether a dead unit yields exactly 0 for every sample.
  [[nodiscard]] bool dead_is_zero() const {
    return function_.mortal() && function_.dead_above == ActivationShape::kNowhereAbove;
  }
  /// z becomes φ(z), as evaluation computes it (units × any number of columns).
  void respond(Matrix<T>& z) const;

  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const override;
  void backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass,
                InputDeltas<T> input_deltas) const override;
  void gradient(NodeInputs<T> inputs, const NodeState<T>& state, Index batch, Index shards, const Tile& tile,
                T* out) const override;
  void append_tiles(std::size_t node, std::vector<Tile>& tiles) const override;
  /// The shard's columns of `source`, which may be state.saved, hold z − bias; a = φ(z) goes to state.output, and what
  /// backward needs to state.saved.
  void sweep(const Matrix<T>& source, const T* bias, NodeState<T>& state, const Shard& shard, const Pass& pass) const;
  /// ∂L/∂a in the shard's columns of state.delta becomes ∂L/∂z.
  void sweep_back(NodeState<T>& state, const Shard& shard, const Pass& pass) const;

  [[nodiscard]] bool same_in_training() const override { return !entry_->random; }
  [[nodiscard]] std::optional<Box> bound(std::span<const Box* const> inputs) const override;
  [[nodiscard]] std::optional<Eigen::VectorXd> drift(const Node<T>& before,
                                                     std::span<const Drift* const> inputs) const override;
  /// From that of z, which was at most `size` before: the Lipschitz constant, the slope's own change, and the slack of
  /// φ; 0 where z cannot have moved and the slope did not. `size` may be empty where nothing moved.
  [[nodiscard]] Eigen::VectorXd drift_of(const Node<T>& before, const Eigen::VectorXd& z_drift,
                                         const Eigen::VectorXd& size) const;
  [[nodiscard]] std::optional<Matrix<T>> apart(const Node<T>& other, NodeInputs<T> inputs,
                                               NodeInputs<T> inputs_apart) const override;
  /// The same where z is at most `high`, and |z| at most `size`. Nothing where it is coupled.
  [[nodiscard]] std::optional<Matrix<T>> apart_of(const Node<T>& other, const Matrix<T>& z_apart, const Matrix<T>& high,
                                                  const Matrix<T>& size) const;
  /// How far each unit's slope is from that of `before`; 0 where none is learned.
  [[nodiscard]] Eigen::VectorXd slope_motion(const Node<T>& before) const;
  [[nodiscard]] bool never_negative(bool /*inputs_never_negative*/) const override { return function_.lowest >= 0.0; }
  [[nodiscard]] bool is_silent_without_delta() const override { return true; }

 private:
  /// How far φ(z) of this unit is from what it was, where |z| was at most `size`.
  [[nodiscard]] double apart_by(Index unit, double z_moved, double slope_moved, double size) const;
  void sweep_positions(const Matrix<T>& source, const T* bias, NodeState<T>& state, const Shard& shard,
                       const Pass& pass, ShardSums<T>& sums) const;
  void sweep_positions_back(NodeState<T>& state, const Shard& shard, bool measures_squares, ShardSums<T>& sums) const;
  /// From a position of a sample on; how many is left to say.
  ForwardCall<T> forward_call(const Matrix<T>& source, const T* bias, NodeState<T>& state, Index sample, Index position,
                              ShardSums<T>& sums, const Pass& pass) const;
  BackwardCall<T> backward_call(NodeState<T>& state, Index sample, Index position, ShardSums<T>& sums) const;

  const ActivationEntry* entry_;
  ActivationShape function_;
  std::shared_ptr<const ActivationKernel<T>> kernel_;
  Parameter<T> slope_;     ///< empty unless the activation learns one
  Vector<T> unit_slopes_;  ///< slope_ spread over the units
  Vector<T> no_bias_;
  std::uint64_t stream_;
};

}  // namespace reluscope
