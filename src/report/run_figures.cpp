#include "report/run_figures.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "report/activation_figures.hpp"
#include "util/format.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

/// Columns of a heat map, and rows of the chart of lives.
constexpr std::size_t kMapColumns = 200;
constexpr std::size_t kMostLives = 400;

/// One line per layer of layers.csv; no figure where nothing was measured.
void add_layer_lines(const ReportRun& run, Figure figure, double LayerRecord::*member, std::vector<Figure>& figures) {
  const auto layers = list_layers(by_layer(run.tables.layers.rows));
  for (std::size_t at = 0; at < layers.size(); ++at) {
    Series& series = figure.chart.series.emplace_back();
    series.name = layers[at].name;
    series.color = depth_color(at, layers.size());
    for (const LayerRecord* row : layers[at].rows) {
      if (!is_measured(*row, member)) continue;
      series.x.push_back(static_cast<double>(row->step));
      series.y.push_back(row->*member);
    }
  }
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
  Figure lines =
      make_figure("dead", "Dead units per layer",
                  "Share of each hidden layer that is dead on the whole training set, at each census; the band is "
                  "what is proved in between (dead_min to dead_max).",
                  "dead units, %");
  lines.chart.y_min = 0.0;
  lines.chart.y_max = 100.0;
  const auto recorded = list_layers(by_layer(run.tables.layers.rows));
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
    series.color = depth_color(at, layers.size());
    series.points = layers[at].rows.size() <= 60;
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
      if (layer.layer != layers[at].layer || layers.size() > kMostNamed) continue;
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
  Figure heat = make_figure(
      "map", "Dead units, layer by layer over time",
      "Each row is a hidden layer, the first one (nearest the input) at the bottom. Green: no unit is dead.", "layer");
  heat.chart.height = static_cast<int>(std::min<std::size_t>(420, 130 + 22 * map.rows.size()));
  heat.chart.heat = std::move(map);
  heat.legend = {{"#2f6f4f", "none dead"}, {"#f3e3b3", "some"}, {"#d95f02", "half"}, {"#5a0b0b", "all"}};
  figures.push_back(std::move(heat));
}

void add_lives(const ReportRun& run, std::vector<Figure>& figures) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<const LifeRecord*>> units;
  for (const LifeRecord& life : run.lives) units[{life.layer, life.unit}].push_back(&life);
  if (units.empty() || run.tables.census.rows.empty()) return;
  std::int64_t last = 1;
  for (const CensusRecord& row : run.tables.census.rows) last = std::max(last, row.step);
  for (const LifeRecord& life : run.lives) last = std::max(last, life.step);
  const auto end = static_cast<double>(last);
  const std::map<std::string, std::string> colors = {{"born", "#d55e00"},
                                                     {"inherited", "#56b4e9"},
                                                     {"own_weights", "#0072b2"},
                                                     {"own_bias", "#e69f00"},
                                                     {"upstream", "#009e73"}};
  const std::string locked_color = "#8a8a8a";
  Figure figure =
      make_figure("lives", "Lives of the units that died",
                  "A row per unit that was ever dead, those of the first layer at the bottom; coloured while it is "
                  "dead, by what killed it, and grey once it provably cannot come back.",
                  "units that died");
  double row = 0.0;
  bool any_inherited = false;
  figure.head = {"layer", "unit", "dead from", "to", "cause", "locked at"};
  for (const auto& [place, events] : units) {
    if (static_cast<std::size_t>(row) >= kMostLives) break;
    row += 1.0;
    double from = kNaN;
    double locked = kNaN;
    std::string cause;
    const auto close = [&, layer = place.first, unit = place.second](double to) {
      if (std::isnan(from)) return;
      const double mark = std::isnan(locked) ? to : std::min(locked, to);
      const auto color = colors.find(cause);
      figure.chart.bars.push_back({row, from, mark, color == colors.end() ? "#cc79a7" : color->second});
      if (mark < to) figure.chart.bars.push_back({row, mark, to, locked_color});
      figure.rows.push_back({std::to_string(layer), std::to_string(unit), format_number(from),
                             to == end ? "the end" : format_number(to), cause,
                             std::isnan(locked) ? "" : format_number(locked)});
      from = locked = kNaN;
    };
    for (const LifeRecord* event : events) {
      const auto step = static_cast<double>(event->step);
      if (event->event == "revived") close(step);
      if (event->event == "locked") locked = step;
      const bool inherited = event->event == "inherited";
      if (event->event != "died" && event->event != "born_dead" && !inherited) continue;
      from = step;
      cause = event->event == "born_dead" ? "born" : (inherited ? "inherited" : event->cause);
      any_inherited = any_inherited || inherited;
    }
    close(end);
  }
  if (units.size() > kMostLives)
    figure.chart.note +=
        " The first " + std::to_string(kMostLives) + " of " + std::to_string(units.size()) + " are shown.";
  figure.chart.y_min = 0.0;
  figure.chart.y_max = row + 1.0;
  figure.chart.x_min = 0.0;
  figure.chart.x_max = end;
  figure.chart.height = static_cast<int>(std::clamp(140.0 + 3.0 * row, 180.0, 560.0));
  figure.legend = {
      any_inherited ? std::pair("#56b4e9", "dead in the weights of the file") : std::pair("#d55e00", "born dead"),
      {"#0072b2", "died by its own weights"},
      {"#e69f00", "by its own bias"},
      {"#009e73", "because what feeds it moved"},
      {locked_color, "cannot come back"}};
  figures.push_back(std::move(figure));
}

