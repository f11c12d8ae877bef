#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "data/dataset.hpp"
#include "experiment/criterion.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

template <class T>
class PartPass;

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
/// Scores a network again and again: what a pass needs is made once. All arguments must outlive it.
template <class T>
class Scorer {
 public:
  Scorer(const Network<T>& network, const Dataset& dataset, const Criterion& criterion, ThreadPool& pool);
  ~Scorer();
  /// Over one of the data set's parts, which holds samples, or over at most `most` of them, evenly spaced.
  Score score(const Samples& part, Index most);

 private:
  std::unique_ptr<PartPass<T>> pass_;
};

}  // namespace reluscope
