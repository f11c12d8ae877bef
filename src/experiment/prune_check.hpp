#pragma once
// What a pruned network's outputs are, beside those of the whole one.

#include <cstdint>
#include <optional>
#include <vector>

#include "data/dataset.hpp"
#include "experiment/prune_plan.hpp"
#include "experiment/targets.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

/// Outputs of both networks over one part of the data.
struct OutputCheck {
  std::int64_t samples = 0;
  std::int64_t differing = 0;       ///< samples with an output that is not equal
  double largest_difference = 0.0;  ///< over all outputs
  // Of networks that do not add up in order (adds_in_order()).
  std::optional<double> bound;    ///< that no difference is above, proved (probe/reach.hpp); absent: not known
  std::int64_t beyond_bound = 0;  ///< samples with an output that differs by more than its own bound: never any
  /// Samples for which both predict the same, and those for which the bounds prove that; absent: nothing is predicted.
  std::optional<std::int64_t> same_predictions;
  std::int64_t proved_predictions = 0;
};

/// Whether it is a chain in which nothing has several positions. Outputs are then computed with each sum in the order
/// of the inputs, one product after the other, so that leaving out a term of exactly 0 changes no bit. Others run as
/// they do in training and evaluation, where a product's order depends on its size.
template <class T>
bool adds_in_order(const Network<T>& network);

/// Of each node's output, over the training set.
template <class T>
std::vector<ValueRange<T>> measure_ranges(const Network<T>& network, const Dataset& dataset, ThreadPool& pool);

/// `smaller`: what is left of plan.masked.
template <class T>
OutputCheck check_outputs(const Network<T>& whole, const PrunePlan<T>& plan, const Network<T>& smaller,
                          const Dataset& dataset, const Samples& part, const TargetPlan& targets, ThreadPool& pool);

}  // namespace reluscope
