#pragma once
// What a run directory has besides its rows.

#include <string>
#include <vector>

#include "config/spec.hpp"
#include "data/dataset.hpp"
#include "diagnose/run_tables.hpp"
#include "experiment/network_census.hpp"
#include "experiment/run.hpp"
#include "trace/checkpoint.hpp"
#include "trace/run_directory.hpp"

namespace reluscope {

/// What the manifest says besides the spec: the only place of a run that knows time, host and durations.
struct ManifestFacts {
  std::string status = "running";  ///< running, done, interrupted, failed
  int threads = 1;
  std::string started;  ///< ISO 8601, UTC
  double load_seconds = 0.0;
  double train_seconds = 0.0;         ///< whole run, measuring and writing included
  std::int64_t steps = 0;             ///< made in this process
  std::vector<std::int64_t> resumed;  ///< the steps at which the run was resumed, so far
  bool save_weights = false;          ///< the trained parameters are wanted: when it goes on, too
};

std::string manifest_json(const ExperimentSpec& spec, const Dataset& dataset, const ManifestFacts& facts);

/// The same of a census of given parameters.
struct CensusFacts {
  std::string status = "running";  ///< running, done
  DataPart part = DataPart::train;
  std::string compared_with;  ///< whose parameters; empty: nobody's
  int threads = 1;
  std::string started;  ///< ISO 8601, UTC
};
std::string census_manifest_json(const ExperimentSpec& spec, const Dataset& dataset, const CensusFacts& facts);
/// What a run's summary says, as far as a census knows it.
std::string census_summary_json(const ExperimentSpec& spec, const NetworkCensus& census, DataPart part);

/// What is known before the first step: features.csv, sites.csv and theory.csv. Throws IoError.
void write_start(const RunDirectory& directory, const ExperimentSpec& spec, const Dataset& dataset);

/// Who wrote it and of what: what must be the same where a run goes on from a checkpoint (and the build should be).
Checkpoint checkpoint_identity(const ExperimentSpec& spec, const Dataset& dataset);

/// Final figures. The same spec, data and build give the same bytes. `findings` is a JSON array.
std::string summary_json(const ExperimentSpec& spec, const RunSummary& summary, const std::string& verdict,
                         const std::string& findings);

/// What rules read besides the tables, from a run that is still in memory; it is what they find in its summary later.
void note_end(RunTables& tables, const ExperimentSpec& spec, const RunSummary& summary);

/// The present time, ISO 8601 in UTC.
std::string utc_now();

}  // namespace reluscope
