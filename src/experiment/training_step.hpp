#pragma once
// One training step: forward, loss and backward shard by shard, then gradient and update tile by tile. Shards and
// tiles are cut the same way whatever the thread count, and their sums are added in a fixed order.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "experiment/criterion.hpp"
#include "nn/network.hpp"
#include "optim/optimizer.hpp"
#include "probe/activity.hpp"
#include "probe/layer_statistics.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

/// What every step yields.
struct StepResult {
  double loss = 0.0;     ///< mean over the batch, with the penalties
  LossParts parts;       ///< what it is the sum of
  double correct = 0.0;  ///< samples classified correctly; a sample of several labels counts as the share of them
  std::vector<ByRole<SweepSums>> nodes;  ///< [node]; zeros for what a node does not have
  SweepSums total;                       ///< over all parameters

  [[nodiscard]] const SweepSums& of(std::size_t node, ParameterRole role) const { return nodes[node][place_of(role)]; }
};

/// Where something stopped being finite.
struct NonFinite {
  std::size_t node = 0;  ///< in the network
  std::string what;      ///< what it is there, up to the words "of layer …"
};

template <class T>
class TrainingStep {
 public:
  /// All references must outlive the step.
  TrainingStep(Network<T>& network, const Dataset& dataset, const Criterion& criterion, Optimizer<T>& optimizer,
               Index largest_batch, ThreadPool& pool);

  /// Forward, loss, backward for these training samples. With Measure::batch the layers' statistics are taken.
  void compute(std::span<const Index> samples, const Pass& pass);
  /// What the last compute(), if it measured anything, showed of the units, at the parameters before apply().
  [[nodiscard]] const BatchActivity<T>& activity() const { return activity_; }
  /// Gradients and, unless `update` is false, the update at this learning rate. After compute().
  void apply(double lr, bool update = true);

  /// Floating-point operations of a step's products, with the largest batch.
  [[nodiscard]] double operations() const { return operations_; }
  /// Of the last compute() and apply().
  [[nodiscard]] const StepResult& result() const { return result_; }
  /// Of the last compute() with Measure::batch, for the node of a site.
  [[nodiscard]] LayerStatistics statistics(std::size_t node) const;
  /// The same for what the monitors of other tools count.
  [[nodiscard]] MonitorStatistics monitor_statistics(std::size_t node) const;
  /// Of the gradient of the last compute() and apply() with Measure::batch, over weights and biases. Nothing where a
  /// node has parameters of another kind, or used at several positions: a sample's own gradient in them is not known.
  [[nodiscard]] std::optional<GradientNoise> noise() const;
  /// The first place, in the order of computation, where a value is not finite. After a loss or a gradient that is not.
  [[nodiscard]] NonFinite find_non_finite() const;

 private:
  void run_tiles(bool update);
  SweepSums sweep(const Tile& tile, const T* gradient);

  Network<T>& network_;
  const Dataset& dataset_;
  Criterion criterion_;
  Optimizer<T>& optimizer_;
  double operations_;
  ThreadPool alone_{1};
  ThreadPool& pool_;  ///< the run's, or `alone_` where the step is too small to share
  NetworkState<T> state_;
  TargetBatch<T> targets_;
  Vector<T> losses_;                    ///< per column
  Vector<T> input_square_;              ///< ‖x‖² per column, when measured
  std::vector<double> correct_;         ///< per shard
  std::vector<double> activation_sum_;  ///< per shard, with a penalty on activations
  BatchActivity<T> activity_;
  std::vector<Tile> tiles_;
  std::vector<SweepSums> tile_sums_;
  std::vector<double> loss_squares_;  ///< ‖gradient of the loss alone‖² of each tile that a penalty adds to
  bool measured_ = false;             ///< the last compute() was with Measure::batch
  std::vector<Index> tile_offsets_;   ///< of each tile's gradient, where all are kept
  Index largest_tile_ = 0;
  Vector<T> gradients_;                      ///< of all tiles, or of the tile that each thread is at
  std::vector<ByRole<std::size_t>> places_;  ///< of each node's parameters, in the optimiser's list
  std::vector<Shard> full_shards_;           ///< of the largest batch
  std::vector<Shard> short_shards_;          ///< of the last short batch seen
  std::span<const Shard> shards_;            ///< of the present batch
  Index batch_ = 0;
  StepResult result_;
};

}  // namespace reluscope
