#include "experiment/loop.hpp"

#include <algorithm>
#include <cmath>

namespace reluscope {

namespace {

/// One update; false if the run has failed at it.
template <class T>
bool make_step(Training<T>& training, std::span<Observer* const> observers, StepView& view) {
  TrainingStep<T>& step = training.step;
  RunSummary& summary = training.summary;
  Pass pass;
  pass.training = true;
  for (const Observer* observer : observers) pass.measure = std::max(pass.measure, observer->wish(view.number));
  pass.seed = training.spec.seed;
  pass.step = static_cast<std::uint64_t>(view.number);
  view.samples = training.plan.batch(view.number);
  view.lr = training.learning_rate(view.number);
  view.measure = pass.measure;
  step.compute(view.samples, pass);
  for (Observer* observer : observers) observer->computed(view);
  summary.last_loss = step.result().loss;
  if (view.number == 0) summary.first_loss = summary.last_loss;
  view.updated = std::isfinite(summary.last_loss);
  if (!view.updated) {
    // The last row of the trace shows the step that failed, measured in full, and nothing is updated from it.
    view.measure = pass.measure = Measure::batch;
    step.compute(view.samples, pass);
  }
  step.apply(view.lr, view.updated);
  for (Observer* observer : observers) observer->updated(view);
  if (!view.updated || !std::isfinite(step.result().total.gradient_square)) {
    for (Observer* observer : observers) observer->failed(view);
    return false;
  }
  summary.steps = view.number + 1;
  return true;
}

}  // namespace

template <class T>
void run_loop(Training<T>& training, std::span<Observer* const> observers, std::int64_t end,
              const std::atomic<int>* stop) {
  RunSummary& summary = training.summary;
  for (std::int64_t number = summary.steps; number < end; ++number) {
    for (Observer* observer : observers) observer->before(number);
    StepView view;
    view.number = number;
    if (!make_step(training, observers, view)) return;
    const bool is_last = number + 1 == training.plan.total_steps();
    summary.interrupted = stop != nullptr && stop->load(std::memory_order_relaxed) != 0 && !is_last;
    for (Observer* observer : observers) observer->passed(view);
    if (summary.interrupted || is_last) return;
    summary.lost = std::any_of(observers.begin(), observers.end(), [](const Observer* one) { return one->gives_up(); });
    if (summary.lost) return;
  }
}

template void run_loop(Training<float>&, std::span<Observer* const>, std::int64_t, const std::atomic<int>*);
template void run_loop(Training<double>&, std::span<Observer* const>, std::int64_t, const std::atomic<int>*);

}  // namespace reluscope
