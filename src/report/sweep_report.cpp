#include "report/sweep_report.hpp"

#include <algorithm>
#include <cmath>

#include "util/format.hpp"

namespace reluscope {

namespace {

std::string median_and_range(const std::vector<Trial>& trials, const Metric& metric) {
  std::vector<double> values;
  for (const Trial& trial : trials)
    if (const double value = metric.scale * metric.value(trial); !std::isnan(value)) values.push_back(value);
  if (values.empty()) return "-";
  std::sort(values.begin(), values.end());
  const std::string middle = format_short(median(values));
  if (values.front() == values.back()) return middle;
  return middle + " [" + format_short(values.front()) + ", " + format_short(values.back()) + "]";
}

}  // namespace

std::string sweep_table(const ComparedResults& results, const SweepSummary& summary, std::size_t most,
                        TableStyle style) {
  std::vector<std::size_t> shown = summary.order;
  if (shown.size() > most) {
    shown.resize(most);
  } else {
    std::sort(shown.begin(), shown.end());
  }
  std::vector<std::string> head = results.names;
  head.insert(head.end(), {"runs", "failed"});
  std::vector<const Metric*> metrics;
  for (const char* name : {"accuracy", "loss", "dead"}) {
    const Metric& metric = metric_called(name);
    const bool any = std::any_of(shown.begin(), shown.end(), [&](std::size_t variant) {
      return !std::isnan(median_of(results.runs, metric, variant));
    });
    if (!any) continue;
    metrics.push_back(&metric);
    head.push_back(metric.name == "dead" ? "dead, %" : metric.title);
  }
  std::vector<std::vector<std::string>> rows;
  for (const std::size_t variant : shown) {
    std::vector<std::string>& row = rows.emplace_back(results.runs.variants[variant].settings);
    const std::int64_t failed = failures_of(results.runs, variant);
    row.push_back(std::to_string(results.runs.trials[variant].size()));
    row.push_back(failed > 0 ? std::to_string(failed) : "");
    for (const Metric* metric : metrics) row.push_back(median_and_range(results.runs.trials[variant], *metric));
  }
  std::string text = format_table(head, rows, results.names.size(), style);
  if (summary.order.size() > most) text += "… and " + std::to_string(summary.order.size() - most) + " other settings\n";
  return text;
}

}  // namespace reluscope
