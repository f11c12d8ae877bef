#pragma once
// What is minimised: a loss between outputs and targets, and penalties.

#include "config/spec.hpp"
#include "experiment/targets.hpp"
#include "nn/network.hpp"
#include "nn/penalty.hpp"

namespace reluscope {

/// References have to outlive it.
struct Criterion {
  const LossEntry& loss;
  const ParamValues& loss_params;
  TargetPlan targets;
  Penalty penalty;
};

/// What the experiment minimises on this data.
Criterion criterion_of(const ExperimentSpec& spec, const Dataset& dataset);

/// What a loss is the sum of: that of the data, and the penalties with their factors.
struct LossParts {
  double data = 0.0;
  double l1_weights = 0.0;
  double l2_weights = 0.0;
  double l1_activations = 0.0;
  [[nodiscard]] double total() const { return data + l1_weights + l2_weights + l1_activations; }
};

/// The penalty on the network's weights, without the rest.
template <class T>
LossParts weight_penalty(const Penalty& penalty, const Network<T>& network);

/// Σ|a| over the hidden layers' activations in one shard's columns.
template <class T>
double activation_sum(const Network<T>& network, const NetworkState<T>& state, const Shard& shard);

}  // namespace reluscope
