#include "experiment/progress_reports.hpp"

#include <algorithm>

namespace reluscope {

namespace {

/// Reports per run, besides those of recorded steps.
constexpr std::int64_t kReports = 500;

}  // namespace

template <class T>
void ProgressReports<T>::passed(const StepView& step) {
  const std::int64_t total = training_.plan.total_steps();
  if (!step.is_recorded() && (step.number + 1) % std::max<std::int64_t>(1, total / kReports) != 0) return;
  const StepResult& result = training_.step.result();
  Progress progress;
  progress.step = step.number + 1;
  progress.total_steps = total;
  progress.loss = result.loss;
  if (classifies(training_.criterion.targets))
    progress.accuracy = result.correct / static_cast<double>(step.samples.size());
  progress.dead_fraction = training_.summary.dead_fraction();
  sink_.progress(progress);
}

template class ProgressReports<float>;
template class ProgressReports<double>;

}  // namespace reluscope
