#pragma once
// The page of a comparison or a sweep: which variant, and why, in pictures.

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "report/compare_report.hpp"
#include "report/html_report.hpp"

namespace reluscope {

/// One run of a variant, for what the figures of all its runs do not say.
struct RunDetail {
  std::shared_ptr<const RunTables> tables;  ///< null: it was not kept
  nlohmann::ordered_json config;            ///< with every default filled in
  std::uint64_t seed = 0;
};

struct ComparisonPage {
  std::string title;
  std::vector<std::string> keys;  ///< what is varied, by short names
  ComparedRuns runs;
  ComparedFigures figures;         ///< of those that are shown
  std::vector<RunDetail> details;  ///< of those; empty: of none
};

/// A self-contained page, as html_report makes it.
HtmlReport comparison_page(const ComparisonPage& page);

}  // namespace reluscope
