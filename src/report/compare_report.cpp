#include "report/compare_report.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "util/format.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

const Metric& metric_called(const std::string& name) {
  const auto metrics = metric_table();
  return *std::find_if(metrics.begin(), metrics.end(), [&](const Metric& metric) { return metric.name == name; });
}

/// Whether the interval says that the variant is better or worse than the first one, or leaves it open.
std::string judgement(const Comparison& row, bool larger_is_better) {
  const bool above = row.difference.low > 0.0;
  const bool below = row.difference.high < 0.0;
  if (!above && !below) return "";
  return above == larger_is_better ? "better" : "worse";
}

}  // namespace

std::string difference_text(const Estimate& difference, double scale) {
  const auto number = [scale](double value) { return format_short(scale * value); };
  const std::string sign = difference.value > 0.0 ? "+" : "";
  if (!std::isfinite(difference.low)) return sign + number(difference.value);
  return sign + number(difference.value) + " [" + number(difference.low) + ", " + number(difference.high) + "]";
}

std::string comparison_table(const std::vector<Comparison>& rows, TableStyle style) {
  std::vector<std::vector<std::string>> cells;
  std::string last;
  for (const Comparison& row : rows) {
    const Metric& metric = metric_called(row.metric);
    const std::string title = row.data.empty() ? metric.doc : row.data + ' ' + metric.doc;
    cells.push_back({row.metric == last ? "" : title, row.variant,
                     row.runs > 0 ? format_short(metric.scale * row.median) : "-",
                     row.difference.count > 0 ? difference_text(row.difference, metric.scale) : "",
                     judgement(row, metric.larger_is_better),
                     std::to_string(row.runs) + (row.failed > 0 ? ", " + std::to_string(row.failed) + " failed" : "")});
    last = row.metric;
  }
  return format_table({"figure", "variant", "median", "paired difference [95 %]", "", "runs"}, cells, 2, style);
}

std::string comparison_json(const std::vector<Comparison>& rows) {
  using Json = nlohmann::ordered_json;
  Json document = Json::array();
  for (const Comparison& row : rows)
    document.push_back({{"metric", row.metric},
                        {"data", row.data.empty() ? Json(nullptr) : Json(row.data)},
                        {"variant", row.variant},
                        {"median", number_or_null(row.median)},
                        {"runs", row.runs},
                        {"failed", row.failed},
                        {"difference", row.difference.count > 0 ? Json{{"median", number_or_null(row.difference.value)},
                                                                       {"low", number_or_null(row.difference.low)},
                                                                       {"high", number_or_null(row.difference.high)},
                                                                       {"pairs", row.difference.count}}
                                                                : Json(nullptr)}});
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace reluscope
