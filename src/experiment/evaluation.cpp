#include "experiment/evaluation.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace reluscope {

template <class T>
Evaluation evaluate(const Network<T>& network, const Dataset& dataset, const Samples& part, const LossEntry& loss,
                    const ParamValues& loss_params, const TargetPlan& targets, ThreadPool& pool,
                    const PassObserver<T>& observer) {
  const Index chunk = std::min<Index>(512, part.count());
  NetworkState<T> state(network, chunk);
  TargetBatch<T> batch(targets, network.outputs(), chunk);
  LayerState<T>& last = state.layer(network.depth() - 1);
  std::vector<Index> samples(static_cast<std::size_t>(chunk));
  Vector<T> losses(chunk);
  Pass pass;
  if (observer) pass.measure = Measure::census;
  double loss_sum = 0.0;
  double correct = 0.0;
  for (Index first = 0; first < part.count(); first += chunk) {
    const Index columns = std::min(chunk, part.count() - first);
    std::iota(samples.begin(), samples.end(), first);
    const std::vector<Shard> shards = cut_into_shards(columns);
    pool.for_each(static_cast<std::int64_t>(shards.size()), [&](std::int64_t index) {
      const Shard& shard = shards[static_cast<std::size_t>(index)];
      const auto count = static_cast<std::size_t>(shard.count);
      const auto some = std::span<const Index>(samples).subspan(static_cast<std::size_t>(shard.first), count);
      gather<T>(dataset, part, some, state.input().middleCols(shard.first, shard.count));
      batch.gather(part, some, shard.first);
      state.forward(network, shard, pass);
      loss.evaluate(loss_params, last.output.middleCols(shard.first, shard.count),
                    batch.columns(shard.first, shard.count), std::span(losses.data() + shard.first, count),
                    last.delta.middleCols(shard.first, shard.count));
    });
    if (observer) observer(state, shards);
    for (Index column = 0; column < columns; ++column) {
      loss_sum += static_cast<double>(losses[column]);
      if (batch.is_correct(last.output.col(column), column)) correct += 1.0;
    }
  }
  Evaluation result;
  result.loss = loss_sum / static_cast<double>(part.count());
  if (batch.classifies()) result.accuracy = correct / static_cast<double>(part.count());
  return result;
}

template Evaluation evaluate(const Network<float>&, const Dataset&, const Samples&, const LossEntry&,
                             const ParamValues&, const TargetPlan&, ThreadPool&, const PassObserver<float>&);
template Evaluation evaluate(const Network<double>&, const Dataset&, const Samples&, const LossEntry&,
                             const ParamValues&, const TargetPlan&, ThreadPool&, const PassObserver<double>&);

}  // namespace reluscope
