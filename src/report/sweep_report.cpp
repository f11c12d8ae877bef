#include "report/sweep_report.hpp"

#include <algorithm>
#include <cmath>

#include "util/format.hpp"

namespace reluscope {

namespace {

/// The metrics that any of these settings has: the one that decides first, then those that matter most.
std::vector<const Metric*> metrics_of(const ComparedRuns& runs, std::span<const std::size_t> shown,
                                      const std::string& by) {
  std::vector<const Metric*> metrics;
  for (const std::string& name : {by, std::string("dead"), std::string("loss"), std::string("accuracy")}) {
    const Metric& metric = metric_called(name);
    const bool any = std::any_of(shown.begin(), shown.end(),
                                 [&](std::size_t variant) { return !std::isnan(median_of(runs, metric, variant)); });
    if (any && std::find(metrics.begin(), metrics.end(), &metric) == metrics.end()) metrics.push_back(&metric);
  }
  return metrics;
}

std::string table_with(const ComparedResults& results, std::span<const std::size_t> shown,
                       std::span<const Metric* const> metrics, TableStyle style) {
  std::vector<std::string> head = results.names;
  head.insert(head.end(), {"runs", "failed"});
  for (const Metric* metric : metrics) head.push_back(metric->name == "dead" ? "dead, %" : metric->title());
  std::vector<std::vector<std::string>> rows;
  for (const std::size_t variant : shown) {
    std::vector<std::string>& row = rows.emplace_back(results.runs.variants[variant].settings);
    const std::int64_t failed = failures_of(results.runs, variant);
    row.push_back(std::to_string(results.runs.trials[variant].size()));
    row.push_back(failed > 0 ? std::to_string(failed) : "");
    for (const Metric* metric : metrics) {
      const std::string text = median_and_range(results.runs, *metric, variant);
      row.push_back(text.empty() ? "-" : text);
    }
  }
  return format_table(head, rows, results.names.size(), style);
}

}  // namespace

std::string sweep_table(const ComparedResults& results, const SweepSummary& summary, std::size_t most, TableStyle style,
                        std::size_t width) {
  std::vector<std::size_t> shown = summary.order;
  if (shown.size() > most) {
    shown.resize(most);
  } else {
    std::sort(shown.begin(), shown.end());
  }
  std::vector<const Metric*> metrics = metrics_of(results.runs, shown, summary.by);
  std::string text = table_with(results, shown, metrics, style);
  while (metrics.size() > 1 && style == TableStyle::plain && code_points(text.substr(0, text.find('\n'))) > width) {
    metrics.pop_back();
    text = table_with(results, shown, metrics, style);
  }
  if (summary.order.size() > most) text += "… and " + std::to_string(summary.order.size() - most) + " other settings\n";
  return text;
}

}  // namespace reluscope
