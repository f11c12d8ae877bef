#include "experiment/baseline.hpp"

#include <algorithm>
#include <numeric>

#include "util/portable_math.hpp"

namespace reluscope {

namespace {

/// Target values held at once: outputs are taken some at a time.
constexpr Index kValuesAtOnce = Index{1} << 22;
/// Samples gathered at once.
constexpr Index kChunk = 256;

/// Calls visit(targets, first, count) for pieces of the part, with the targets as the loss gets them.
template <class Visit>
void for_targets(const Criterion& criterion, const Dataset& dataset, const Samples& part, Visit visit) {
  const bool wants_inputs = criterion.targets.coding == TargetCoding::inputs;
  TargetBatch<double> batch(in_units_of_data(criterion.targets), outputs_of(criterion.targets, dataset), kChunk);
  Matrix<double> input(dataset.features(), wants_inputs ? kChunk : 1);
  std::vector<Index> samples;
  for (Index first = 0; first < part.count(); first += kChunk) {
    samples.resize(static_cast<std::size_t>(std::min(kChunk, part.count() - first)));
    std::iota(samples.begin(), samples.end(), first);
    const auto count = static_cast<Index>(samples.size());
    auto columns = input.leftCols(wants_inputs ? count : 1);
    if (wants_inputs) gather<double>(dataset, part, samples, columns);
    batch.gather(part, samples, 0, columns);
    visit(batch.columns(0, count), first, count);
  }
}

}  // namespace

ConstantBaseline::ConstantBaseline(const Criterion& criterion, const Dataset& dataset, const Samples& part)
    : criterion_(criterion) {
  const auto samples = static_cast<double>(part.count());
  const Index outputs = outputs_of(criterion.targets, dataset);
  constants_.resize(static_cast<std::size_t>(outputs));
  if (criterion.loss.takes_classes) {
    for (const std::int32_t label : part.labels) constants_[static_cast<std::size_t>(label)] += 1.0;
    for (double& share : constants_) share /= samples;
    return;
  }
  const Index at_once = std::clamp<Index>(kValuesAtOnce / part.count(), 1, outputs);
  Matrix<double> values(part.count(), at_once);
  for (Index first = 0; first < outputs; first += at_once) {
    const Index some = std::min(at_once, outputs - first);
    for_targets(criterion, dataset, part, [&](const Targets<double>& targets, Index sample, Index count) {
      values.block(sample, 0, count, some) = targets.values.middleRows(first, some).transpose();
    });
    for (Index output = 0; output < some; ++output)
      constants_[static_cast<std::size_t>(first + output)] = criterion.loss.best_constant(
          criterion.loss_params, std::span(values.col(output).data(), static_cast<std::size_t>(part.count())));
  }
}

template <class T>
double ConstantBaseline::loss_of(const Targets<T>& targets, Index column) const {
  if (criterion_.loss.takes_classes)
    return -portable_log(constants_[static_cast<std::size_t>(targets.classes[static_cast<std::size_t>(column)])]);
  double sum = 0.0;
  for (std::size_t output = 0; output < constants_.size(); ++output)
    sum += criterion_.loss.loss_of_constant(criterion_.loss_params, constants_[output],
                                            static_cast<double>(targets.values(static_cast<Index>(output), column)));
  return sum / static_cast<double>(constants_.size());
}

template double ConstantBaseline::loss_of(const Targets<float>&, Index) const;
template double ConstantBaseline::loss_of(const Targets<double>&, Index) const;

}  // namespace reluscope
