#include "report/compare_report.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "util/format.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

/// A line with the metric, and under it one for each variant: they may have long names.
std::string deciding_table(const ComparedFigures& figures, TableStyle style) {
  std::vector<std::vector<std::string>> cells;
  std::string last;
  for (const Comparison& row : figures.rows) {
    const Metric& metric = metric_called(row.metric);
    if (!metric.decides) continue;
    if (row.metric != last) cells.push_back({title_of(row), "", "", "", ""});
    cells.push_back({"  " + row.variant, row.runs > 0 ? metric.text(row.median) : "-",
                     row.difference.count > 0 ? difference_text(row.difference, metric.scale) : "", judgement(row),
                     std::to_string(row.runs) + (row.failed > 0 ? ", " + std::to_string(row.failed) + " failed" : "")});
    last = row.metric;
  }
  return format_table({"", "median", "paired difference [95 %]", "", "runs"}, cells, 1, style);
}

/// A column of the table of medians.
struct Median {
  const char* metric;
  const char* title;
};
constexpr Median kMedians[] = {{"bias_shift", "bias shift"},
                               {"zero_fraction", "zeros %"},
                               {"grad_decay_start", "first/last"},
                               {"grad_decay_end", "at the end"},
                               {"slope_mean", "slope"}};

std::string median_table(const ComparedFigures& figures, TableStyle style, std::size_t width) {
  std::vector<std::string> header = {figures.heading};
  std::vector<std::vector<std::string>> cells;
  for (const Comparison& row : figures.rows)
    if (row.metric == figures.rows.front().metric) cells.push_back({row.variant});
  for (const Median& column : kMedians) {
    std::size_t variant = 0;
    for (const Comparison& row : figures.rows) {
      if (row.metric != column.metric) continue;
      if (variant == 0) header.emplace_back(column.title);
      const double value = metric_called(row.metric).scale * row.median;
      constexpr double kDigits = 1e3;  // three of them
      cells[variant++].push_back(row.runs == 0 ? "-"
                                 : std::abs(value) < kDigits && std::abs(value) >= 0.01
                                     ? format_fixed(value, std::abs(value) < 10.0 ? 2 : 1)
                                     : format_short(value));
    }
  }
  if (!figures.costs.empty()) {
    header.insert(header.end(), {"µs/step", "×", "φ ns"});
    for (std::size_t at = 0; at < cells.size(); ++at) {
      const StepCost& cost = figures.costs[at];
      cells[at].push_back(std::isnan(cost.step_seconds) ? "-" : format_short(1e6 * cost.step_seconds));
      cells[at].push_back(std::isnan(cost.ratio) ? "-" : format_fixed(cost.ratio, 2));
      cells[at].push_back(std::isnan(cost.element_ns) ? "-" : format_fixed(cost.element_ns, 2));
    }
  }
  return header.size() < 2
             ? ""
             : format_table(header, cells, 1, style, width, {"slope", "at the end", "first/last", "φ ns", "µs/step"});
}

}  // namespace

void choose_shown(ComparedFigures& figures, const ComparedRuns& runs, const std::vector<std::string>& keys,
                  const std::string& by, bool rates_swept) {
  figures.heading = keys.size() == 1 ? keys.front() : "setting";
  if (rates_swept) {
    figures.shown = best_of_each(runs, by);
  } else {
    figures.shown.resize(runs.variants.size());
    std::iota(figures.shown.begin(), figures.shown.end(), std::size_t{0});
  }
}

void conclude(ComparedFigures& figures, const ComparedRuns& runs, const std::string& by, bool rates_swept) {
  for (const std::size_t variant : figures.shown)
    figures.names.push_back(rates_swept ? runs.variants[variant].settings.front() : runs.variants[variant].name);
  figures.rows = compare(runs, figures.shown);
  figures.recommendation = recommend(runs, figures.shown, figures.names, by);
  if (!rates_swept) return;
  for (std::string& note : rate_notes(runs, figures.shown, figures.names))
    figures.recommendation.notes.push_back(std::move(note));
}

std::string title_of(const Comparison& row) {
  return (row.data.empty() ? "" : row.data + ' ') + metric_called(row.metric).title();
}

std::string judgement(const Comparison& row) {
  const Better better = metric_called(row.metric).better;
  const bool above = row.difference.low > 0.0;
  const bool below = row.difference.high < 0.0;
  if (better == Better::neither || (!above && !below)) return "";
  return above == (better == Better::larger) ? "better" : "worse";
}

std::string comparison_table(const ComparedFigures& figures, TableStyle style, std::size_t width) {
  const std::string medians = median_table(figures, style, width);
  return deciding_table(figures, style) + (medians.empty() ? "" : "\n" + medians);
}

std::string recommendation_text(const ComparedFigures& figures, std::size_t width) {
  std::string text = wrap(figures.recommendation.sentence, width) + "\n";
  for (const std::string& note : figures.recommendation.notes) text += wrap("  " + note, width, "  ") + "\n";
  return text;
}

std::string comparison_json(const ComparedFigures& figures) {
  using Json = nlohmann::ordered_json;
  Json rows = Json::array();
  for (const Comparison& row : figures.rows)
    rows.push_back({{"metric", row.metric},
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
  const Recommendation& advice = figures.recommendation;
  Json choice = nullptr;
  for (std::size_t at = 0; at < figures.shown.size(); ++at)
    if (advice.choice == figures.shown[at]) choice = figures.names[at];
  Json costs = Json::array();
  for (std::size_t at = 0; at < figures.costs.size(); ++at)
    costs.push_back({{"variant", figures.names[at]},
                     {"step_us", number_or_null(1e6 * figures.costs[at].step_seconds)},
                     {"ratio", number_or_null(figures.costs[at].ratio)},
                     {"element_ns", number_or_null(figures.costs[at].element_ns)}});
  const Json document = {{"recommendation",
                          {{"by", advice.by},
                           {"choice", choice},
                           {"keeps", advice.keeps},
                           {"sentence", advice.sentence},
                           {"notes", advice.notes}}},
                         {"figures", rows},
                         {"costs", costs}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace reluscope
