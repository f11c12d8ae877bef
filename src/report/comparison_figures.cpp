#include "report/comparison_figures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "data/cells.hpp"
#include "diagnose/run_tables.hpp"
#include "report/activation_figures.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

/// Resamples for a band: there is one at each evaluation.
constexpr std::size_t kBandResamples = 1000;
/// Deaths that are shown of the reference.
constexpr std::size_t kDeaths = 4;
constexpr const char* kBandNote = "Line: median over the seeds; band: its 95 % bootstrap interval.";

const std::vector<Trial>& trials_of(const ComparisonPage& page, std::size_t at) {
  return page.runs.trials[page.figures.shown[at]];
}

Series new_series(const ComparisonPage& page, std::size_t at) {
  Series series;
  series.name = page.figures.names[at];
  if (const std::int64_t failed = failures_of(page.runs, page.figures.shown[at]); failed > 0)
    series.name += " (" + std::to_string(failed) + " of " + std::to_string(page.runs.seeds.size()) + " failed)";
  series.color = category_color(at);
  return series;
}

/// Removes what belongs to places before `first`.
void drop_before(double first, std::vector<double>& x, std::initializer_list<std::vector<double>*> values) {
  const auto count = std::lower_bound(x.begin(), x.end(), first) - x.begin();
  for (std::vector<double>* some : values) some->erase(some->begin(), some->begin() + count);
  x.erase(x.begin(), x.begin() + count);
}

/// Where the beginning is far from all that follows, the chart shows what follows.
void look_at_the_end(Figure& figure) {
  if (figure.chart.log_y) return;
  constexpr double kBeginning = 0.2;  // of the steps
  constexpr double kFar = 3.0;
  double last = 0.0;
  for (const Series& series : figure.chart.series) last = std::max(last, series.x.back());
  std::pair<double, double> all(std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity());
  std::pair<double, double> later = all;
  for (const Series& series : figure.chart.series)
    for (const auto& [x, y] : {std::pair(&series.x, &series.y), std::pair(&series.band_x, &series.low),
                               std::pair(&series.band_x, &series.high)})
      for (std::size_t at = 0; at < y->size(); ++at) {
        const double value = (*y)[at];
        if (!std::isfinite(value)) continue;
        all = {std::min(all.first, value), std::max(all.second, value)};
        if ((*x)[at] >= kBeginning * last) later = {std::min(later.first, value), std::max(later.second, value)};
      }
  if (!(later.first < later.second) || all.second - all.first < kFar * (later.second - later.first)) return;
  for (Series& series : figure.chart.series) {
    drop_before(kBeginning * last, series.x, {&series.y});
    drop_before(kBeginning * last, series.band_x, {&series.low, &series.high});
  }
  figure.chart.note += " The beginning is left out.";
}

/// A line with its band for each variant, of a column of evaluation.csv.
template <class Get>
void add_curves(const ComparisonPage& page, Figure figure, Get get, std::vector<Figure>& figures) {
  for (std::size_t at = 0; at < page.figures.shown.size(); ++at) {
    std::map<std::int64_t, std::vector<double>> values;
    for (const Trial& trial : trials_of(page, at))
      for (const EvaluationRecord& row : trial.curve)
        if (const std::optional<double> value = get(row)) values[row.step].push_back(*value);
    Series series = new_series(page, at);
    std::size_t most = 0;
    for (const auto& [step, some] : values) most = std::max(most, some.size());
    for (const auto& [step, some] : values) {
      if (some.size() < most) continue;  // a run that failed has ended
      series.x.push_back(static_cast<double>(step));
      series.y.push_back(median(some));
      if (some.size() < 3) continue;
      const Estimate estimate = bootstrap_median(some, kBandResamples);
      series.band_x.push_back(static_cast<double>(step));
      series.low.push_back(estimate.low);
      series.high.push_back(estimate.high);
    }
    if (!series.x.empty()) figure.chart.series.push_back(std::move(series));
  }
  if (!has_points(figure)) return;
  look_at_the_end(figure);
  finish(figure);
  figures.push_back(std::move(figure));
}

