#pragma once
// What a run writes while it goes on: its directory, the tables of --trace, the progress on a terminal.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/run.hpp"
#include "config/spec.hpp"
#include "report/progress_bar.hpp"
#include "trace/run_directory.hpp"
#include "trace/trace_stream.hpp"

namespace reluscope {

/// --trace TABLE=PATH; "-" is standard output, by whatever name it was given.
struct TraceWish {
  std::string table;
  std::string path;
};

/// Throws UsageError for a table that does not exist, and where two things would go to standard output.
std::vector<TraceWish> parse_traces(const RunOptions& options);

/// Nothing that the run writes may be what it reads, or be written twice. Throws UsageError.
void check_outputs(const RunOptions& options, const std::vector<TraceWish>& wishes, const ExperimentSpec& spec,
                   const std::filesystem::path& directory);

/// Everything that writes while the run goes on.
struct Outputs {
  Tee all;
  std::shared_ptr<RunDirectory> directory;
  std::vector<std::shared_ptr<TraceStream>> streams;
  std::shared_ptr<ProgressBar> bar;
  bool stdout_taken = false;
};

/// `from`: the checkpoint where the run goes on; nullptr: it begins. Throws IoError.
void open_outputs(Outputs& out, const RunOptions& options, const std::vector<TraceWish>& wishes, RunLock lock,
                  const std::string& manifest, const Checkpoint* from, bool quiet);

}  // namespace reluscope
