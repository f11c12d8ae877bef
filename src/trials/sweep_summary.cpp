#include "trials/sweep_summary.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "trials/recommend.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

/// What is better goes first.
double cost_of(const ComparedRuns& runs, const Metric& metric, std::size_t variant) {
  const double middle = median_of(runs, metric, variant);
  if (std::isnan(middle)) return std::numeric_limits<double>::infinity();
  return metric.better == Better::larger ? -middle : middle;
}

/// How the second best compares: "…; lr=0.1 cannot be told from it (-0.3 [-0.9, 0.2])".
std::string compare_with_next(const ComparedRuns& runs, const Metric& metric, std::size_t best, std::size_t next) {
  const Estimate difference = paired_difference(runs, metric, next, best);
  if (difference.count < 3) return "";
  const std::string text = difference_text(difference, metric.scale);
  const bool open = difference.low <= 0.0 && difference.high >= 0.0;
  return "; the next one, " + runs.variants[next].name + ", " +
         (open ? "cannot be told from it: it differs by " : "differs by ") + text;
}

}  // namespace

SweepSummary summarize(const ComparedRuns& runs, const std::string& by) {
  SweepSummary summary;
  const auto has = [&](const std::string& name) {
    if (name.empty()) return false;
    for (std::size_t variant = 0; variant < runs.variants.size(); ++variant)
      if (!std::isnan(median_of(runs, metric_called(name), variant))) return true;
    return false;
  };
  summary.by = has(by) ? by : usual_metric(runs);
  const Metric& metric = metric_called(summary.by);
  std::vector<std::pair<std::int64_t, double>> costs;
  std::int64_t failed = 0;
  std::int64_t all = 0;
  for (std::size_t variant = 0; variant < runs.variants.size(); ++variant) {
    costs.emplace_back(failures_of(runs, variant), cost_of(runs, metric, variant));
    failed += costs.back().first;
    all += std::ssize(runs.trials[variant]);
  }
  summary.order.resize(runs.variants.size());
  std::iota(summary.order.begin(), summary.order.end(), std::size_t{0});
  std::stable_sort(summary.order.begin(), summary.order.end(),
                   [&](std::size_t left, std::size_t right) { return costs[left] < costs[right]; });
  const std::size_t best = summary.order.front();
  if (!std::isfinite(costs[best].second)) {
    summary.sentence = failed == all ? "Every run failed." : "No run has the figure that decides, " + summary.by + ".";
    return summary;
  }
  const std::int64_t seeds = std::ssize(runs.seeds);
  summary.sentence = "Best by " + (metric.judged ? judged_data(runs) + " " : std::string()) + metric.noun + ": " +
                     runs.variants[best].name + " with " + median_and_range(runs, metric, best) +
                     (metric.unit.empty() ? "" : " " + metric.unit) + " over " + std::to_string(seeds) +
                     (seeds == 1 ? " seed" : " seeds");
  if (summary.order.size() > 1) summary.sentence += compare_with_next(runs, metric, best, summary.order[1]);
  summary.sentence += ".";
  if (failed > 0) summary.notes.push_back(std::to_string(failed) + " of " + std::to_string(all) + " runs failed.");
  return summary;
}

}  // namespace reluscope