/// A row for each variant: its runs as dots, their range as a line.
void add_dots(const ComparisonPage& page, Figure figure, const std::string& metric, std::vector<Figure>& figures) {
  const Metric& what = metric_called(metric);
  const std::size_t count = page.figures.shown.size();
  figure.head = {"", "median", "least", "greatest", "runs"};
  bool any = false;
  std::pair<double, double> range(std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity());
  for (std::size_t at = 0; at < count; ++at) {
    Series series = new_series(page, at);
    series.points = true;
    for (const Trial& trial : trials_of(page, at)) {
      const double value = what.scale * what.value(trial);
      if (std::isnan(value)) continue;
      series.x.push_back(value);
      series.y.push_back(static_cast<double>(count - at));
    }
    std::sort(series.x.begin(), series.x.end());
    any = any || !series.x.empty();
    for (const double value : series.x) range = {std::min(range.first, value), std::max(range.second, value)};
    figure.rows.push_back({series.name, series.x.empty() ? "" : what.text(median(series.x) / what.scale),
                           series.x.empty() ? "" : what.text(series.x.front() / what.scale),
                           series.x.empty() ? "" : what.text(series.x.back() / what.scale),
                           std::to_string(series.x.size())});
    figure.chart.series.push_back(std::move(series));
  }
  if (!any) return;
  figure.chart.x_label = figure.chart.y_label;
  figure.chart.y_label.clear();
  // Dots on the frame would be cut.
  const double room = range.second > range.first ? 0.04 * (range.second - range.first) : 0.5;
  figure.chart.x_min = range.first - room;
  figure.chart.x_max = range.second + room;
  figure.chart.named_y = true;
  figure.chart.y_min = 0.0;
  figure.chart.y_max = static_cast<double>(count) + 1.0;
  figure.chart.height = static_cast<int>(std::min<std::size_t>(300, 110 + 22 * count));
  finish(figure);
  figures.push_back(std::move(figure));
}

/// A line over the layers for each variant.
template <class Get>
void add_depth(const ComparisonPage& page, Figure figure, Get get, std::vector<Figure>& figures) {
  figure.chart.x_label = "layer";
  figure.chart.whole_x = true;
  for (std::size_t at = 0; at < page.details.size(); ++at) {
    if (!page.details[at].tables) continue;
    for (Series& series : get(*page.details[at].tables, new_series(page, at)))
      if (!series.x.empty()) figure.chart.series.push_back(std::move(series));
  }
  if (!has_points(figure) || figure.chart.series.front().x.size() < 2) return;
  figure.chart.whole_x = figure.chart.series.front().x.size() <= 20;
  finish(figure, "layer");
  figure.legend.clear();
  for (std::size_t at = 0; at < page.figures.names.size(); ++at)
    figure.legend.push_back({category_color(at), page.figures.names[at]});
  figures.push_back(std::move(figure));
}

std::vector<Series> bias_shifts(const RunTables& tables, Series series) {
  std::map<std::int64_t, std::vector<double>> layers;
  for (const UnitRecord& unit : tables.units.rows)
    if (unit.a_mean && unit.role != Role::output) layers[unit.layer].push_back(*unit.a_mean);
  series.points = true;
  for (const auto& [layer, values] : layers) {
    series.x.push_back(static_cast<double>(layer));
    series.y.push_back(median(values));
  }
  return {series};
}

/// At the first recorded step, dashed, and at the last.
std::vector<Series> deltas(const RunTables& tables, const Series& blank) {
  std::vector<Series> both;
  if (tables.layers.rows.empty()) return both;
  for (const bool first : {true, false}) {
    const std::int64_t step = first ? tables.layers.rows.front().step : tables.layers.rows.back().step;
    Series series = blank;
    series.dashed = first;
    series.points = !first;
    series.name += first ? ", start" : ", end";
    for (const LayerRecord& row : tables.layers.rows) {
      if (row.step != step || !is_measured(row, &LayerRecord::delta_rms)) continue;
      series.x.push_back(static_cast<double>(row.layer));
      series.y.push_back(row.delta_rms);
    }
    both.push_back(std::move(series));
  }
  return both;
}

