#pragma once

#include "nn/node.hpp"

namespace reluscope {

/// What Measure::batch wants of a node's outputs: ‖output‖² of each of the shard's columns.
template <class T>
void measure_output_squares(NodeState<T>& state, const Shard& shard, const Pass& pass) {
  if (pass.measure != Measure::batch) return;
  state.output_square.segment(shard.first, shard.count) =
      state.output.middleCols(shard.first, shard.count).colwise().squaredNorm().transpose();
}

}  // namespace reluscope
