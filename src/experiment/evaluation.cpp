#include "experiment/evaluation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiment/baseline.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

/// Mean and variance of numbers that come one by one (Welford 1962).
struct Spread {
  double count = 0.0;
  double mean = 0.0;
  double squares = 0.0;
  void add(double value) {
    count += 1.0;
    const double before = value - mean;
    mean += before / count;
    squares += before * (value - mean);
  }
  [[nodiscard]] double error_of_mean() const { return count > 1.0 ? std::sqrt(squares / (count - 1.0) / count) : kNaN; }
};

/// What is counted of right answers.
struct Counts {
  double share = 0.0;         ///< sum over the samples of share_right()
  double exact = 0.0;         ///< samples that are wholly right
  std::vector<double> label;  ///< several labels: how often each was right

  template <class T>
  void add(const TargetBatch<T>& targets, const Eigen::Ref<const Vector<T>>& output, Index column) {
    const double right = targets.share_right(output, column);
    share += right;
    exact += right == 1.0 ? 1.0 : 0.0;
    for (std::size_t at = 0; at < label.size(); ++at) {
      const auto row = static_cast<Index>(at);
      label[at] += targets.is_right(output[row], row, column) ? 1.0 : 0.0;
    }
  }
};

}  // namespace

template <class T>
Evaluation evaluate(const Network<T>& network, const Dataset& dataset, const Samples& part, const Criterion& criterion,
                    ThreadPool& pool, const PassObserver<T>& observer) {
  const Index chunk = std::min<Index>(512, part.count());
  NetworkState<T> state(network, chunk);
  TargetBatch<T> batch(criterion.targets, network.outputs(), chunk);
  LayerState<T>& last = state.layer(network.depth() - 1);
  std::vector<Index> samples(static_cast<std::size_t>(chunk));
  Vector<T> losses(chunk);
  const double l1_activations = criterion.penalty.l1_activations;
  std::vector<double> activation_sums(cut_into_shards(chunk).size());
  Pass pass;
  if (observer) pass.measure = Measure::census;
  Counts counts;
  if (batch.several_labels()) counts.label.resize(static_cast<std::size_t>(network.outputs()));
  const ConstantBaseline constant(criterion, dataset, part);
  double constant_sum = 0.0;
  Spread gains;
  double loss_sum = 0.0;
  double activations = 0.0;
  for (Index first = 0; first < part.count(); first += chunk) {
    const Index columns = std::min(chunk, part.count() - first);
    std::iota(samples.begin(), samples.end(), first);
    const std::vector<Shard> shards = cut_into_shards(columns);
    pool.for_each(static_cast<std::int64_t>(shards.size()), [&](std::int64_t index) {
      const Shard& shard = shards[static_cast<std::size_t>(index)];
      const auto count = static_cast<std::size_t>(shard.count);
      const auto some = std::span<const Index>(samples).subspan(static_cast<std::size_t>(shard.first), count);
      auto input = state.input().middleCols(shard.first, shard.count);
      gather<T>(dataset, part, some, input);
      batch.gather(part, some, shard.first, input);
      state.forward(network, shard, pass);
      criterion.loss.evaluate(criterion.loss_params, last.output.middleCols(shard.first, shard.count),
                              batch.columns(shard.first, shard.count), std::span(losses.data() + shard.first, count),
                              last.delta.middleCols(shard.first, shard.count));
      if (l1_activations != 0.0)
        activation_sums[static_cast<std::size_t>(index)] = activation_sum(network, state, shard);
    });
    if (observer) observer(state, shards);
    const Targets<T> targets = batch.columns(0, columns);
    for (Index column = 0; column < columns; ++column) {
      const auto loss = static_cast<double>(losses[column]);
      const double of_constant = constant.loss_of(targets, column);
      loss_sum += loss;
      constant_sum += of_constant;
      gains.add(of_constant - loss);
      counts.add<T>(batch, last.output.col(column), column);
    }
    if (l1_activations != 0.0)
      for (std::size_t shard = 0; shard < shards.size(); ++shard) activations += activation_sums[shard];
  }
  const auto count = static_cast<double>(part.count());
  Evaluation result;
  result.parts = weight_penalty(criterion.penalty, network);
  result.parts.data = loss_sum / count;
  if (l1_activations != 0.0) result.parts.l1_activations = l1_activations * activations / count;
  result.loss = result.parts.total();
  result.constant_loss = constant_sum / count;
  result.gain = gains.mean;
  result.gain_error = gains.error_of_mean();
  if (batch.classifies()) result.accuracy = counts.share / count;
  if (batch.several_labels())  // counted, not added up from shares
    result.accuracy = std::accumulate(counts.label.begin(), counts.label.end(), 0.0) /
                      (count * static_cast<double>(counts.label.size()));
  if (batch.several_labels()) result.exact_match = counts.exact / count;
  for (const double right : counts.label) result.label_accuracy.push_back(right / count);
  return result;
}

template Evaluation evaluate(const Network<float>&, const Dataset&, const Samples&, const Criterion&, ThreadPool&,
                             const PassObserver<float>&);
template Evaluation evaluate(const Network<double>&, const Dataset&, const Samples&, const Criterion&, ThreadPool&,
                             const PassObserver<double>&);

}  // namespace reluscope
