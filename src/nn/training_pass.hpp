#pragma once
// A batch on its way through a network and back: shard by shard within a stage, stage by stage from barrier to barrier.

#include <span>

#include "nn/network.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

/// `fill(shard)` puts the shard's columns into state.input(). `turn(shard)` finds the network's output and leaves
/// ∂L/∂output in the last node's delta. Without barriers all of it is one task for each shard.
template <class T, class Fill, class Turn>
void run_training_pass(const Network<T>& network, NetworkState<T>& state, std::span<const Shard> shards,
                       const Pass& pass, double l1_activations, ThreadPool& pool, Fill fill, Turn turn) {
  const std::vector<Stage>& stages = network.stages();
  const auto count = static_cast<Index>(shards.size());
  const Index batch = shards.empty() ? 0 : shards.back().first + shards.back().count;
  const std::size_t last = stages.size() - 1;
  const auto each_shard = [&](auto task) {
    pool.for_each(static_cast<std::int64_t>(count),
                  [&](std::int64_t index) { task(shards[static_cast<std::size_t>(index)]); });
  };
  for (std::size_t at = 0; at <= last; ++at) {
    each_shard([&](const Shard& shard) {
      if (at == 0) fill(shard);
      state.forward(network, shard, pass, stages[at]);
      if (at == last) {
        turn(shard);
        state.backward(network, shard, pass, stages[at], l1_activations);
      } else {
        const std::size_t barrier = stages[at].end;
        network.node(barrier).collect(state.inputs_of(barrier), state.node(barrier), shard);
      }
    });
    if (at < last) network.node(stages[at].end).join(state.node(stages[at].end), batch, count);
  }
  for (std::size_t at = last; at-- > 0;) {
    const std::size_t barrier = stages[at].end;
    network.node(barrier).join_backward(state.node(barrier), batch, count);
    each_shard([&](const Shard& shard) {
      state.backward_node(network, shard, pass, barrier);
      state.backward(network, shard, pass, stages[at], l1_activations);
    });
  }
}

}  // namespace reluscope
