#include "experiment/targets.hpp"

namespace reluscope {

namespace {

/// Whether every target of the part is 0 or 1.
bool all_binary(const Samples& part) { return ((part.targets.array() == 0.0) || (part.targets.array() == 1.0)).all(); }

/// A logit changes sides at 0; a probability, or a number fitted to 0 and 1, in the middle. What a sigmoid yields is a
/// probability, whatever the loss takes it for.
double decision_threshold(const Choice& loss, const Choice& output) {
  return takes_logits(loss) && output.name != "sigmoid" ? 0.0 : 0.5;
}

}  // namespace

TargetPlan plan_targets(const Choice& loss, const Choice& output, const Dataset& dataset, Index outputs) {
  const LossEntry& entry = *find_entry(loss_table(), loss.name);
  const double threshold = decision_threshold(loss, output);
  switch (dataset.task) {
    case Task::reconstruction:
      return {TargetCoding::inputs, 0.0};
    case Task::regression:
      if (entry.takes_probabilities && all_binary(dataset.train) && all_binary(dataset.test))
        return {TargetCoding::labels, threshold};
      return {TargetCoding::values, 0.0, {dataset.target_shift, dataset.target_scale}};
    case Task::classification:
      break;
  }
  if (entry.takes_classes) return {TargetCoding::classes, 0.0};
  if (outputs > 1) return {TargetCoding::one_hot, 0.0};
  return {TargetCoding::binary, threshold};
}

Index outputs_of(const TargetPlan& plan, const Dataset& dataset) {
  return plan.coding == TargetCoding::binary ? 1 : dataset.outputs();
}

template <class T>
TargetBatch<T>::TargetBatch(const TargetPlan& plan, Index outputs, Index batch) : plan_(plan) {
  // Class targets leave the values unused; one row keeps the columns addressable.
  values_.setZero(plan.coding == TargetCoding::classes ? 1 : outputs, batch);
  if (has_classes()) classes_.resize(static_cast<std::size_t>(batch));
}

template <class T>
void TargetBatch<T>::gather(const Samples& part, std::span<const Index> samples, Index first,
                            const Eigen::Ref<const Matrix<T>>& inputs) {
  if (plan_.coding == TargetCoding::inputs) {
    values_.middleCols(first, static_cast<Index>(samples.size())) = inputs;
    return;
  }
  if (!has_classes()) {
    const TargetScaling& scaling = plan_.scaling;
    for (std::size_t at = 0; at < samples.size(); ++at) {
      const auto target = part.targets.col(samples[at]);
      auto column = values_.col(first + static_cast<Index>(at));
      if (scaling.any()) {
        column = (target - scaling.shift).cwiseProduct(scaling.scale).cast<T>();
      } else {
        column = target.cast<T>();
      }
    }
    return;
  }
  for (std::size_t at = 0; at < samples.size(); ++at) {
    const Index column = first + static_cast<Index>(at);
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
  if (!has_classes()) return {values_.middleCols(first, count), {}};
  return {values_.middleCols(first, count),
          std::span(classes_).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count))};
}

template <class T>
double TargetBatch<T>::share_right(const Eigen::Ref<const Vector<T>>& output, Index column) const {
  if (!classifies()) return 0.0;
  if (several_labels()) {
    Index right = 0;
    for (Index label = 0; label < output.size(); ++label) right += is_right(output[label], label, column) ? 1 : 0;
    return static_cast<double>(right) / static_cast<double>(output.size());
  }
  const std::int32_t label = classes_[static_cast<std::size_t>(column)];
  if (plan_.coding == TargetCoding::binary)
    return (output[0] > static_cast<T>(plan_.threshold)) == (label == 1) ? 1.0 : 0.0;
  Index best = 0;
  for (Index row = 1; row < output.size(); ++row)
    if (output[row] > output[best]) best = row;
  return best == label ? 1.0 : 0.0;
}

template class TargetBatch<float>;
template class TargetBatch<double>;

}  // namespace reluscope
