#pragma once
// Nodes that no config can say, for what a graph must be able to do.

#include <string>

#include "nn/network.hpp"

namespace reluscope::test {

/// The sum of its inputs, which answers every question.
template <class T>
class Sum final : public Node<T> {
 public:
  Sum(const std::string& name, const Shape& shape) : Node<T>(name, shape) {}
  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<Sum<T>>(*this); }
  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const override {
    auto output = state.output.middleCols(shard.first, shard.count);
    output = inputs[0]->middleCols(shard.first, shard.count);
    for (const Matrix<T>* input : inputs.subspan(1)) output += input->middleCols(shard.first, shard.count);
    if (pass.measure == Measure::batch)
      state.output_square.segment(shard.first, shard.count) = output.colwise().squaredNorm().transpose();
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
  [[nodiscard]] std::optional<double> norm(std::span<const double> inputs) const override {
    double norm = 0.0;
    for (const double one : inputs) norm += one;
    return norm * (1.0 + relative_slack<T>(std::ssize(inputs)));
  }
  [[nodiscard]] bool never_negative(bool inputs_never_negative) const override { return inputs_never_negative; }
  [[nodiscard]] bool is_silent_without_delta() const override { return true; }
};

/// x + x/(1 + x²), and not a word about it.
template <class T>
class Mute final : public Node<T> {
 public:
  Mute(const std::string& name, const Shape& shape) : Node<T>(name, shape) {}
  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<Mute<T>>(*this); }
  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const override {
    const auto x = inputs[0]->middleCols(shard.first, shard.count).array();
    auto output = state.output.middleCols(shard.first, shard.count);
    output = (x + x / (T(1) + x.square())).matrix();
    if (pass.measure == Measure::batch)
      state.output_square.segment(shard.first, shard.count) = output.colwise().squaredNorm().transpose();
  }
  void backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& /*pass*/,
                InputDeltas<T> input_deltas) const override {
    if (input_deltas[0] == nullptr) return;
    const auto square = inputs[0]->middleCols(shard.first, shard.count).array().square();
    input_deltas[0]->middleCols(shard.first, shard.count) =
        (state.delta.middleCols(shard.first, shard.count).array() * (T(1) + (T(1) - square) / (T(1) + square).square()))
            .matrix();
  }
  [[nodiscard]] bool same_in_training() const override { return false; }
};

/// x less its mean over the batch while training, as a norm has it: a barrier. In evaluation x itself.
template <class T>
class Centre final : public Node<T> {
 public:
  Centre(const std::string& name, const Shape& shape) : Node<T>(name, shape) {}
  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<Centre<T>>(*this); }
  [[nodiscard]] bool is_barrier() const override { return true; }
  [[nodiscard]] bool same_in_training() const override { return false; }
  // A shard may be on its way back while another one still comes: what goes forward and what goes back have a place
  // each.
  void collect(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard) const override {
    at(state, shard.index).delta_sum = inputs[0]->middleCols(shard.first, shard.count).rowwise().sum();
  }
  void join(NodeState<T>& state, Index batch, Index shards) const override {
    for (Index shard = 1; shard < shards; ++shard) at(state, 0).delta_sum += at(state, shard).delta_sum;
    at(state, 0).delta_sum /= static_cast<T>(batch);
  }
  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const override {
    auto output = state.output.middleCols(shard.first, shard.count);
    output = inputs[0]->middleCols(shard.first, shard.count);
    if (pass.training) output.colwise() -= at(state, 0).delta_sum;
    if (pass.measure == Measure::batch)
      state.output_square.segment(shard.first, shard.count) = output.colwise().squaredNorm().transpose();
  }
  void collect_backward(NodeInputs<T> /*inputs*/, NodeState<T>& state, const Shard& shard) const override {
    at(state, shard.index).slope_sum = state.delta.middleCols(shard.first, shard.count).rowwise().sum();
  }
  void join_backward(NodeState<T>& state, Index batch, Index shards) const override {
    for (Index shard = 1; shard < shards; ++shard) at(state, 0).slope_sum += at(state, shard).slope_sum;
    at(state, 0).slope_sum /= static_cast<T>(batch);
  }
  void backward(NodeInputs<T> /*inputs*/, NodeState<T>& state, const Shard& shard, const Pass& /*pass*/,
                InputDeltas<T> input_deltas) const override {
    if (input_deltas[0] == nullptr) return;
    input_deltas[0]->middleCols(shard.first, shard.count) =
        state.delta.middleCols(shard.first, shard.count).colwise() - at(state, 0).slope_sum;
  }

 private:
  static ShardSums<T>& at(NodeState<T>& state, Index shard) { return state.shards[static_cast<std::size_t>(shard)]; }
};

}  // namespace reluscope::test
