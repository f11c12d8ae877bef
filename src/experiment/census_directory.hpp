#pragma once
// Where `reluscope census --out` writes: tables of a run, as far as a census has them, with a manifest that says so.

#include <filesystem>
#include <span>

#include "experiment/documents.hpp"
#include "trace/run_directory.hpp"

namespace reluscope {

class CensusDirectory {
 public:
  /// Takes the directory for this process. A census that is there will be replaced; UsageError where it holds a run, or
  /// a file that is read; IoError, also for links on the way that lie in `run`, the directory of the run looked at
  /// (empty: none is).
  CensusDirectory(const std::filesystem::path& directory, const std::filesystem::path& run,
                  std::span<const std::filesystem::path> inputs);

  /// sites.csv, census.csv, units.csv, summary.json and manifest.json, and changes.csv where there are any. The
  /// manifest comes first, and says `done` only once all is there. Throws IoError.
  void write(const ExperimentSpec& spec, const Dataset& dataset, const NetworkCensus& census,
             const std::vector<ChangeRecord>& changes, CensusFacts facts) const;

 private:
  RunLock lock_;
};

}  // namespace reluscope
