#pragma once

#include <optional>

#include "data/dataset.hpp"
#include "experiment/targets.hpp"
#include "nn/network.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

/// Mean loss, and share classified correctly (absent for regression).
struct Evaluation {
  double loss = 0.0;
  std::optional<double> accuracy;
};

/// Evaluates the network (no dropout, rrelu with its mean slope) on a part of the data that holds samples.
template <class T>
Evaluation evaluate(const Network<T>& network, const Dataset& dataset, const Samples& part, const LossEntry& loss,
                    const ParamValues& loss_params, const TargetPlan& targets, ThreadPool& pool);

}  // namespace reluscope
