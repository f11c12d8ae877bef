#pragma once
// One self-contained HTML page about a run, or about several.

#include <string>
#include <vector>

#include "report/report_run.hpp"

namespace reluscope {

struct HtmlReport {
  std::string page;
  std::string without_charts;  ///< why it has none, as the page says too; empty: it has them
};

/// The page. Whatever comes from a config or a file is escaped, and a Content-Security-Policy forbids every fetch.
/// Where gnuplot is missing it has the numbers alone. Throws IoError where gnuplot fails.
HtmlReport html_report(std::vector<ReportRun> runs);

}  // namespace reluscope
