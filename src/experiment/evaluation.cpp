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
  Counts(const TargetBatch<T>& targets, Index outputs)
      : label(targets.several_labels() ? static_cast<std::size_t>(outputs) : 0) {}
  template <class T>
  [[nodiscard]] std::optional<double> accuracy(const TargetBatch<T>& targets, double count) const {
    if (targets.several_labels())  // counted, not added up from shares
      return std::accumulate(label.begin(), label.end(), 0.0) / (count * static_cast<double>(label.size()));
    return targets.classifies() ? std::optional(share / count) : std::nullopt;
  }
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

/// A part of the data on its way through the network, piece by piece. Losses, outputs and targets are in the data's
/// units.
template <class T>
class PartPass {
 public:
  /// Has room for parts of up to `largest` samples.
  PartPass(const Network<T>& network, const Dataset& dataset, const Criterion& criterion, ThreadPool& pool,
           Index largest, const PassObserver<T>& observer = {})
      : network_(network),
        dataset_(dataset),
        criterion_(criterion),
        pool_(pool),
        observer_(observer),
        chunk_(std::min(network.pass_columns(), largest)),
        samples_(static_cast<std::size_t>(chunk_)),
        state_(network, chunk_, Way::forward),
        batch_(in_units_of_data(criterion.targets), network.outputs(), chunk_),
        losses_(chunk_),
        activation_sums_(network.cut(chunk_).size()) {
    if (criterion.targets.scaling.any()) outputs_.resize(network.outputs(), chunk_);
  }

  /// Every `every`-th sample of the part will be looked at.
  void begin(const Samples& part, Index every) {
    part_ = &part;
    every_ = every;
    first_ = 0;
    activations_ = 0.0;
  }
  /// Runs the next piece; its columns, or 0 at the end.
  Index next() {
    const Index count = (part_->count() + every_ - 1) / every_;
    const Index columns = std::min(chunk_, count - first_);
    if (columns <= 0) return 0;
    for (Index at = 0; at < columns; ++at) samples_[static_cast<std::size_t>(at)] = (first_ + at) * every_;
    Pass pass;
    if (observer_) pass.measure = Measure::census;
    const std::vector<Shard> shards = network_.cut(columns);
    pool_.for_each(static_cast<std::int64_t>(shards.size()), [&](std::int64_t index) {
      compute(shards[static_cast<std::size_t>(index)], static_cast<std::size_t>(index), pass);
    });
    if (observer_) observer_(state_, shards);
    if (criterion_.penalty.l1_activations != 0.0)
      for (std::size_t shard = 0; shard < shards.size(); ++shard) activations_ += activation_sums_[shard];
    first_ += columns;
    return columns;
  }

  [[nodiscard]] const Network<T>& network() const { return network_; }
  [[nodiscard]] const TargetBatch<T>& batch() const { return batch_; }
  /// Of the samples that were looked at, by the sum of their losses.
  [[nodiscard]] LossParts loss_parts(double loss_sum, Index samples) const {
    const auto count = static_cast<double>(samples);
    LossParts parts = weight_penalty(criterion_.penalty, network_);
    parts.data = loss_sum / count;
    if (criterion_.penalty.l1_activations != 0.0)
      parts.l1_activations = criterion_.penalty.l1_activations * activations_ / count;
    return parts;
  }
  [[nodiscard]] double loss(Index column) const { return static_cast<double>(losses_[column]); }
  [[nodiscard]] auto output(Index column) const { return outputs().col(column); }

 private:
  [[nodiscard]] const Matrix<T>& outputs() const {
    return outputs_.size() > 0 ? outputs_ : state_.node(network_.depth() - 1).output;
  }

