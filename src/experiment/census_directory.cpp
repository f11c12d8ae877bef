#include "experiment/census_directory.hpp"

#include "experiment/given_network.hpp"
#include "trace/table_writer.hpp"
#include "util/error.hpp"
#include "util/output_place.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

constexpr const char* kChanges = "changes.csv";

std::filesystem::path checked(const std::filesystem::path& directory, const std::filesystem::path& run,
                              std::span<const std::filesystem::path> inputs) {
  refuse_links_within(run, directory);
  const std::string out = "--out " + directory.string();
  const std::string file = RunDirectory::find_file(directory);
  if (!file.empty() && !holds_census(directory))
    throw UsageError(out + " holds a run (" + file + "), whose files would be overwritten: choose another directory");
  for (const char* name : {RunDirectory::kSites, RunDirectory::kCensus, RunDirectory::kUnits, kChanges,
                           RunDirectory::kSummary, RunDirectory::kManifest})
    refuse_overwriting(out, directory / name, inputs);
  return directory;
}

}  // namespace

CensusDirectory::CensusDirectory(const std::filesystem::path& directory, const std::filesystem::path& run,
                                 std::span<const std::filesystem::path> inputs)
    : lock_(checked(directory, run, inputs)) {
  checked(directory, run, inputs);  // somebody may have come between
}

void CensusDirectory::write(const ExperimentSpec& spec, const Dataset& dataset, const NetworkCensus& census,
                            const std::vector<ChangeRecord>& changes, CensusFacts facts) const {
  std::vector<SiteRecord> sites;
  std::vector<CensusRecord> rows;
  std::vector<UnitRecord> units;
  for (const SiteCensus& site : census.sites) {
    sites.push_back(site.site);
    rows.push_back(site.row);
    units.insert(units.end(), site.units.begin(), site.units.end());
  }
  const std::filesystem::path& place = lock_.directory();
  facts.status = "running";
  write_file_atomically(place / RunDirectory::kManifest, census_manifest_json(spec, dataset, facts));
  std::error_code error;
  std::filesystem::remove(place / kChanges, error);
  if (error) throw IoError("cannot remove '" + (place / kChanges).string() + "': " + error.message());
  write_file_atomically(place / RunDirectory::kSites, csv_text(sites));
  write_file_atomically(place / RunDirectory::kCensus, csv_text(rows));
  write_file_atomically(place / RunDirectory::kUnits, csv_text(units));
  if (!changes.empty()) write_file_atomically(place / kChanges, csv_text(changes));
  write_file_atomically(place / RunDirectory::kSummary, census_summary_json(spec, census, facts.part));
  facts.status = "done";
  write_file_atomically(place / RunDirectory::kManifest, census_manifest_json(spec, dataset, facts));
}

}  // namespace reluscope
