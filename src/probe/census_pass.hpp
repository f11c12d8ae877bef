#pragma once
// Samples on their way through a network, or a part of it, that show units of a census alive.

#include <span>
#include <vector>

#include "data/dataset.hpp"
#include "probe/activity.hpp"
#include "probe/census_draft.hpp"
#include "probe/sample_runner.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

template <class T>
class CensusPass {
 public:
  /// For networks shaped like this one. `units`: which unit of the whole network each of its units is, by layer with
  /// units. Data set and pool must outlive it.
  CensusPass(const Network<T>& network, std::vector<std::vector<Index>> units, const Dataset& dataset,
             ThreadPool& pool);

  /// Runs some samples through the first `layers` layers with units and settles the open units that they activate.
  void run(const Network<T>& network, std::span<const Index> samples, std::size_t layers, Device device,
           CensusDraft& draft);

  [[nodiscard]] const std::vector<Index>& units(std::size_t layer) const { return units_[layer]; }
  [[nodiscard]] SampleRunner<T>& runner() { return runner_; }

 private:
  std::vector<std::vector<Index>> units_;
  SampleRunner<T> runner_;
  BatchActivity<T> seen_;
};

/// All units of each layer that has some.
template <class T>
std::vector<std::vector<Index>> every_unit(const Network<T>& network);

}  // namespace reluscope
