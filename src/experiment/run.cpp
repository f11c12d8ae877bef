#include "experiment/run.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "experiment/checkpoints.hpp"
#include "experiment/death_watch.hpp"
#include "experiment/evaluations.hpp"
#include "experiment/features.hpp"
#include "experiment/loop.hpp"
#include "experiment/progress_reports.hpp"
#include "experiment/recorder.hpp"
#include "trace/weights.hpp"

namespace reluscope {

namespace {

/// The loss at the start is taken over at most so many samples: a pass over millions would cost as much as many steps.
constexpr Index kStartSamples = 8192;

/// What the network has come to, over all samples. The last probe and census ride on the pass over the training part.
template <class T>
void judge_end(Training<T>& training, DeathWatch<T>* watch, Evaluations<T>* evaluations) {
  const auto evaluate_part = [&](const Samples& part, const PassObserver<T>& observer) {
    return evaluate(training.network, training.dataset, part, training.criterion, training.pool, observer);
  };
  RunSummary& summary = training.summary;
  PassObserver<T> observer;
  if (watch != nullptr) {
    watch->start_probe();
    observer = [watch](const NetworkState<T>& state, std::span<const Shard> shards) { watch->probe(state, shards); };
  }
  summary.train = evaluate_part(training.dataset.train, observer);
  if (!is_better({0.0, 0.0, summary.train->gain, summary.train->gain_error}))
    summary.linear = gain_of_linear_fit(training.criterion, training.dataset);
  if (watch != nullptr) watch->finish();
  if (evaluations != nullptr) evaluations->finish();
  if (training.dataset.test.count() > 0) summary.test = evaluate_part(training.dataset.test, {});
}

template <class T>
RunSummary execute(const ExperimentSpec& spec, const Dataset& dataset, RecordSink& sink, ThreadPool& pool,
                   const RunControl& control) {
  Training<T> training(spec, dataset, pool);
  RunSummary& summary = training.summary;
  std::unique_ptr<DeathWatch<T>> watch;
  if (spec.record.census.kind != Cadence::Kind::off)
    watch = std::make_unique<DeathWatch<T>>(
        training, sink, WatchOptions{control.brute_census, control.histograms, control.end_when_lost});
  if (control.resume != nullptr) {
    take_up(*control.resume, training, watch.get());
  } else {
    summary.start_loss =
        Scorer<T>(training.network, dataset, training.criterion, pool).score(dataset.train, kStartSamples).parts.data;
  }
  std::unique_ptr<Evaluations<T>> evaluations;
  if (control.evaluations && spec.record.evaluate.kind != Cadence::Kind::off)
    evaluations = std::make_unique<Evaluations<T>>(training, sink);
  Recorder<T> recorder(training, sink, watch.get());
  ProgressReports<T> progress(training, sink);
  std::unique_ptr<Checkpoints<T>> checkpoints;
  if (control.save) checkpoints = std::make_unique<Checkpoints<T>>(training, sink, watch.get(), control.save);

  std::vector<Observer*> observers = {evaluations.get(), watch.get(), &recorder, &progress, checkpoints.get()};
  std::erase(observers, nullptr);
  const std::int64_t total = training.plan.total_steps();
  const std::int64_t end = std::min(total, control.end_after.value_or(total));
  run_loop(training, observers, end, control.stop);

  const bool whole = summary.failed || summary.interrupted || summary.lost || end == total;
  if (checkpoints && !whole) checkpoints->save();
  summary.epochs = training.plan.epoch(summary.steps);
  if (!summary.failed && !summary.interrupted) judge_end(training, watch.get(), evaluations.get());
  if (watch) watch->write_units();
  if (control.weights != nullptr) *control.weights = export_weights(training.network);
  sink.flush();
  return std::move(summary);
}

}  // namespace

RunSummary run_experiment(const ExperimentSpec& spec, const Dataset& dataset, RecordSink& sink, ThreadPool& pool,
                          const RunControl& control) {
  if (spec.precision == Precision::float32) return execute<float>(spec, dataset, sink, pool, control);
  return execute<double>(spec, dataset, sink, pool, control);
}

}  // namespace reluscope