  void compute(const Shard& shard, std::size_t index, const Pass& pass) {
    const auto count = static_cast<std::size_t>(shard.count);
    const auto some = std::span<const Index>(samples_).subspan(static_cast<std::size_t>(shard.first), count);
    auto input = state_.input().middleCols(shard.first, shard.count);
    gather<T>(dataset_, *part_, some, input);
    batch_.gather(*part_, some, shard.first, input);
    state_.forward(network_, shard, pass);
    NodeState<T>& last = state_.node(network_.depth() - 1);
    if (const TargetScaling& scaling = criterion_.targets.scaling; scaling.any())
      outputs_.middleCols(shard.first, shard.count) =
          ((last.output.middleCols(shard.first, shard.count).template cast<double>().array().colwise() /
            scaling.scale.array())
               .colwise() +
           scaling.shift.array())
              .template cast<T>();
    criterion_.loss.evaluate(criterion_.loss_params, outputs().middleCols(shard.first, shard.count),
                             batch_.columns(shard.first, shard.count), std::span(losses_.data() + shard.first, count),
                             last.delta.middleCols(shard.first, shard.count));
    if (criterion_.penalty.l1_activations != 0.0) activation_sums_[index] = activation_sum(network_, state_, shard);
  }

  const Network<T>& network_;
  const Dataset& dataset_;
  const Criterion& criterion_;
  ThreadPool& pool_;
  PassObserver<T> observer_;
  const Samples* part_ = nullptr;
  Index every_ = 1;
  Index chunk_;
  Index first_ = 0;
  std::vector<Index> samples_;
  NetworkState<T> state_;
  TargetBatch<T> batch_;
  Matrix<T> outputs_;  ///< in the data's units, where training has others
  Vector<T> losses_;
  std::vector<double> activation_sums_;
  double activations_ = 0.0;  ///< sum of |a| over the hidden units, where a penalty is on it
};

template <class T>
Evaluation evaluate(const Network<T>& network, const Dataset& dataset, const Samples& part, const Criterion& criterion,
                    ThreadPool& pool, const PassObserver<T>& observer) {
  PartPass<T> pass(network, dataset, criterion, pool, part.count(), observer);
  pass.begin(part, 1);
  const TargetBatch<T>& batch = pass.batch();
  Counts counts(batch, network.outputs());
  const ConstantBaseline constant(criterion, dataset, part);
  double constant_sum = 0.0;
  Spread gains;
  double loss_sum = 0.0;
  while (const Index columns = pass.next()) {
    const Targets<T> targets = batch.columns(0, columns);
    for (Index column = 0; column < columns; ++column) {
      const double loss = pass.loss(column);
      const double of_constant = constant.loss_of(targets, column);
      loss_sum += loss;
      constant_sum += of_constant;
      gains.add(of_constant - loss);
      counts.add<T>(batch, pass.output(column), column);
    }
  }
  const auto count = static_cast<double>(part.count());
  Evaluation result;
  result.parts = pass.loss_parts(loss_sum, part.count());
  result.loss = result.parts.total();
  result.constant_loss = constant_sum / count;
  result.gain = gains.mean;
  result.gain_error = gains.error_of_mean();
  result.accuracy = counts.accuracy(batch, count);
  if (batch.several_labels()) result.exact_match = counts.exact / count;
  for (const double right : counts.label) result.label_accuracy.push_back(right / count);
  return result;
}

template <class T>
Scorer<T>::Scorer(const Network<T>& network, const Dataset& dataset, const Criterion& criterion, ThreadPool& pool)
    : pass_(std::make_unique<PartPass<T>>(network, dataset, criterion, pool,
                                          std::max(dataset.train.count(), dataset.test.count()))) {}

template <class T>
Scorer<T>::~Scorer() = default;

template <class T>
Score Scorer<T>::score(const Samples& part, Index most) {
  PartPass<T>& pass = *pass_;
  pass.begin(part, (part.count() + most - 1) / most);
  Counts counts(pass.batch(), pass.network().outputs());
  double sum = 0.0;
  Index count = 0;
  while (const Index columns = pass.next()) {
    for (Index column = 0; column < columns; ++column) {
      sum += pass.loss(column);
      counts.add<T>(pass.batch(), pass.output(column), column);
    }
    count += columns;
  }
  return {pass.loss_parts(sum, count), counts.accuracy(pass.batch(), static_cast<double>(count))};
}

template class Scorer<float>;
template class Scorer<double>;
template Evaluation evaluate(const Network<float>&, const Dataset&, const Samples&, const Criterion&, ThreadPool&,
                             const PassObserver<float>&);
template Evaluation evaluate(const Network<double>&, const Dataset&, const Samples&, const Criterion&, ThreadPool&,
                             const PassObserver<double>&);

}  // namespace reluscope
