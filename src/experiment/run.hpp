#pragma once
// The training loop: a spec and a data set in, records out.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/spec.hpp"
#include "data/dataset.hpp"
#include "diagnose/diagnosis.hpp"
#include "experiment/evaluation.hpp"
#include "experiment/linear_fit.hpp"
#include "probe/census.hpp"
#include "probe/layer_statistics.hpp"
#include "trace/checkpoint.hpp"
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
  std::optional<std::int64_t> born_dead;  ///< dead at step 0, in weights that were drawn
  std::optional<std::int64_t> inherited;  ///< dead at step 0, in weights that came from a file
  std::optional<std::int64_t> saturated;
  std::optional<std::int64_t> peak_dead;  ///< the most at any census
  std::optional<std::int64_t> locked;     ///< dead, and provably so until the end
  std::int64_t deaths = 0;                ///< from census to census, over all units
  std::int64_t revivals = 0;
  std::map<std::string, std::int64_t> causes;  ///< of the deaths: own_weights, own_bias, upstream
  std::optional<double> grad_norm_first;       ///< ‖∂L/∂W‖ at the first recorded step
  std::optional<double> grad_norm_last;        ///< and at the last one
  std::optional<double> a_mean;                ///< over the units and the training set, at the end
  std::optional<double> zero_fraction;         ///< of the same activations: how many are exactly 0

  /// Units that were dead at step 0; absent without a census.
  [[nodiscard]] std::optional<std::int64_t> dead_at_start() const;
  /// Whether units were dead in the weights of a file.
  [[nodiscard]] bool has_inherited() const { return inherited.value_or(0) > 0; }
};

/// How a run ended.
struct RunSummary {
  bool failed = false;
  bool interrupted = false;            ///< stopped by a signal, at the end of a step
  bool lost = false;                   ///< ended early, as RunControl::end_when_lost asks for
  std::string failure;                 ///< what became non-finite, at which step and layer; empty unless failed
  std::int64_t steps = 0;              ///< updates made
  std::int64_t epochs = 0;             ///< epochs completed
  double first_loss = 0.0;             ///< of the first batch
  double last_loss = 0.0;              ///< of the last batch
  std::optional<double> start_loss;    ///< before the first update, over the training part, without penalties
  std::optional<Evaluation> train;     ///< at the end, over the whole training part; absent if failed
  std::optional<Evaluation> test;      ///< absent without a test part
  std::optional<bool> collapsed;       ///< the output is constant over the training set; absent without a census
  NoiseAverage noise;                  ///< of the gradient, over the recorded steps
  std::optional<TargetFacts> targets;  ///< of a regression: what the training part has to say
  std::optional<ClassShares> classes;  ///< of a classification: how many samples each has
  std::optional<LinearGain> linear;    ///< of a linear fit, where the network is no better than a constant
  std::vector<LayerSummary> layers;
  CensusWork census;  ///< what the censuses cost

  /// Dead units of hidden layers as a share of all hidden units; absent without a census or hidden layers.
  [[nodiscard]] std::optional<double> dead_fraction() const;
};

/// How a run is carried out; its results do not depend on it, unless it is asked to end before its last step.
struct RunControl {
  /// Looked at after each step: once it is not 0 the run ends there, interrupted.
  const std::atomic<int>* stop = nullptr;
  /// Every census is a pass over the whole training set: the oracle. Witnesses, and with them causes, may be others.
  bool brute_census = false;
  /// Receives the parameters at the end.
  Tensors* weights = nullptr;
  /// Called between two steps with what it takes to go on from there: when record.checkpoint_every says so, and before
  /// the run ends interrupted. It must see to it that what the sink was given by then is not lost.
  std::function<void(Checkpoint&&)> save;
  /// Where to go on: what `save` was called with in a run of the same spec, data and census engine.
  const Checkpoint* resume = nullptr;
  /// Ends the run after so many steps (at least 1) as if there were no more: with an evaluation and a last census.
  /// Rates and whatever else looks ahead are those of the whole length. `save` is called before that end, so that the
  /// run can go on as if it had never been looked at.
  std::optional<std::int64_t> end_after;
  /// Ends the run, in the same way, at the first census that shows a hidden layer all of whose units are dead and
  /// locked (probe/prognosis.hpp): for every sample of the training set the output is the same until the last step.
  bool end_when_lost = false;
  /// Whether the histograms are taken from which pictures are drawn, and the evaluations: they cost forward passes.
  bool histograms = true;
  bool evaluations = true;
};

/// Trains the network of `spec` on `dataset` and hands every record to `sink`. The result depends on spec and data
/// alone, not on the pool's threads, nor on where it was stopped and resumed: then the sinks of all parts together got
/// what the sink of one whole run gets. What the sink throws passes through; DataError for a checkpoint that does not
/// fit.
RunSummary run_experiment(const ExperimentSpec& spec, const Dataset& dataset, RecordSink& sink, ThreadPool& pool,
                          const RunControl& control = {});

}  // namespace reluscope
