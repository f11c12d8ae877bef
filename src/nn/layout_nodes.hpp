#pragma once
// Nodes that change the order of values within a sample, and nothing else.

#include "nn/node.hpp"

namespace reluscope {

/// From the order of the data, channel by channel, to channels last. What feeds it is a vector.
template <class T>
class ChannelsLast final : public Node<T> {
 public:
  ChannelsLast(const std::string& name, const Shape& shape) : Node<T>(name, shape) {}
  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<ChannelsLast<T>>(*this); }

  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const override;
  void backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass,
                InputDeltas<T> input_deltas) const override;

  [[nodiscard]] bool same_in_training() const override { return true; }
  [[nodiscard]] std::optional<Box> bound(std::span<const Box* const> inputs) const override;
  [[nodiscard]] std::optional<Eigen::VectorXd> drift(const Node<T>& before,
                                                     std::span<const Drift* const> inputs) const override;
  [[nodiscard]] std::optional<Matrix<T>> apart(const Node<T>& other, NodeInputs<T> inputs,
                                               NodeInputs<T> inputs_apart) const override;
  [[nodiscard]] std::optional<double> norm(std::span<const double> inputs) const override { return inputs[0]; }
  [[nodiscard]] bool never_negative(bool inputs_never_negative) const override { return inputs_never_negative; }
  [[nodiscard]] bool is_silent_without_delta() const override { return true; }
};

/// A vector of all values, channel by channel, as PyTorch's Flatten.
template <class T>
class Flatten final : public Node<T> {
 public:
  Flatten(const std::string& name, const Shape& input) : Node<T>(name, Shape(input.size())), input_(input) {}
  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<Flatten<T>>(*this); }
  [[nodiscard]] std::unique_ptr<Node<T>> select(const std::vector<Index>& inputs,
                                                const std::vector<Index>& outputs) const override;
  [[nodiscard]] std::optional<std::vector<Index>> channel_sources() const override;

  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const override;
  void backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass,
                InputDeltas<T> input_deltas) const override;

  [[nodiscard]] bool same_in_training() const override { return true; }
  [[nodiscard]] std::optional<Box> bound(std::span<const Box* const> inputs) const override;
  [[nodiscard]] std::optional<Eigen::VectorXd> drift(const Node<T>& before,
                                                     std::span<const Drift* const> inputs) const override;
  [[nodiscard]] std::optional<Matrix<T>> apart(const Node<T>& other, NodeInputs<T> inputs,
                                               NodeInputs<T> inputs_apart) const override;
  [[nodiscard]] std::optional<double> norm(std::span<const double> inputs) const override { return inputs[0]; }
  [[nodiscard]] bool never_negative(bool inputs_never_negative) const override { return inputs_never_negative; }
  [[nodiscard]] bool is_silent_without_delta() const override { return true; }

 private:
  Shape input_;
};

}  // namespace reluscope
