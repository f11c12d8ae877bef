#pragma once

#include "nn/node.hpp"

namespace reluscope {

/// What dropout zeroes at once: a value, or a channel at all positions (Tompson et al. 2015, section 3.2).
enum class DropoutPer { value, channel };

/// Inverted dropout (Srivastava et al. 2014): while training, each value or channel of a sample is zeroed with
/// probability p and the others are scaled by 1/(1 − p); in evaluation the identity. The mask is a function of (seed,
/// step, stream, column, value or channel).
template <class T>
class Dropout final : public Node<T> {
 public:
  Dropout(const std::string& name, double p, DropoutPer per, const Shape& shape, std::uint64_t stream)
      : Node<T>(name, shape), p_(p), per_(per), stream_(stream) {}
  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<Dropout<T>>(*this); }
  [[nodiscard]] std::unique_ptr<Node<T>> select(const std::vector<Index>& inputs,
                                                const std::vector<Index>& /*outputs*/) const override {
    auto part = std::make_unique<Dropout<T>>(*this);
    part->resize_output(static_cast<Index>(inputs.size()));
    return part;
  }
  [[nodiscard]] std::optional<std::vector<Index>> channel_sources() const override { return this->own_channels(); }

  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const override;
  void backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass,
                InputDeltas<T> input_deltas) const override;

  [[nodiscard]] bool same_in_training() const override { return p_ == 0.0; }
  [[nodiscard]] std::optional<Box> bound(std::span<const Box* const> inputs) const override { return *inputs[0]; }
  /// A training pass makes 0 of an element, or 1/(1 − p) times it.
  [[nodiscard]] std::optional<Box> bound_in_training(std::span<const Box* const> inputs) const override;
  [[nodiscard]] std::optional<Eigen::VectorXd> drift(const Node<T>& /*before*/,
                                                     std::span<const Drift* const> inputs) const override {
    return inputs[0]->element;
  }
  [[nodiscard]] std::optional<Matrix<T>> apart(const Node<T>& /*other*/, NodeInputs<T> /*inputs*/,
                                               NodeInputs<T> inputs_apart) const override {
    return *inputs_apart[0];
  }
  [[nodiscard]] std::optional<double> norm(std::span<const double> inputs) const override { return inputs[0]; }
  [[nodiscard]] bool never_negative(bool inputs_never_negative) const override { return inputs_never_negative; }
  [[nodiscard]] bool is_silent_without_delta() const override { return true; }

 private:
  /// The shard's columns of state.saved: 0 with probability p, 1/(1 − p) otherwise.
  void draw_mask(NodeState<T>& state, const Shard& shard, const Pass& pass) const;

  double p_;
  DropoutPer per_;
  std::uint64_t stream_;
};

}  // namespace reluscope
