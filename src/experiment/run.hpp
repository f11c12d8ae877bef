#pragma once
// A run: a spec and a data set in, records out.

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>

#include "config/spec.hpp"
#include "data/dataset.hpp"
#include "experiment/run_summary.hpp"
#include "trace/checkpoint.hpp"
#include "trace/sink.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

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
