#pragma once
// What came of a run is told: in words, as JSON, as a page, and by the exit code.

#include <atomic>

#include "cli/run_outputs.hpp"
#include "cli/run_plan.hpp"
#include "cli/run_training.hpp"

namespace reluscope {

/// Prints what came of the run, writes its page, and finds the exit code. Does not return where a signal ended the run.
int tell_outcome(const RunOptions& options, bool quiet, const RunPlan& plan, const RunOutcome& outcome,
                 const Outputs& out, const std::atomic<int>& stop);

}  // namespace reluscope
