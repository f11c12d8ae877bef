#pragma once
// Evaluation passes over any training samples, a shard of them to each task of the pool.

#include <algorithm>
#include <span>
#include <stdexcept>
#include <vector>

#include "data/dataset.hpp"
#include "nn/network.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

template <class T>
class SampleRunner {
 public:
  /// For networks shaped like this one and at most `columns` samples at once. Data set and pool must outlive it.
  SampleRunner(const Network<T>& network, const Dataset& dataset, ThreadPool& pool, Index columns)
      : dataset_(dataset),
        pool_(pool),
        columns_(columns),
        state_(network, columns, Way::forward),
        operations_(network.operations()) {}

  /// Runs the samples through the first `nodes` nodes; their columns stand in the samples' order.
  void run(const Network<T>& network, std::span<const Index> samples, Measure measure, std::size_t nodes) {
    if (static_cast<Index>(samples.size()) > columns_)
      throw std::logic_error("a pass of more samples than there is room for");
    samples_ = samples;
    if (static_cast<Index>(samples.size()) != cut_) {
      cut_ = static_cast<Index>(samples.size());
      shards_ = network.cut(cut_);
    }
    Pass pass;
    pass.measure = measure;
    const auto task = [&](std::int64_t index) {
      const Shard& shard = shards_[static_cast<std::size_t>(index)];
      gather<T>(dataset_, dataset_.train,
                samples.subspan(static_cast<std::size_t>(shard.first), static_cast<std::size_t>(shard.count)),
                state_.input().middleCols(shard.first, shard.count));
      state_.forward(network, shard, pass, {0, nodes});
    };
    if (operations_ * static_cast<double>(cut_) >= kWorthSharing) {
      pool_.for_each(static_cast<std::int64_t>(shards_.size()), task);
    } else {
      for (std::size_t index = 0; index < shards_.size(); ++index) task(static_cast<std::int64_t>(index));
    }
  }
  void run(const Network<T>& network, std::span<const Index> samples, Measure measure) {
    run(network, samples, measure, network.depth());
  }

  /// Of the last run().
  [[nodiscard]] std::span<const Index> samples() const { return samples_; }
  [[nodiscard]] const std::vector<Shard>& shards() const { return shards_; }
  [[nodiscard]] const NetworkState<T>& state() const { return state_; }
  [[nodiscard]] ThreadPool& pool() const { return pool_; }

 private:
  const Dataset& dataset_;
  ThreadPool& pool_;
  Index columns_;
  NetworkState<T> state_;
  double operations_;  ///< of one sample
  Index cut_ = 0;      ///< columns that shards_ cuts
  std::vector<Shard> shards_;
  std::span<const Index> samples_;
};

/// Runs the samples through the first `nodes` nodes, piece by piece in order, and calls visit(place of the piece's
/// first sample) after each. The runner must take network.pass_columns(), or all the samples at once.
template <class T, class Visit>
void run_over(SampleRunner<T>& runner, const Network<T>& network, std::span<const Index> samples, Measure measure,
              std::size_t nodes, Visit visit) {
  const auto most = static_cast<std::size_t>(network.pass_columns());
  for (std::size_t first = 0; first < samples.size(); first += most) {
    runner.run(network, samples.subspan(first, std::min(most, samples.size() - first)), measure, nodes);
    visit(first);
  }
}

}  // namespace reluscope
