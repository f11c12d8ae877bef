#include "report/run_figures.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "report/activation_figures.hpp"
#include "report/learning_figures.hpp"
#include "report/lives_figure.hpp"
#include "util/format.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

/// Bands of more layers would hide the lines.
constexpr std::size_t kMostBands = 4;
/// Columns of a heat map.
constexpr std::size_t kMapColumns = 200;

/// A layer has one colour in all charts: by its place among all layers with units.
class LayerColors {
 public:
  explicit LayerColors(const RunTables& tables) {
    for (const LayerRecord& row : tables.layers.rows) note(measured(row, &LayerRecord::layer));
    for (const CensusRecord& row : tables.census.rows) note(measured(row, &CensusRecord::layer));
  }
  [[nodiscard]] std::string of(std::int64_t layer) const {
    return depth_color(static_cast<std::size_t>(std::max<std::int64_t>(1, layer) - 1), static_cast<std::size_t>(last_));
  }

 private:
  void note(std::optional<std::int64_t> layer) { last_ = std::max(last_, layer.value_or(0)); }
  std::int64_t last_ = 1;
};

/// One line per layer, through the rows that have a value; `value` is a std::optional<double> of a row.
template <typename Record, typename Value>
std::vector<Series> layer_lines(const ReportRun& run, const std::vector<Record>& rows, const Value& value) {
  std::vector<Series> lines;
  const auto layers = list_layers(by_layer(rows));
  const LayerColors colors(run.tables);
  for (const auto& layer : layers) {
    Series& series = lines.emplace_back();
    series.name = layer.name;
    series.color = colors.of(layer.layer);
    for (const Record* row : layer.rows) {
      const std::optional<double> figure = value(*row);
      if (!figure) continue;
      series.x.push_back(static_cast<double>(row->step));
      series.y.push_back(*figure);
    }
  }
  return lines;
}

/// One line per layer of layers.csv; no figure where nothing was measured.
void add_layer_lines(const ReportRun& run, Figure figure, double LayerRecord::*member, std::vector<Figure>& figures) {
  figure.chart.series = layer_lines(run, run.tables.layers.rows, [member](const LayerRecord& row) {
    return is_measured(row, member) ? std::optional(row.*member) : std::nullopt;
  });
  if (!has_points(figure)) return;
  finish(figure);
  figures.push_back(std::move(figure));
}

void add_dead(const ReportRun& run, std::vector<Figure>& figures) {
  auto rows = hidden_layers(run.tables, run.tables.census.rows);
  for (auto& [number, some] : rows) std::erase_if(some, [](const CensusRecord* row) { return !dead_share(*row); });
  std::erase_if(rows, [](const auto& layer) { return layer.second.empty(); });
  const auto layers = list_layers(rows);
  if (layers.empty()) return;
  Figure lines = make_figure(
      "dead", "Dead units per layer",
      "Share of each hidden layer that is dead on the whole training set. Points: censuses, exact. Pale band: "
      "between them the share is proved to lie in it (dead_min to dead_max). Healthy: at 0, or a few per "
      "cent that stay.",
      "dead units, %");
  lines.chart.y_min = 0.0;
  lines.chart.y_max = 100.0;
  const auto recorded = list_layers(by_layer(run.tables.layers.rows));
  const LayerColors colors(run.tables);
  HeatMap map;
  std::set<std::int64_t> steps;
  for (const auto& layer : layers)
    for (const CensusRecord* row : layer.rows) steps.insert(row->step);
  const std::vector<std::int64_t> all(steps.begin(), steps.end());
  const std::size_t columns = std::min(kMapColumns, all.size());
  const double last = static_cast<double>(std::max<std::int64_t>(1, all.back()));
  for (std::size_t column = 0; column < columns; ++column)
    map.x.push_back(columns < 2 ? 0.0 : last * static_cast<double>(column) / static_cast<double>(columns - 1));
  for (std::size_t at = 0; at < layers.size(); ++at) {
    Series& series = lines.chart.series.emplace_back();
    series.name = layers[at].name;
    series.color = colors.of(layers[at].layer);
    series.points = layers[at].rows.size() <= 60;
    series.faint = true;  // its band, behind the line
    for (const CensusRecord* row : layers[at].rows) {
      series.x.push_back(static_cast<double>(row->step));
      series.y.push_back(100.0 * *dead_share(*row));
    }
    // The state at a column's step is that of the last census before it.
    std::vector<double>& cells = map.rows.emplace_back();
    std::size_t census = 0;
    for (const double step : map.x) {
      while (census + 1 < series.x.size() && series.x[census + 1] <= step + 0.5) ++census;
      cells.push_back(series.y[census] / 100.0);
    }
    for (const auto& layer : recorded) {
      if (layer.layer != layers[at].layer || layers.size() > kMostBands) continue;
      const std::size_t stride = std::max<std::size_t>(1, layer.rows.size() / kPoints);
      for (std::size_t row = 0; row < layer.rows.size(); row += stride) {
        const LayerRecord& one = *layer.rows[row];
        if (!one.dead_min || !one.dead_max || !is_measured(one, &LayerRecord::units)) continue;
        series.band_x.push_back(static_cast<double>(one.step));
        series.low.push_back(100.0 * static_cast<double>(*one.dead_min) / static_cast<double>(one.units));
        series.high.push_back(100.0 * static_cast<double>(*one.dead_max) / static_cast<double>(one.units));
      }
    }
  }
  finish(lines);
  figures.push_back(std::move(lines));
  if (columns < 2) return;
  Figure heat = make_figure("map", "Dead units, layer by layer over time",
                            "Each row is a hidden layer, the first one (nearest the input) at the bottom. Green: no "
                            "unit is dead. Healthy: all green.",
                            "layer");
  heat.chart.height = static_cast<int>(std::min<std::size_t>(420, 130 + 22 * map.rows.size()));
  heat.chart.heat = std::move(map);
  heat.legend = {{"#2f6f4f", "none dead"}, {"#f3e3b3", "some"}, {"#d95f02", "half"}, {"#5a0b0b", "all"}};
  figures.push_back(std::move(heat));
}

