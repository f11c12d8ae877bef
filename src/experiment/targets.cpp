#include "experiment/targets.hpp"

namespace reluscope {

TargetPlan plan_targets(const LossEntry& loss, const Dataset& dataset, Index outputs) {
  if (dataset.task == Task::regression) return {TargetCoding::values, 0.0};
  if (loss.takes_classes) return {TargetCoding::classes, 0.0};
  if (outputs > 1) return {TargetCoding::one_hot, 0.0};
  // A logit changes sides at 0, a number fitted to 0 and 1 at the middle.
  return {TargetCoding::binary, loss.takes_probabilities ? 0.0 : 0.5};
}

template <class T>
TargetBatch<T>::TargetBatch(const TargetPlan& plan, Index outputs, Index batch) : plan_(plan) {
  // Class targets leave the values unused; one row keeps the columns addressable.
  values_.setZero(plan.coding == TargetCoding::classes ? 1 : outputs, batch);
  if (classifies()) classes_.resize(static_cast<std::size_t>(batch));
}

template <class T>
void TargetBatch<T>::gather(const Samples& part, std::span<const Index> samples, Index first) {
  for (std::size_t at = 0; at < samples.size(); ++at) {
    const Index column = first + static_cast<Index>(at);
    if (plan_.coding == TargetCoding::values) {
      values_.col(column) = part.targets.col(samples[at]).cast<T>();
      continue;
    }
    const std::int32_t label = part.labels[static_cast<std::size_t>(samples[at])];
    classes_[static_cast<std::size_t>(column)] = label;
    if (plan_.coding == TargetCoding::binary) values_(0, column) = static_cast<T>(label);
    if (plan_.coding == TargetCoding::one_hot) {
      values_.col(column).setZero();
      values_(label, column) = T(1);
    }
  }
}

template <class T>
Targets<T> TargetBatch<T>::columns(Index first, Index count) const {
  if (!classifies()) return {values_.middleCols(first, count), {}};
  return {values_.middleCols(first, count),
          std::span(classes_).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count))};
}

template <class T>
bool TargetBatch<T>::is_correct(const Eigen::Ref<const Vector<T>>& output, Index column) const {
  if (!classifies()) return false;
  const std::int32_t label = classes_[static_cast<std::size_t>(column)];
  if (plan_.coding == TargetCoding::binary) return (output[0] > static_cast<T>(plan_.threshold)) == (label == 1);
  Index best = 0;
  for (Index row = 1; row < output.size(); ++row)
    if (output[row] > output[best]) best = row;
  return best == label;
}

template class TargetBatch<float>;
template class TargetBatch<double>;

}  // namespace reluscope
