#pragma once
// What a run trains, and with what. The loop changes it (experiment/loop.hpp), observers read it.

#include <cstdint>

#include "config/spec.hpp"
#include "data/dataset.hpp"
#include "experiment/batches.hpp"
#include "experiment/criterion.hpp"
#include "experiment/run_summary.hpp"
#include "experiment/training_step.hpp"
#include "nn/network.hpp"
#include "optim/optimizer.hpp"
#include "optim/schedule.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

template <class T>
struct Training {
  /// At step 0. All arguments must outlive it.
  Training(const ExperimentSpec& experiment, const Dataset& data, ThreadPool& threads);
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  [[nodiscard]] double learning_rate(std::int64_t at) const {
    return optimizer.base_lr() * schedule.factor({at, plan.total_steps(), plan.steps_per_epoch()});
  }
  [[nodiscard]] bool is_due(const Cadence& cadence, std::int64_t at) const {
    return reluscope::is_due(cadence, at, plan.steps_per_epoch());
  }
  /// Whether training starts from weights of a file. Then no unit is born dead: the dead ones are inherited.
  [[nodiscard]] bool from_file() const { return spec.network.init_from.has_value(); }
  /// The layer with units that has this place among them (0 is layer 1 of the traces).
  [[nodiscard]] const Node<T>& unit_layer(std::size_t at) const { return network.site(at); }
  /// All that a step leaves behind for later ones, but parameters, the optimiser's arrays and what a census keeps.
  template <class Archive>
  void archive(Archive& file) {
    optimizer.archive(file);
    file(summary.start_loss, summary.first_loss, summary.last_loss, summary.noise);
    for (LayerSummary& layer : summary.layers) file(layer.grad_norm_first, layer.grad_norm_last);
  }

  const ExperimentSpec& spec;
  const Dataset& dataset;
  ThreadPool& pool;
  BatchPlan plan;
  Network<T> network;
  std::vector<std::vector<std::size_t>> owned;  ///< of each site: the nodes whose parameters it owns (network.hpp)
  Criterion criterion;
  Optimizer<T> optimizer;
  Schedule schedule;
  TrainingStep<T> step;
  RunSummary summary;  ///< each observer fills in what it has seen
};

}  // namespace reluscope