void add_theory(const ReportRun& run, std::vector<Figure>& figures) {
  Figure figure =
      make_figure("theory", "Signal and gradient at the start, against theory",
                  "Mean of z² and RMS of ∂L/∂z in each layer before the first update; dashed: what mean-field "
                  "theory predicts for wide layers. Healthy: level lines, near the dashed ones.",
                  "at step 0", true);
  figure.chart.x_label = "layer";
  figure.chart.whole_x = run.tables.theory.rows.size() <= 20;
  Series measured_q{"mean z², measured", category_color(0), {}, {}, {}, {}, {}, false, true};
  Series measured_delta{"RMS ∂L/∂z, measured", category_color(1), {}, {}, {}, {}, {}, false, true};
  for (const LayerRecord& row : run.tables.layers.rows) {
    if (measured(row, &LayerRecord::step) != 0 || !is_measured(row, &LayerRecord::layer)) continue;
    if (is_measured(row, &LayerRecord::z_std) && is_measured(row, &LayerRecord::z_mean)) {
      measured_q.x.push_back(static_cast<double>(row.layer));
      measured_q.y.push_back(row.z_std * row.z_std + row.z_mean * row.z_mean);
    }
    if (is_measured(row, &LayerRecord::delta_rms)) {
      measured_delta.x.push_back(static_cast<double>(row.layer));
      measured_delta.y.push_back(row.delta_rms);
    }
  }
  Series theory_q{"mean z², theory", category_color(0), {}, {}, {}, {}, {}, true, false};
  Series theory_delta{"RMS ∂L/∂z, theory", category_color(1), {}, {}, {}, {}, {}, true, false};
  for (const TheoryRecord& row : run.tables.theory.rows) {
    if (row.q) {
      theory_q.x.push_back(static_cast<double>(row.layer));
      theory_q.y.push_back(*row.q);
    }
    if (row.delta_rms) {
      theory_delta.x.push_back(static_cast<double>(row.layer));
      theory_delta.y.push_back(*row.delta_rms);
    }
  }
  if (std::max(measured_q.x.size(), measured_delta.x.size()) < 2) return;
  figure.chart.series = {measured_q, measured_delta};
  if (!theory_q.x.empty()) figure.chart.series.push_back(theory_q);
  if (!theory_delta.x.empty()) figure.chart.series.push_back(theory_delta);
  finish(figure, "layer");
  figures.push_back(std::move(figure));
}

}  // namespace

std::vector<Figure> run_figures(const ReportRun& run) {
  std::vector<Figure> figures;
  add_dead(run, figures);
  for (Figure& figure : lives_figure(run)) figures.push_back(std::move(figure));
  add_layer_lines(
      run,
      make_figure("gradients", "Gradient norms",
                  "‖∂L/∂W‖ of each layer, before clipping. Healthy: all within a decade or two, falling slowly.",
                  "gradient norm", true),
      &LayerRecord::grad_norm_w, figures);
  add_layer_lines(
      run,
      make_figure(
          "delta", "Loss gradient at the units",
          "RMS of ∂L/∂z: comparable across layers. Healthy: the lines lie close together. Apart by a constant factor "
          "from layer to layer, gradients vanish or explode.",
          "delta RMS", true),
      &LayerRecord::delta_rms, figures);
  add_theory(run, figures);
  add_layer_lines(run,
                  make_figure("activations", "Size of the activations",
                              "RMS of each layer's activations. Healthy: of a size around 1 in every layer.",
                              "RMS activation", true),
                  &LayerRecord::a_rms, figures);
  Figure update = make_figure("update", "Size of the updates",
                              "‖Δθ‖/‖θ‖ of each step, by layer. Healthy: about 1e-3, the dotted line; above 1e-1 a "
                              "step overwrites what was learned.",
                              "update ratio", true);
  update.chart.guide = 1e-3;
  add_layer_lines(run, std::move(update), &LayerRecord::update_ratio, figures);
  for (Figure& figure : learning_figures(run.tables)) figures.push_back(std::move(figure));
  Figure rank = make_figure(
      "rank", "Effective rank",
      "How many directions each layer's activations use (Roy and Vetterli 2007). Healthy: it stays, or grows.",
      "effective rank");
  rank.chart.series =
      layer_lines(run, run.tables.census.rows, [](const CensusRecord& row) { return row.effective_rank; });
  for (Series& series : rank.chart.series) series.points = true;
  if (!rank.chart.series.empty() && rank.chart.series.front().x.size() > 1) {
    rank.chart.y_min = 0.0;
    finish(rank);
    figures.push_back(std::move(rank));
  }
  return figures;
}

std::vector<Figure> run_explanations(const ReportRun& run) {
  constexpr std::size_t kMostDeaths = 12;
  const std::vector<Choice> activations = layer_activations(member(run.manifest, "config"));
  std::vector<Figure> figures =
      activation_figure(run.tables, activations, "phi", "φ, and where the pre-activations lie", category_color(2));
  for (Figure& figure : death_figures(run.tables, activations, kMostDeaths)) figures.push_back(std::move(figure));
  return figures;
}

}  // namespace reluscope