/// The learned slopes of each layer's units, sorted.
void add_slopes(const ComparisonPage& page, std::vector<Figure>& figures) {
  for (std::size_t at = 0; at < page.details.size(); ++at) {
    if (!page.details[at].tables) continue;
    std::map<std::int64_t, std::pair<std::string, std::vector<double>>> layers;
    for (const UnitRecord& unit : page.details[at].tables->units.rows)
      if (unit.slope && unit.role != Role::output) {
        layers[unit.layer].first = unit.name;
        layers[unit.layer].second.push_back(*unit.slope);
      }
    if (layers.empty()) continue;
    Figure figure = make_figure("slopes-" + std::to_string(at), "Learned slopes: " + page.figures.names[at],
                                "The slope that each unit has learned for z < 0, sorted, by layer; it began at the "
                                "dotted line. At 0 the unit is a ReLU, at 1 it is linear.",
                                "slope");
    figure.chart.x_label = "units of the layer, sorted";
    std::size_t number = 0;
    for (auto& [layer, named] : layers) {
      std::sort(named.second.begin(), named.second.end());
      Series& series = figure.chart.series.emplace_back();
      series.name = named.first;
      series.color = depth_color(number++, layers.size());
      for (const double slope : named.second) {
        series.x.push_back(static_cast<double>(series.x.size()));
        series.y.push_back(slope);
      }
    }
    const std::vector<Choice> activations = layer_activations(page.details[at].config);
    for (const Choice& choice : activations)
      if (choice.name == "prelu" && !figure.chart.guide) figure.chart.guide = choice.params.number("init");
    finish(figure, "unit");
    figures.push_back(std::move(figure));
  }
}

void add_costs(const ComparisonPage& page, std::vector<Figure>& figures) {
  if (page.figures.costs.empty()) return;
  const std::size_t count = page.figures.costs.size();
  Figure figure = make_figure("cost", "Cost of a step",
                              "One update without censuses and records, on one thread, timed in turns: microseconds. "
                              "The table has the ratio to the first, and φ alone, forward and backward, in ns for each "
                              "element.",
                              "");
  figure.chart.x_label = "microseconds per step";
  figure.head = {"", "µs per step", "× the first", "φ, ns per element"};
  double most = 0.0;
  for (std::size_t at = 0; at < count; ++at) {
    const StepCost& cost = page.figures.costs[at];
    if (std::isnan(cost.step_seconds)) continue;
    const double micro = 1e6 * cost.step_seconds;
    most = std::max(most, micro);
    figure.chart.bars.push_back({static_cast<double>(count - at), 0.0, micro, category_color(at)});
    figure.legend.push_back({category_color(at), page.figures.names[at]});
    figure.rows.push_back(
        {page.figures.names[at], format_short(micro), format_fixed(cost.ratio, 2), format_fixed(cost.element_ns, 2)});
  }
  if (figure.chart.bars.empty()) return;
  figure.chart.named_y = true;
  figure.chart.x_min = 0.0;
  figure.chart.x_max = 1.05 * most;
  figure.chart.y_min = 0.0;
  figure.chart.y_max = static_cast<double>(count) + 1.0;
  figure.chart.height = static_cast<int>(std::min<std::size_t>(300, 110 + 22 * count));
  figures.push_back(std::move(figure));
}

}  // namespace

std::vector<Figure> variant_figures(const ComparisonPage& page) {
  std::vector<Figure> figures;
  const bool held_out = judged_data(page.runs) == "held-out";
  const std::string part = held_out ? "Held-out" : "Training";
  add_curves(
      page,
      make_figure("curve-accuracy", part + " accuracy", "Higher is better. " + std::string(kBandNote), "accuracy, %"),
      [&](const EvaluationRecord& row) {
        const std::optional<double>& value = held_out ? row.test_accuracy : row.train_accuracy;
        return value ? std::optional(100.0 * *value) : std::nullopt;
      },
      figures);
  add_curves(
      page, make_figure("curve-loss", part + " loss", "Lower is better. " + std::string(kBandNote), "loss", true),
      [&](const EvaluationRecord& row) {
        return held_out ? row.test_loss : measured(row, &EvaluationRecord::train_loss);
      },
      figures);
  if (held_out)
    add_curves(
        page,
        make_figure("curve-train", "Training loss",
                    "How fast each converges: lower is better. " + std::string(kBandNote), "loss", true),
        [](const EvaluationRecord& row) { return measured(row, &EvaluationRecord::train_loss); }, figures);
  add_dots(page,
           make_figure("dots-dead", "Dead units at the end",
                       "A dot for each run: the share of its hidden units with φ' = 0 on every training sample. A "
                       "healthy network has none, or few.",
                       "dead units, %"),
           "dead", figures);
  add_dots(page,
           make_figure("dots-zeros", "Sparsity",
                       "A dot for each run: the share of hidden activations that are exactly 0 on the training set. "
                       "ReLU's zeros are cheap and no illness; those of dead units are for good.",
                       "zeros, %"),
           "zero_fraction", figures);
  add_depth(page,
            make_figure("bias-shift", "Bias shift by layer",
                        "Median over a layer's units of the mean activation on the training set, at the end (first "
                        "seed). Nearer to 0 is ELU's argument (Clevert et al. 2016).",
                        "mean activation"),
            bias_shifts, figures);
  add_depth(page,
            make_figure("depth", "Loss gradient by depth",
                        "RMS of ∂L/∂z in each layer, at the start (dashed) and at the end (first seed). Level is "
                        "healthy; falling towards layer 1 it vanishes, rising it explodes.",
                        "delta RMS", true),
            deltas, figures);
  add_slopes(page, figures);
  add_costs(page, figures);
  return figures;
}

