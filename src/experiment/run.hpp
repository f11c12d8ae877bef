#pragma once
// The training loop: a spec and a data set in, records out.

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/spec.hpp"
#include "data/dataset.hpp"
#include "experiment/evaluation.hpp"
#include "trace/sink.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

/// A layer with units at the end of a run. Counts are absent without a census, norms without a recorded step.
struct LayerSummary {
  std::string name;
  std::string activation;
  std::int64_t units = 0;
  bool is_output = false;
  std::optional<std::int64_t> dead;
  std::optional<std::int64_t> born_dead;
  std::optional<std::int64_t> saturated;
  std::optional<std::int64_t> peak_dead;  ///< the most at any census
  std::optional<double> grad_norm_first;  ///< ‖∂L/∂W‖ at the first recorded step
  std::optional<double> grad_norm_last;   ///< and at the last one
};

/// How a run ended.
struct RunSummary {
  bool failed = false;
  bool interrupted = false;         ///< stopped by a signal, at the end of a step
  std::string failure;              ///< what became non-finite, at which step and layer; empty unless failed
  std::int64_t steps = 0;           ///< updates made
  std::int64_t epochs = 0;          ///< epochs completed
  double first_loss = 0.0;          ///< of the first batch
  double last_loss = 0.0;           ///< of the last batch
  std::optional<Evaluation> train;  ///< at the end, over the whole training part; absent if failed
  std::optional<Evaluation> test;   ///< absent without a test part
  std::optional<bool> collapsed;    ///< the output is constant over the training set; absent without a census
  std::vector<LayerSummary> layers;

  /// Dead units of hidden layers as a share of all hidden units; absent without a census or hidden layers.
  [[nodiscard]] std::optional<double> dead_fraction() const;
};

/// Trains the network of `spec` on `dataset` and hands every record to `sink`. The result depends on spec and data
/// alone, not on the pool's threads. What the sink throws passes through.
/// `stop`, if given, is looked at after each step: once it is not 0 the run ends there, interrupted.
RunSummary run_experiment(const ExperimentSpec& spec, const Dataset& dataset, RecordSink& sink, ThreadPool& pool,
                          const std::atomic<int>* stop = nullptr);

}  // namespace reluscope