void add_theory(const ReportRun& run, std::vector<Figure>& figures) {
  Figure figure =
      make_figure("theory", "Signal and gradient at the start, against theory",
                  "Mean of z² and RMS of ∂L/∂z in each layer before the first update; dashed: what mean-field "
                  "theory predicts for wide layers.",
                  "at step 0", true);
  figure.chart.x_label = "layer";
  figure.chart.whole_x = run.tables.theory.rows.size() <= 20;
  Series measured_q{"mean z², measured", "#0072b2", {}, {}, {}, {}, {}, false, true};
  Series measured_delta{"RMS ∂L/∂z, measured", "#d55e00", {}, {}, {}, {}, {}, false, true};
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
  Series theory_q{"mean z², theory", "#0072b2", {}, {}, {}, {}, {}, true, false};
  Series theory_delta{"RMS ∂L/∂z, theory", "#d55e00", {}, {}, {}, {}, {}, true, false};
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

template <class Get>
void add_steps(const ReportRun& run, Figure figure, const std::string& color, Get get, std::vector<Figure>& figures) {
  Series series;
  series.name = figure.chart.y_label;
  series.color = color;
  for (const StepRecord& row : run.tables.steps.rows) {
    const std::optional<double> value = get(row);
    if (!value || !is_measured(row, &StepRecord::step)) continue;
    series.x.push_back(static_cast<double>(row.step));
    series.y.push_back(*value);
  }
  if (series.x.size() < 2) return;
  figure.chart.series = {std::move(series)};
  finish(figure);
  figure.legend.clear();
  figures.push_back(std::move(figure));
}

}  // namespace

std::vector<Figure> run_figures(const ReportRun& run) {
  std::vector<Figure> figures;
  add_dead(run, figures);
  add_lives(run, figures);
  add_layer_lines(
      run, make_figure("gradients", "Gradient norms", "‖∂L/∂W‖ of each layer, before clipping.", "gradient norm", true),
      &LayerRecord::grad_norm_w, figures);
  add_layer_lines(
      run,
      make_figure(
          "delta", "Loss gradient at the units",
          "RMS of ∂L/∂z: comparable across layers. Apart by a constant factor from layer to layer, gradients vanish "
          "or explode.",
          "delta RMS", true),
      &LayerRecord::delta_rms, figures);
  add_theory(run, figures);
  add_layer_lines(
      run,
      make_figure("activations", "Size of the activations", "RMS of each layer's activations.", "RMS activation", true),
      &LayerRecord::a_rms, figures);
  Figure update = make_figure(
      "update", "Size of the updates",
      "‖Δθ‖/‖θ‖ of each step, by layer; about 1e-3 (the dotted line) is a common rule of thumb.", "update ratio", true);
  update.chart.guide = 1e-3;
  add_layer_lines(run, std::move(update), &LayerRecord::update_ratio, figures);
  add_steps(
      run, make_figure("loss", "Loss", "Mean loss of each recorded batch.", "loss"), "#0072b2",
      [](const StepRecord& row) { return measured(row, &StepRecord::loss); }, figures);
  add_steps(
      run, make_figure("accuracy", "Accuracy", "Share of each recorded batch classified correctly.", "accuracy, %"),
      "#009e73",
      [](const StepRecord& row) { return row.accuracy ? std::optional<double>(100.0 * *row.accuracy) : std::nullopt; },
      figures);
  Figure rank =
      make_figure("rank", "Effective rank", "How many directions each layer's activations use (Roy and Vetterli 2007).",
                  "effective rank");
  const auto layers = list_layers(by_layer(run.tables.census.rows));
  for (std::size_t at = 0; at < layers.size(); ++at) {
    Series& series = rank.chart.series.emplace_back();
    series.name = layers[at].name;
    series.color = depth_color(at, layers.size());
    series.points = true;
    for (const CensusRecord* row : layers[at].rows) {
      if (!row->effective_rank) continue;
      series.x.push_back(static_cast<double>(row->step));
      series.y.push_back(*row->effective_rank);
    }
  }
  if (!layers.empty() && rank.chart.series.front().x.size() > 1) {
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