std::vector<Figure> explaining_figures(const ComparisonPage& page) {
  std::vector<Figure> figures;
  for (std::size_t at = 0; at < page.details.size(); ++at) {
    if (!page.details[at].tables) continue;
    for (Figure& figure : activation_figure(*page.details[at].tables, layer_activations(page.details[at].config),
                                            "phi-" + std::to_string(at), page.figures.names[at], category_color(at)))
      figures.push_back(std::move(figure));
  }
  if (page.details.empty() || !page.details.front().tables) return figures;
  for (Figure& figure :
       death_figures(*page.details.front().tables, layer_activations(page.details.front().config), kDeaths)) {
    figure.chart.title = "A death of " + page.figures.names.front() + ": " + figure.chart.title;
    figures.push_back(std::move(figure));
  }
  return figures;
}

std::vector<Figure> factor_figures(const ComparisonPage& page) {
  std::vector<Figure> figures;
  if (page.keys.size() != 2) return figures;
  for (const std::string& name : {page.figures.recommendation.by, std::string("dead")}) {
    const Metric& metric = metric_called(name);
    if (!figures.empty() && name == page.figures.recommendation.by) continue;
    const std::string data = metric.judged ? judged_data(page.runs) + " " : "";
    Figure figure =
        make_figure("factor-" + name, first_letter_large(data + metric.noun) + " by " + page.keys[1],
                    "Median over the seeds; band: from the least to the greatest run. A setting all of whose "
                    "runs failed has no point.",
                    metric.title());
    figure.chart.x_label.clear();
    std::vector<std::string> lines;
    for (const Variant& variant : page.runs.variants)
      if (std::find(lines.begin(), lines.end(), variant.settings[0]) == lines.end())
        lines.push_back(variant.settings[0]);
    std::vector<double> all;
    for (std::size_t line = 0; line < lines.size(); ++line) {
      std::map<double, std::size_t> points;
      for (std::size_t variant = 0; variant < page.runs.variants.size(); ++variant) {
        const std::vector<std::string>& settings = page.runs.variants[variant].settings;
        const std::optional<double> x = parse_number(settings[1]);
        if (!x) return figures;
        if (settings[0] == lines[line]) points[*x] = variant;
      }
      Series series;
      series.name = lines[line];
      series.color = category_color(line);
      series.points = true;
      for (const auto& [x, variant] : points) {
        all.push_back(x);
        std::vector<double> values;
        for (const Trial& trial : page.runs.trials[variant])
          if (const double value = metric.scale * metric.value(trial); std::isfinite(value)) values.push_back(value);
        if (values.empty()) continue;
        const auto [least, greatest] = std::minmax_element(values.begin(), values.end());
        series.x.push_back(x);
        series.y.push_back(median(values));
        series.band_x.push_back(x);
        series.low.push_back(*least);
        series.high.push_back(*greatest);
      }
      figure.chart.series.push_back(std::move(series));
    }
    const auto [least, greatest] = std::minmax_element(all.begin(), all.end());
    if (!has_points(figure) || !(*least < *greatest)) return figures;
    constexpr double kDecade = 8.0;
    figure.chart.log_x = *least > 0.0 && *greatest / *least >= kDecade;
    figure.chart.x_min = *least;
    figure.chart.x_max = *greatest;
    finish(figure, page.keys[1]);
    figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace reluscope
