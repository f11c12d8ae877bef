#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "data/dataset.hpp"
#include "experiment/criterion.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

/// Of one part of the data.
struct Evaluation {
  double loss = 0.0;               ///< mean, with the penalties
  LossParts parts;                 ///< what it is the sum of
  std::optional<double> accuracy;  ///< share classified correctly, of several labels the mean share; absent otherwise
  std::optional<double> exact_match;   ///< several labels: share of the samples with every label right
  std::vector<double> label_accuracy;  ///< several labels: of each
  double constant_loss = 0.0;          ///< mean loss of the constant output that is best on this part (baseline.hpp)
  double gain = 0.0;                   ///< mean over the samples of that loss minus the network's, penalties left out
  double gain_error = 0.0;  ///< its standard error, from the differences of the single samples; NaN for one sample
};

/// Called after each piece of an evaluation pass.
template <class T>
using PassObserver = std::function<void(const NetworkState<T>& state, std::span<const Shard> shards)>;

/// Evaluates the network (no dropout, rrelu with its mean slope) on a part of the data that holds samples. With an
/// observer the pass has Measure::census. Losses are in the data's units, also where training has normalised targets.
template <class T>
Evaluation evaluate(const Network<T>& network, const Dataset& dataset, const Samples& part, const Criterion& criterion,
                    ThreadPool& pool, const PassObserver<T>& observer = {});

/// Loss and accuracy alone, as `evaluate` has them.
struct Score {
  LossParts parts;
  std::optional<double> accuracy;
};
/// Over the part, or over at most `most` of its samples, evenly spaced.
template <class T>
Score score(const Network<T>& network, const Dataset& dataset, const Samples& part, const Criterion& criterion,
            ThreadPool& pool, Index most);

}  // namespace reluscope
