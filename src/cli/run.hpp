#pragma once
// `reluscope run` without its command line: what to run, and how.

#include <string>
#include <vector>

#include "trace/table_writer.hpp"

namespace reluscope {

struct RunOptions {
  std::string config;
  std::vector<std::string> overrides;
  std::string out;
  std::string resume;
  bool force = false;
  std::vector<std::string> traces;
  std::string census = "exact";
  std::string fail_on;
  TraceFormat format = TraceFormat::csv;
  int threads = 0;  ///< 0: as many as there are CPUs
  bool print_config = false;
  bool json = false;
  bool markdown = false;
  bool strict = false;
  bool save_weights = false;
  bool data_is_said = false;  ///< what the data are has been said already
  std::string report;         ///< where the page goes; empty: there is none
};

/// Trains the network of the config with every layer watched, or goes on with a run, and tells what came of it. Returns
/// the exit code; throws UserError, and does not return where a signal ends the run.
int run_experiment_command(const RunOptions& options, bool quiet);

}  // namespace reluscope
