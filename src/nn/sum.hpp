#pragma once

#include <cmath>
#include <string>

#include "nn/node.hpp"
#include "nn/output_squares.hpp"

namespace reluscope {

/// The sum of its inputs.
template <class T>
class Sum final : public Node<T> {
 public:
  Sum(const std::string& name, const Shape& shape) : Node<T>(name, shape) {}
  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<Sum<T>>(*this); }
  [[nodiscard]] std::unique_ptr<Node<T>> select(const std::vector<Index>& /*inputs*/,
                                                const std::vector<Index>& outputs) const override {
    auto part = std::make_unique<Sum<T>>(*this);
    part->resize_output(static_cast<Index>(outputs.size()));
    return part;
  }
  [[nodiscard]] std::optional<std::vector<Index>> channel_sources() const override { return this->own_channels(); }
  [[nodiscard]] bool adds_up() const override { return true; }
  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const override {
    auto output = state.output.middleCols(shard.first, shard.count);
    output = inputs[0]->middleCols(shard.first, shard.count);
    for (const Matrix<T>* input : inputs.subspan(1)) output += input->middleCols(shard.first, shard.count);
    measure_output_squares(state, shard, pass);
  }
  void backward(NodeInputs<T> /*inputs*/, NodeState<T>& state, const Shard& shard, const Pass& /*pass*/,
                InputDeltas<T> input_deltas) const override {
    for (Matrix<T>* delta : input_deltas)
      if (delta != nullptr)
        delta->middleCols(shard.first, shard.count) = state.delta.middleCols(shard.first, shard.count);
  }
  [[nodiscard]] bool same_in_training() const override { return true; }
  [[nodiscard]] std::optional<Box> bound(std::span<const Box* const> inputs) const override {
    Box box = *inputs[0];
    Eigen::VectorXd size = box.low.cwiseAbs().cwiseMax(box.high.cwiseAbs());
    for (const Box* input : inputs.subspan(1)) {
      box.low += input->low;
      box.high += input->high;
      size += input->low.cwiseAbs().cwiseMax(input->high.cwiseAbs());
    }
    const double slack = relative_slack<T>(std::ssize(inputs));
    box.low -= slack * size;
    box.high += slack * size;
    for (Index at = 0; at < box.low.size(); ++at)
      if (std::isnan(box.low[at]) || std::isnan(box.high[at])) {
        box.low[at] = -kInfinity;
        box.high[at] = kInfinity;
      }
    return box;
  }
  [[nodiscard]] std::optional<Eigen::VectorXd> drift(const Node<T>& /*before*/,
                                                     std::span<const Drift* const> inputs) const override {
    Eigen::VectorXd drift = inputs[0]->element;
    double norm = inputs[0]->norm;
    for (const Drift* input : inputs.subspan(1)) {
      drift += input->element;
      norm += input->norm;
    }
    const double slack = 2.0 * relative_slack<T>(std::ssize(inputs));
    for (double& one : drift)
      if (one != 0.0) one += slack * (norm + one);
    return drift;
  }
  /// Both computed sums are off by the slack of so many terms.
  [[nodiscard]] std::optional<Matrix<T>> apart(const Node<T>& /*other*/, NodeInputs<T> inputs,
                                               NodeInputs<T> inputs_apart) const override {
    const auto slack = static_cast<T>(relative_slack<T>(std::ssize(inputs)));
    Matrix<T> apart = Matrix<T>::Zero(inputs_apart[0]->rows(), inputs_apart[0]->cols());
    for (std::size_t at = 0; at < inputs.size(); ++at)
      apart += (T(1) + slack) * *inputs_apart[at] + T(2) * slack * inputs[at]->leftCols(apart.cols()).cwiseAbs();
    return apart;
  }
  [[nodiscard]] std::optional<double> norm(std::span<const double> inputs) const override {
    double norm = 0.0;
    for (const double one : inputs) norm += one;
    return norm * (1.0 + relative_slack<T>(std::ssize(inputs)));
  }
  [[nodiscard]] bool never_negative(bool inputs_never_negative) const override { return inputs_never_negative; }
  [[nodiscard]] bool is_silent_without_delta() const override { return true; }
};

}  // namespace reluscope
