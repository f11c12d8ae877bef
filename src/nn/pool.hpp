#pragma once
// What is taken of the positions that a window sees, channel by channel.

#include "nn/node.hpp"
#include "nn/spec.hpp"
#include "nn/window.hpp"

namespace reluscope {

/// The window of a layer of type max_pool or avg_pool.
Window pool_window(const LayerSpec& layer, const Shape& input);

/// A position of the input, and where in the window that is.
struct Seen {
  Index position = 0;
  Index in_window = 0;
};
/// What a window sees from each of its places.
std::vector<std::vector<Seen>> seen_by_place(const Window& window);

/// The largest value, as PyTorch's MaxPool2d: what is padded never is it, a NaN always. Of equal ones the first.
template <class T>
class MaxPool final : public Node<T> {
 public:
  MaxPool(const std::string& name, const Window& window)
      : Node<T>(name, {window.channels, window.rows.places(), window.columns.places()}),
        window_(window),
        seen_(seen_by_place(window)) {}
  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<MaxPool<T>>(*this); }
  [[nodiscard]] std::unique_ptr<Node<T>> select(const std::vector<Index>& inputs,
                                                const std::vector<Index>& outputs) const override;
  [[nodiscard]] std::optional<std::vector<Index>> channel_sources() const override { return this->own_channels(); }

  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const override;
  void backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass,
                InputDeltas<T> input_deltas) const override;

  [[nodiscard]] bool same_in_training() const override { return true; }
  [[nodiscard]] std::optional<Box> bound(std::span<const Box* const> inputs) const override { return *inputs[0]; }
  /// The largest of some numbers moves by no more than one of them does.
  [[nodiscard]] std::optional<Eigen::VectorXd> drift(const Node<T>& /*before*/,
                                                     std::span<const Drift* const> inputs) const override {
    return inputs[0]->element;
  }
  [[nodiscard]] std::optional<Matrix<T>> apart(const Node<T>& other, NodeInputs<T> inputs,
                                               NodeInputs<T> inputs_apart) const override;
  [[nodiscard]] std::optional<double> norm(std::span<const double> inputs) const override;
  [[nodiscard]] bool never_negative(bool inputs_never_negative) const override { return inputs_never_negative; }
  [[nodiscard]] bool is_silent_without_delta() const override { return true; }

 private:
  template <class Give>
  void give_back(const T* delta, const T* where, T* to, Give give) const;

  Window window_;
  std::vector<std::vector<Seen>> seen_;  ///< from each place
};

/// The mean, as PyTorch's AvgPool2d. Over all positions: nn.AdaptiveAvgPool2d(1).
template <class T>
class AveragePool final : public Node<T> {
 public:
  /// `counts_padding`: what is padded counts as zeros; otherwise the mean is over what the window sees.
  AveragePool(const std::string& name, const Window& window, bool counts_padding)
      : Node<T>(name, {window.channels, window.rows.places(), window.columns.places()}),
        window_(window),
        counts_padding_(counts_padding) {}
  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<AveragePool<T>>(*this); }
  [[nodiscard]] std::unique_ptr<Node<T>> select(const std::vector<Index>& inputs,
                                                const std::vector<Index>& outputs) const override;
  [[nodiscard]] std::optional<std::vector<Index>> channel_sources() const override { return this->own_channels(); }

  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const override;
  void backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass,
                InputDeltas<T> input_deltas) const override;

  [[nodiscard]] bool same_in_training() const override { return true; }
  [[nodiscard]] std::optional<Box> bound(std::span<const Box* const> inputs) const override;
  [[nodiscard]] std::optional<Eigen::VectorXd> drift(const Node<T>& before,
                                                     std::span<const Drift* const> inputs) const override;
  [[nodiscard]] std::optional<Matrix<T>> apart(const Node<T>& other, NodeInputs<T> inputs,
                                               NodeInputs<T> inputs_apart) const override;
  [[nodiscard]] std::optional<double> norm(std::span<const double> inputs) const override;
  [[nodiscard]] bool never_negative(bool inputs_never_negative) const override { return inputs_never_negative; }
  [[nodiscard]] bool is_silent_without_delta() const override { return true; }

 private:
  /// The means of the shard's columns.
  void average(const Matrix<T>& from, Matrix<T>& to, const Shard& shard) const;
  /// What the values of a place are divided by.
  [[nodiscard]] T divisor(Index place) const;

  Window window_;
  bool counts_padding_;
};

}  // namespace reluscope
