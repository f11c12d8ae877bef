#pragma once
// manifest.json and summary.json.

#include <string>

#include "config/spec.hpp"
#include "data/dataset.hpp"
#include "experiment/run.hpp"

namespace reluscope {

/// What the manifest says besides the spec: the only place of a run that knows time, host and durations.
struct ManifestFacts {
  std::string status = "running";  ///< running, done, interrupted, failed
  int threads = 1;
  std::string started;  ///< ISO 8601, UTC
  double load_seconds = 0.0;
  double train_seconds = 0.0;  ///< whole run, measuring and writing included
  std::int64_t steps = 0;
};

std::string manifest_json(const ExperimentSpec& spec, const Dataset& dataset, const ManifestFacts& facts);

/// Final figures. The same spec, data and build give the same bytes. `findings` is a JSON array.
std::string summary_json(const ExperimentSpec& spec, const RunSummary& summary, const std::string& verdict,
                         const std::string& findings);

/// The present time, ISO 8601 in UTC.
std::string utc_now();

}  // namespace reluscope
