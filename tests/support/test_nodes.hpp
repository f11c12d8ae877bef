#pragma once
// Nodes that no config can say, for what a graph must be able to do.

#include <string>

#include "nn/network.hpp"
#include "nn/sum.hpp"

namespace reluscope::test {

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
    measure_output_squares(state, shard, pass);
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
    measure_output_squares(state, shard, pass);
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
