#pragma once
// One self-contained HTML page about a run, or about several.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "diagnose/diagnosis.hpp"
#include "trace/life_reader.hpp"

namespace reluscope {

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

struct HtmlReport {
  std::string page;
  std::string without_charts;  ///< why it has none, as the page says too; empty: it has them
};

/// The page. Whatever comes from a config or a file is escaped, and a Content-Security-Policy forbids every fetch.
/// Where gnuplot is missing it has the numbers alone. Throws IoError where gnuplot fails.
HtmlReport html_report(const std::vector<ReportRun>& runs);

/// Text with what HTML would take for markup escaped.
std::string html_escape(std::string_view text);

}  // namespace reluscope
