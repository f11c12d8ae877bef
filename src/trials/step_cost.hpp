#pragma once
// What a step costs in each variant, without censuses and records, on one thread: measured in turns, so that whatever
// else the machine does strikes all of them.

#include <span>
#include <vector>

#include "trials/fleet.hpp"

namespace reluscope {

struct StepCost {
  double step_seconds = 0.0;  ///< of one update, in the fastest turn; NaN where it could not be set up
  double ratio = 0.0;         ///< to the first one, the median over the turns
  double element_ns = 0.0;    ///< the hidden activation alone, forward and backward, for each element: the same
};

/// One for each job, which is taken at its initial weights: with a learning rate of 0, so that nothing moves. About a
/// tenth of a second for each.
std::vector<StepCost> measure_step_costs(const ConfigSource& source, std::span<const Job> jobs);

}  // namespace reluscope
