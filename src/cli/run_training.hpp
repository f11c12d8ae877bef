#pragma once
// A run that is planned and prepared is trained, and its directory completed.

#include <atomic>
#include <string>

#include "cli/run_outputs.hpp"
#include "cli/run_plan.hpp"
#include "diagnose/diagnosis.hpp"
#include "diagnose/run_tables.hpp"
#include "experiment/run_summary.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

/// What came of a run.
struct RunOutcome {
  RunSummary summary;
  std::string sentence;
  std::string document;  ///< summary.json
  RunTables tables;
  Diagnosis diagnosis;
};

/// Trains, and writes what the run directory has at the end. Throws IoError.
RunOutcome train_run(const RunOptions& options, const RunPlan& plan, RunPreparation& ready, Outputs& out,
                     ThreadPool& pool, const std::atomic<int>& stop);

}  // namespace reluscope
