#pragma once
// What a run is before its first step: what is to be run and where, its data, and its directory taken.

#include <filesystem>
#include <optional>
#include <vector>

#include "cli/run.hpp"
#include "cli/run_outputs.hpp"
#include "data/dataset.hpp"
#include "experiment/documents.hpp"
#include "experiment/resume.hpp"
#include "trace/checkpoint.hpp"
#include "trace/run_directory.hpp"
#include "util/stopwatch.hpp"

namespace reluscope {

/// What is to be run, and where.
struct RunPlan {
  Resumption run;
  std::filesystem::path directory;
  bool is_numbered = false;  ///< where the directory is taken, the next one that is free is
  std::vector<TraceWish> traces;
  std::optional<RunLock> lock;  ///< of a run that is resumed, from the start; of a new one, once its data are there

  [[nodiscard]] const Checkpoint* from() const { return run.checkpoint ? &*run.checkpoint : nullptr; }
};

/// Reads the config, or the directory of the run that is resumed. Nothing is written. Throws UserError.
RunPlan plan_run(const RunOptions& options);

/// All that a run needs before its first step.
struct RunPreparation {
  Dataset dataset;
  ManifestFacts facts;
  Checkpoint identity;
};

/// Loads the data, and takes the directory. `loading`: since the command was given. Throws UserError.
RunPreparation prepare_run(const RunOptions& options, RunPlan& plan, const Stopwatch& loading);

}  // namespace reluscope
