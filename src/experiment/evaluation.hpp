#pragma once

#include <functional>
#include <optional>
#include <span>

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

/// Called after each piece of an evaluation pass.
template <class T>
using PassObserver = std::function<void(const NetworkState<T>& state, std::span<const Shard> shards)>;

/// Evaluates the network (no dropout, rrelu with its mean slope) on a part of the data that holds samples. With an
/// observer the pass has Measure::census.
template <class T>
Evaluation evaluate(const Network<T>& network, const Dataset& dataset, const Samples& part, const LossEntry& loss,
                    const ParamValues& loss_params, const TargetPlan& targets, ThreadPool& pool,
                    const PassObserver<T>& observer = {});

}  // namespace reluscope
