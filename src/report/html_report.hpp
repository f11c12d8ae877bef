#pragma once
// One self-contained HTML page about a run, or about several.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "diagnose/diagnosis.hpp"

namespace reluscope {

/// A change in the life of a unit, from events.jsonl.
struct LifeRecord {
  std::int64_t step = 0;
  std::string event;  ///< born_dead, inherited, died, revived, locked
  std::int64_t layer = 0;
  std::int64_t unit = 0;
  std::string cause;
};

/// All that a run directory holds.
struct ReportRun {
  std::string name;
  RunTables tables;
  std::vector<LifeRecord> lives;
  nlohmann::ordered_json manifest;  ///< null where there is none
  nlohmann::ordered_json summary;
  Diagnosis diagnosis;
};

/// Throws DataError for a directory that is none of a run, or a file that cannot be read.
ReportRun read_report_run(const std::filesystem::path& directory);

/// The page. Whatever comes from a config or a file is escaped, and a Content-Security-Policy forbids every fetch.
/// Throws IoError where the charts cannot be drawn.
std::string html_report(const std::vector<ReportRun>& runs);

/// Text with what HTML would take for markup escaped.
std::string html_escape(std::string_view text);

}  // namespace reluscope
