#include "experiment/evaluations.hpp"

#include <algorithm>

namespace reluscope {

namespace {

/// Evaluations after whole epochs are at most so many: where an epoch is one step, they would cost as much as those.
constexpr std::int64_t kMostEvaluations = 200;

}  // namespace

template <class T>
void Evaluations<T>::before(std::int64_t step) {
  if (is_due(step)) evaluate(step);
}

template <class T>
bool Evaluations<T>::is_due(std::int64_t step) const {
  const Cadence& cadence = training_.spec.record.evaluate;
  if (cadence.kind != Cadence::Kind::epoch) return training_.is_due(cadence, step);
  const std::int64_t steps = training_.plan.steps_per_epoch();
  const std::int64_t epochs = std::max<std::int64_t>(1, training_.plan.total_steps() / steps);
  const std::int64_t every = (epochs + kMostEvaluations - 1) / kMostEvaluations;
  return step % (every * steps) == 0;
}

template <class T>
void Evaluations<T>::evaluate(std::int64_t step) {
  const auto score_of = [this](const Samples& part) {
    const Index wanted = training_.spec.record.evaluate_samples;
    return scorer_.score(part, wanted == 0 ? part.count() : wanted);
  };
  EvaluationRecord row;
  row.step = step;
  row.epoch = training_.plan.epoch(step);
  const Score train = score_of(training_.dataset.train);
  row.train_loss = train.parts.total();
  row.train_accuracy = train.accuracy;
  if (training_.dataset.test.count() > 0) {
    const Score test = score_of(training_.dataset.test);
    row.test_loss = test.parts.total();
    row.test_accuracy = test.accuracy;
  }
  sink_.evaluation(row);
}

template class Evaluations<float>;
template class Evaluations<double>;

}  // namespace reluscope
