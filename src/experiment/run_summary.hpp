#pragma once
// How a run ended: what its observers have put together.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "diagnose/run_tables.hpp"
#include "experiment/evaluation.hpp"
#include "experiment/linear_fit.hpp"
#include "probe/census.hpp"
#include "probe/layer_statistics.hpp"

namespace reluscope {

/// A layer with units at the end of a run. Counts are absent without a census, norms without a recorded step.
struct LayerSummary {
  std::string name;
  std::string activation;
  std::int64_t units = 0;
  bool is_output = false;
  std::optional<std::int64_t> dead;
  std::optional<std::int64_t> born_dead;  ///< dead at step 0, in weights that were drawn
  std::optional<std::int64_t> inherited;  ///< dead at step 0, in weights that came from a file
  std::optional<std::int64_t> saturated;
  std::optional<std::int64_t> peak_dead;  ///< the most at any census
  std::optional<std::int64_t> locked;     ///< dead, and provably so until the end
  std::int64_t deaths = 0;                ///< from census to census, over all units
  std::int64_t revivals = 0;
  std::map<std::string, std::int64_t> causes;  ///< of the deaths: own_weights, own_bias, upstream
  std::optional<double> grad_norm_first;       ///< ‖∂L/∂W‖ at the first recorded step
  std::optional<double> grad_norm_last;        ///< and at the last one
  std::optional<double> a_mean;                ///< over the units and the training set, at the end
  std::optional<double> zero_fraction;         ///< of the same activations: how many are exactly 0

  [[nodiscard]] Role role() const { return is_output ? Role::output : Role::hidden; }
  /// Units that were dead at step 0; absent without a census.
  [[nodiscard]] std::optional<std::int64_t> dead_at_start() const;
  /// Whether units were dead in the weights of a file.
  [[nodiscard]] bool has_inherited() const { return inherited.value_or(0) > 0; }
};

/// How a run ended.
struct RunSummary {
  bool failed = false;
  bool interrupted = false;            ///< stopped by a signal, at the end of a step
  bool lost = false;                   ///< ended early, as RunControl::end_when_lost asks for
  std::string failure;                 ///< what became non-finite, at which step and layer; empty unless failed
  std::int64_t steps = 0;              ///< updates made
  std::int64_t epochs = 0;             ///< epochs completed
  double first_loss = 0.0;             ///< of the first batch
  double last_loss = 0.0;              ///< of the last batch
  std::optional<double> start_loss;    ///< before the first update, over the training part, without penalties
  std::optional<Evaluation> train;     ///< at the end, over the whole training part; absent if failed
  std::optional<Evaluation> test;      ///< absent without a test part
  std::optional<bool> collapsed;       ///< the output is constant over the training set; absent without a census
  NoiseAverage noise;                  ///< of the gradient, over the recorded steps
  std::optional<TargetFacts> targets;  ///< of a regression: what the training part has to say
  std::optional<ClassShares> classes;  ///< of a classification: how many samples each has
  std::optional<LinearGain> linear;    ///< of a linear fit, where the network is no better than a constant
  std::vector<LayerSummary> layers;
  CensusWork census;  ///< what the censuses cost

  /// Dead units of hidden layers as a share of all hidden units; absent without a census or hidden layers.
  [[nodiscard]] std::optional<double> dead_fraction() const;
};

}  // namespace reluscope
