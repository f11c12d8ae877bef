#include "report/html_report.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "diagnose/layers.hpp"
#include "report/chart.hpp"
#include "report/html_page.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

/// Points of a line that are drawn, and rows of the table under a chart: at most so many, and fewer where there are
/// many lines, so that a page of a hundred layers stays small.
constexpr std::size_t kPoints = 400;
constexpr std::size_t kPointsOfAll = 12000;
constexpr std::size_t kTableRows = 60;
constexpr std::size_t kCellsOfTable = 2000;
/// Resamples for the bands over seeds: there is one at each of hundreds of steps.
constexpr std::size_t kBandResamples = 1000;
/// Findings of one rule that are shown at once.
constexpr int kFindingsOfRule = 3;
/// Columns of a heat map, and rows of the chart of lives.
constexpr std::size_t kMapColumns = 200;
constexpr std::size_t kMostLives = 400;
/// More layers than these are named by their ends alone.
constexpr std::size_t kMostNamed = 12;

/// A chart with the numbers under it.
struct Figure {
  Chart chart;
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::pair<std::string, std::string>> legend;  ///< colour, text
  std::string absence;                                      ///< why there is no chart, which stands in its place
};

/// A layer's rows of one table, by their steps.
template <class R>
struct LayerRows {
  std::int64_t layer = 0;
  std::string name;
  Rows<R> rows;
};
/// `layers`: as by_layer or hidden_layers has them. Without the rows that have no place on the axis.
template <class R>
std::vector<LayerRows<R>> list_layers(const std::map<std::int64_t, Rows<R>>& layers) {
  std::vector<LayerRows<R>> list;
  for (const auto& [number, rows] : layers) {
    LayerRows<R> layer{number, rows.front()->name, {}};
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(layer.rows),
                 [](const R* row) { return is_measured(*row, &R::step); });
    if (!layer.rows.empty()) list.push_back(std::move(layer));
  }
  return list;
}

/// The table under a chart: some of the steps, a column for each series. Before points are thinned out.
void add_table(Figure& figure, const std::string& first) {
  figure.head = {first};
  std::set<double> all;
  for (const Series& series : figure.chart.series) {
    figure.head.push_back(series.name);
    all.insert(series.x.begin(), series.x.end());
  }
  const std::vector<double> steps(all.begin(), all.end());
  const std::size_t most = std::clamp(kCellsOfTable / figure.head.size(), std::size_t{20}, kTableRows);
  const std::size_t rows = std::min(most, steps.size());
  for (std::size_t row = 0; row < rows; ++row) {
    const double step = steps[rows < 2 ? 0 : row * (steps.size() - 1) / (rows - 1)];
    std::vector<std::string> cells = {format_number(step)};
    for (const Series& series : figure.chart.series) {
      const auto found = std::lower_bound(series.x.begin(), series.x.end(), step);
      const bool there = found != series.x.end() && *found == step;
      const double value = there ? series.y[static_cast<std::size_t>(found - series.x.begin())] : kNaN;
      cells.push_back(std::isnan(value) ? "" : format_short(value));
    }
    figure.rows.push_back(std::move(cells));
  }
}

void add_legend(Figure& figure) {
  const std::vector<Series>& series = figure.chart.series;
  if (series.size() > kMostNamed) {
    for (const std::size_t at : {std::size_t{0}, series.size() / 2, series.size() - 1})
      figure.legend.emplace_back(series[at].color, series[at].name);
    return;
  }
  for (const Series& one : series) figure.legend.emplace_back(one.color, one.name);
}

/// "3 are 0 or below, which a logarithmic axis does not have; 2 are not finite": what of the values is not drawn.
/// Empty: all are.
std::string left_out(const Chart& chart) {
  std::size_t not_positive = 0;
  std::size_t not_finite = 0;
  for (const Series& series : chart.series)
    for (const double value : series.y) {
      if (!std::isfinite(value)) ++not_finite;
      if (chart.log_y && std::isfinite(value) && value <= 0.0) ++not_positive;
    }
  const auto count = [](std::size_t number) { return std::to_string(number) + (number == 1 ? " is " : " are "); };
  std::string text;
  if (not_positive > 0) text = count(not_positive) + "0 or below, which a logarithmic axis does not have";
  if (not_finite > 0) text += (text.empty() ? "" : "; ") + count(not_finite) + "not finite";
  return text;
}

/// What there is to be said of values that are not drawn.
void explain_gaps(Figure& figure) {
  const std::string missing = left_out(figure.chart);
  if (missing.empty()) return;
  std::size_t all = 0;
  for (const Series& series : figure.chart.series) all += series.y.size();
  const std::string sentence = "Of " + std::to_string(all) + " values " + missing + ".";
  if (is_drawable(figure.chart)) {
    figure.chart.note += " Not drawn: of " + sentence.substr(3);
  } else {
    figure.absence = "No curve. " + sentence;
  }
}

/// Table, legend, and no more points than can be seen.
void finish(Figure& figure, const std::string& first = "step") {
  add_table(figure, first);
  if (figure.legend.empty()) add_legend(figure);
  explain_gaps(figure);
  for (Series& series : figure.chart.series) {
    for (double& value : series.y) value = drawn_value(value, figure.chart.log_y);
    thin_out(series.x, series.y, std::min(kPoints, kPointsOfAll / figure.chart.series.size()));
  }
}

Figure make_figure(std::string id, std::string title, std::string note, std::string y_label, bool log_y = false) {
  Figure figure;
  figure.chart.id = std::move(id);
  figure.chart.title = std::move(title);
  figure.chart.note = std::move(note);
  figure.chart.x_label = "step (updates made)";
  figure.chart.y_label = std::move(y_label);
  figure.chart.log_y = log_y;
  return figure;
}

/// Whether any of its lines has a point.
/// Whether something was measured, be it finite or not.
bool has_points(const Figure& figure) {
  return std::any_of(figure.chart.series.begin(), figure.chart.series.end(),
                     [](const Series& series) { return !series.y.empty(); });
}

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

const Json& member(const Json& object, const char* key) {
  static const Json kNull;
  return object.is_object() && object.contains(key) ? object[key] : kNull;
}

// ---- several runs

/// Runs of one config, but for the seed.
struct Group {
  std::string name;
  std::vector<const ReportRun*> runs;
};

/// Groups of one name get what tells them apart: "dying-relu, activation.name=elu".
void name_differences(std::vector<std::pair<std::string, Group>>& groups) {
  using Sorted =
      nlohmann::json;  // a config may have a hundred thousand places: an ordered object is searched one by one
  constexpr std::size_t kMostShown = 3;
  std::vector<Sorted> flat;
  std::set<std::string> places;
  const auto value_at = [](const Sorted& one, const std::string& place) {
    const auto found = one.find(place);
    return found == one.end() ? Sorted() : *found;
  };
  for (const auto& [key, group] : groups) {
    const Sorted config = Sorted::parse(key, nullptr, false);
    flat.push_back(config.is_object() ? config.flatten() : Sorted::object());
    for (const auto& [place, value] : flat.back().items()) places.insert(place);
  }
  std::vector<std::size_t> shown(groups.size(), 0);
  for (const std::string& place : places) {
    if (place == "/name") continue;
    const bool same = std::all_of(flat.begin(), flat.end(),
                                  [&](const Sorted& one) { return value_at(one, place) == value_at(flat[0], place); });
    if (same) continue;
    std::string label = place.substr(place.rfind('/', place.rfind('/') - 1) + 1);
    std::replace(label.begin(), label.end(), '/', '.');
    for (std::size_t at = 0; at < groups.size(); ++at) {
      const Sorted value = value_at(flat[at], place);
      if (value.is_null() || shown[at] >= kMostShown) continue;
      if (std::count_if(groups.begin(), groups.end(), [&](const auto& other) {
            return other.second.runs.front()->name == groups[at].second.runs.front()->name;
          }) < 2)
        continue;
      ++shown[at];
      groups[at].second.name += ", " + label + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
}

std::vector<Group> group_by_config(const std::vector<ReportRun>& runs) {
  std::vector<std::pair<std::string, Group>> groups;
  for (const ReportRun& run : runs) {
    Json config = run.manifest.is_object() && run.manifest.contains("config") ? run.manifest["config"] : Json(run.name);
    if (config.is_object()) config.erase("seed");
    const std::string key = config.dump(-1, ' ', false, Json::error_handler_t::replace);
    auto found = std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return group.first == key; });
    if (found == groups.end()) found = groups.insert(groups.end(), {key, {run.name, {}}});
    found->second.runs.push_back(&run);
  }
  name_differences(groups);
  std::vector<Group> list;
  for (auto& [key, group] : groups) {
    if (group.runs.size() > 1) group.name += " (" + std::to_string(group.runs.size()) + " seeds)";
    list.push_back(std::move(group));
  }
  return list;
}

using Trace = std::map<double, double>;

/// The median over a group's runs at the steps that all of them have, with its confidence band.
template <class GetTrace>
Figure compare_groups(const std::vector<Group>& groups, Figure figure, GetTrace trace) {
  for (std::size_t at = 0; at < groups.size(); ++at) {
    Series series;
    series.name = groups[at].name;
    series.color = category_color(at);
    std::map<double, std::vector<double>> values;
    for (const ReportRun* run : groups[at].runs)
      for (const auto& [step, value] : trace(*run)) values[step].push_back(value);
    const std::size_t stride = std::max<std::size_t>(1, values.size() / kPoints);
    std::size_t place = 0;
    for (const auto& [step, some] : values) {
      if (some.size() < groups[at].runs.size() || place++ % stride != 0) continue;
      series.x.push_back(step);
      series.y.push_back(median(some));
      if (some.size() < 2) continue;
      series.band_x.push_back(step);
      const auto [least, greatest] = std::minmax_element(some.begin(), some.end());
      const Estimate estimate = bootstrap_median(some, kBandResamples);
      series.low.push_back(std::max(*least, estimate.low));
      series.high.push_back(std::min(*greatest, estimate.high));
    }
    if (!series.x.empty()) figure.chart.series.push_back(std::move(series));
  }
  finish(figure);
  return figure;
}

std::vector<Figure> comparison_figures(const std::vector<ReportRun>& runs) {
  const std::vector<Group> groups = group_by_config(runs);
  const std::string note =
      "Median over seeds, with its 95 % confidence band (bootstrap); of two seeds the band has both.";
  std::vector<Figure> figures;
  const auto steps_of = [](auto get) {
    return [get](const ReportRun& run) {
      Trace trace;
      for (const StepRecord& row : run.tables.steps.rows)
        if (const std::optional<double> value = get(row); value && is_measured(row, &StepRecord::step))
          trace[static_cast<double>(row.step)] = *value;
      return trace;
    };
  };
  Figure dead = make_figure("all-dead", "Dead hidden units", note, "dead units, %");
  dead.chart.y_min = 0.0;
  dead.chart.y_max = 100.0;
  figures.push_back(compare_groups(groups, std::move(dead), [](const ReportRun& run) {
    std::map<double, std::pair<double, double>> sums;
    for (const auto& layer : list_layers(hidden_layers(run.tables, run.tables.census.rows)))
      for (const CensusRecord* row : layer.rows) {
        // Where a layer was not measured, neither was the whole: NaN goes on into the sum.
        std::pair<double, double>& sum = sums[static_cast<double>(row->step)];
        const bool known = is_measured(*row, &CensusRecord::dead) && is_measured(*row, &CensusRecord::units);
        sum.first += known ? static_cast<double>(row->dead) : kNaN;
        sum.second += static_cast<double>(row->units);
      }
    Trace trace;
    for (const auto& [step, sum] : sums)
      if (!std::isnan(sum.first) && sum.second > 0.0) trace[step] = 100.0 * sum.first / sum.second;
    return trace;
  }));
  figures.push_back(compare_groups(groups, make_figure("all-loss", "Loss", note, "loss"),
                                   steps_of([](const StepRecord& row) { return measured(row, &StepRecord::loss); })));
  figures.push_back(compare_groups(groups, make_figure("all-accuracy", "Accuracy", note, "accuracy, %"),
                                   steps_of([](const StepRecord& row) {
                                     return row.accuracy ? std::optional<double>(100.0 * *row.accuracy) : std::nullopt;
                                   })));
  figures.push_back(
      compare_groups(groups, make_figure("all-gradient", "Global gradient norm", note, "gradient norm", true),
                     steps_of([](const StepRecord& row) { return measured(row, &StepRecord::grad_norm); })));
  std::erase_if(figures, [](const Figure& figure) { return figure.chart.series.empty(); });
  return figures;
}

/// The same chart of several runs on the same axes.
void share_axes(std::vector<std::vector<Figure>>& all) {
  std::map<std::string, std::pair<double, double>> ranges;
  const auto each = [&](auto visit) {
    for (std::vector<Figure>& figures : all)
      for (Figure& figure : figures)
        if (!figure.chart.y_min && !figure.chart.heat && figure.chart.bars.empty()) visit(figure.chart);
  };
  each([&](Chart& chart) {
    auto [range, fresh] =
        ranges.try_emplace(chart.id, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity());
    for (const Series& series : chart.series)
      for (const double value : series.y) {
        if (!std::isfinite(value)) continue;
        range->second.first = std::min(range->second.first, value);
        range->second.second = std::max(range->second.second, value);
      }
  });
  each([&](Chart& chart) {
    const auto [low, high] = ranges[chart.id];
    if (low < high) set_y_range(chart, low, high);
  });
}

// ---- HTML

std::string table_html(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  std::string html = "<div class=scroll><table><thead><tr>";
  for (const std::string& cell : head) html += "<th scope=col>" + html_escape(cell) + "</th>";
  html += "</tr></thead><tbody>\n";
  for (const auto& row : rows) {
    html += "<tr>";
    for (const std::string& cell : row) html += "<td>" + html_escape(cell) + "</td>";
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string figure_html(const Figure& figure, const DrawnChart& drawn) {
  std::string html = "<figure class=chart id=\"" + figure.chart.id + "\"";
  if (!figure.chart.series.empty() && figure.absence.empty()) {
    html += " data-area=\"";
    for (const double value : {drawn.left, drawn.right, drawn.top, drawn.bottom, drawn.x_min, drawn.x_max})
      html += format_number(value) + " ";
    html += "\"";
  }
  html += ">\n<h3>" + html_escape(figure.chart.title) + "</h3>\n";
  if (figure.absence.empty()) {
    html += "<div class=plot role=img aria-label=\"" + html_escape(figure.chart.title + ". " + figure.chart.note) +
            "\">" + drawn.svg + "</div>\n";
  } else {
    html += "<p class=absent>" + html_escape(figure.absence) + "</p>\n";
  }
  if (!figure.legend.empty() && figure.absence.empty()) {
    html += "<p class=legend>";
    for (const auto& [color, text] : figure.legend)
      html += "<span><i style=\"background:" + color + "\"></i>" + html_escape(text) + "</span> ";
    if (figure.chart.series.size() > kMostNamed)
      html += "<span>" + std::to_string(figure.chart.series.size()) + " layers, dark near the input</span>";
    html += "</p>\n";
  }
  html += "<figcaption>" + html_escape(figure.chart.note) + "</figcaption>\n";
  if (!figure.rows.empty())
    html += "<details><summary>The numbers</summary>" + table_html(figure.head, figure.rows) + "</details>\n";
  return html + "</figure>\n";
}

std::string findings_html(const ReportRun& run) {
  std::string html;
  std::string more;
  std::map<std::pair<std::string, Severity>, int> shown;
  for (const Finding& finding : run.diagnosis.findings) {
    const std::string severity(severity_name(finding.severity));
    std::string& place = ++shown[{finding.rule, finding.severity}] <= kFindingsOfRule ? html : more;
    place += "<li class=" + severity + "><b>" + severity + "</b> <code>" + html_escape(finding.rule) + "</code> " +
             html_escape(finding.sentence);
    if (!finding.symptom_of.empty()) {
      place += " <small>Follows from <code>" + html_escape(finding.symptom_of) + "</code>.</small>";
    } else if (!finding.remedies.empty() && finding.severity > Severity::info) {
      place += " <small>May help: ";
      for (std::size_t at = 0; at < finding.remedies.size(); ++at)
        place += (at > 0 ? ", " : "") + html_escape(finding.remedies[at]);
      place += "</small>";
    }
    place += "</li>\n";
  }
  if (html.empty()) return "<p>No findings.</p>\n";
  html = "<ul class=findings>\n" + html + "</ul>\n";
  if (more.empty()) return html;
  return html + "<details><summary>The same rules at other layers</summary><ul class=findings>\n" + more +
         "</ul></details>\n";
}

std::string text_of(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || object[key].is_null()) return "";
  return object[key].is_string() ? object[key].get<std::string>() : object[key].dump();
}

std::string percent_of(const Json& evaluation) {
  if (!evaluation.is_object() || !evaluation.contains("accuracy") || !evaluation["accuracy"].is_number()) return "";
  return format_fixed(100.0 * evaluation["accuracy"].get<double>(), 2) + " %";
}

std::string loss_of(const Json& evaluation) {
  if (!evaluation.is_object() || !evaluation.contains("loss") || !evaluation["loss"].is_number()) return "";
  return format_short(evaluation["loss"].get<double>());
}

/// Verdict, final figures, findings, and the last census.
std::string head_html(const ReportRun& run) {
  std::string html = "<p class=verdict>" + html_escape(text_of(run.summary, "verdict")) + "</p>\n";
  const Json& train = member(run.summary, "train");
  const Json& test = member(run.summary, "test");
  html += table_html({"", "loss", "accuracy"},
                     {{"training", loss_of(train), percent_of(train)}, {"test", loss_of(test), percent_of(test)}});
  html += "<h3>Findings</h3>\n" + findings_html(run);
  std::vector<std::vector<std::string>> rows;
  const auto count = [](const std::optional<std::int64_t>& value) { return value ? std::to_string(*value) : ""; };
  for (const auto& [number, layer] : by_layer(run.tables.census.rows)) {
    const CensusRecord& last = *layer.back();
    std::optional<std::int64_t> peak;
    std::string rank;
    for (const CensusRecord* row : layer) {
      if (is_measured(*row, &CensusRecord::dead)) peak = std::max(peak.value_or(0), row->dead);
      if (row->effective_rank) rank = format_short(*row->effective_rank);
    }
    const std::optional<double> share = dead_share(last);
    rows.push_back({last.name, count(measured(last, &CensusRecord::units)), count(measured(last, &CensusRecord::dead)),
                    share ? format_fixed(100.0 * *share, 1) : "", count(peak),
                    count(measured(last, &CensusRecord::born_dead)), count(measured(last, &CensusRecord::inherited)),
                    count(measured(last, &CensusRecord::locked)), count(measured(last, &CensusRecord::dead_on_domain)),
                    count(last.saturated), count(last.dormant), rank});
  }
  if (!rows.empty())
    html += "<h3>The last census</h3>\n" +
            table_html({"layer", "units", "dead", "dead %", "most dead", "born dead", "inherited", "locked",
                        "dead on domain", "saturated", "dormant", "effective rank"},
                       rows);
  return html;
}

std::string tail_html(const ReportRun& run) {
  std::string html;
  if (run.manifest.is_object()) {
    std::vector<std::vector<std::string>> rows;
    for (const char* key : {"version", "schema_version", "status", "seed", "started", "host", "threads"})
      rows.push_back({key, text_of(run.manifest, key)});
    for (const char* section : {"build", "data", "timings"})
      for (const auto& [key, value] : member(run.manifest, section).items())
        rows.push_back({std::string(section) + "." + key, value.is_string() ? value.get<std::string>() : value.dump()});
    html += "<details><summary>How it was made</summary>" + table_html({"", ""}, rows) + "</details>\n";
    const Json& config = member(run.manifest, "config");
    html += "<details><summary>The config, every default filled in</summary><pre>" +
            html_escape(config.dump(2, ' ', false, Json::error_handler_t::replace)) + "</pre></details>\n";
  }
  return html;
}

Json read_json(const std::filesystem::path& path) {
  if (!has_own_file(path)) return nullptr;
  return read_json_object(path);
}

/// Draws what can be drawn: the charts of the other figures stay empty. Where there is no gnuplot each figure says so,
/// and the reason comes back.
std::string draw(const std::vector<Figure*>& figures, std::vector<DrawnChart>& drawn) {
  drawn.resize(figures.size());
  std::vector<Chart> charts;
  std::vector<std::size_t> places;
  for (std::size_t at = 0; at < figures.size(); ++at) {
    if (!is_drawable(figures[at]->chart)) {
      if (figures[at]->absence.empty()) figures[at]->absence = "No curve: there is no value.";
      continue;
    }
    charts.push_back(figures[at]->chart);
    places.push_back(at);
  }
  try {
    std::vector<DrawnChart> some = draw_charts(charts);
    for (std::size_t at = 0; at < some.size(); ++at) drawn[places[at]] = std::move(some[at]);
  } catch (const NoGnuplot& missing) {
    for (const std::size_t at : places) figures[at]->absence = "No chart: gnuplot is not installed.";
    return missing.what();
  }
  return "";
}

}  // namespace

std::string html_escape(std::string_view text) {
  std::string escaped;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += letter;
    }
  }
  return escaped;
}

ReportRun read_report_run(const std::filesystem::path& directory) {
  if (!has_directory(directory)) throw DataError(directory.string() + ": expected the directory of a run");
  ReportRun run;
  run.tables = read_run(directory);
  run.manifest = read_json(directory / "manifest.json");
  run.summary = read_json(directory / "summary.json");
  if (const std::filesystem::path events = directory / "events.jsonl"; has_own_file(events))
    run.lives = read_lives(events);
  run.diagnosis = diagnose(run.tables, read_thresholds(directory));
  run.name = text_of(run.manifest, "name");
  if (run.name.empty()) run.name = std::filesystem::weakly_canonical(directory).filename().string();
  return run;
}

HtmlReport html_report(const std::vector<ReportRun>& runs) {
  std::vector<std::vector<Figure>> all;
  for (const ReportRun& run : runs) all.push_back(run_figures(run));
  if (runs.size() > 1) share_axes(all);
  std::vector<Figure> compared = runs.size() > 1 ? comparison_figures(runs) : std::vector<Figure>();

  // One gnuplot for all charts; ids tell the runs apart.
  std::vector<Figure*> figures;
  for (std::size_t run = 0; run < all.size(); ++run)
    for (Figure& figure : all[run]) {
      if (runs.size() > 1) figure.chart.id += "-" + std::to_string(run + 1);
      figures.push_back(&figure);
    }
  for (Figure& figure : compared) figures.push_back(&figure);
  std::vector<DrawnChart> drawn;
  HtmlReport report;
  report.without_charts = draw(figures, drawn);

  std::string body;
  if (!report.without_charts.empty())
    body += "<p class=absent>This page has the numbers and no charts: " + html_escape(report.without_charts) + "</p>\n";
  std::size_t next = figures.size() - compared.size();
  if (runs.size() > 1) {
    std::vector<std::vector<std::string>> rows;
    for (const ReportRun& run : runs)
      rows.push_back({run.name, text_of(run.manifest, "seed"), text_of(run.summary, "verdict"),
                      loss_of(member(run.summary, "test")), percent_of(member(run.summary, "test"))});
    body += "<section><h2>Side by side</h2>\n" +
            table_html({"run", "seed", "verdict", "test loss", "test accuracy"}, rows) + "<div class=grid>\n";
    for (const Figure& figure : compared) body += figure_html(figure, drawn[next++]);
    body += "</div></section>\n";
  }
  // One run: its charts after its head. Several: chart by chart, the runs beside each other.
  std::vector<std::string> heads;
  for (const ReportRun& run : runs) {
    const std::string seed = text_of(run.manifest, "seed");
    heads.push_back(run.name + (runs.size() > 1 && !seed.empty() ? ", seed " + seed : ""));
  }
  std::map<std::string, std::string> by_chart;
  std::vector<std::string> order;
  next = 0;
  for (std::size_t run = 0; run < runs.size(); ++run)
    for (Figure& figure : all[run]) {
      const std::string kind = figure.chart.title;
      if (!by_chart.contains(kind)) order.push_back(kind);
      if (runs.size() > 1) figure.chart.title = heads[run];
      by_chart[kind] += figure_html(figure, drawn[next++]);
    }
  for (std::size_t run = 0; run < runs.size(); ++run) {
    body += "<section><h2>" + html_escape(heads[run]) + "</h2>\n" + head_html(runs[run]);
    if (runs.size() == 1) {
      body += "<div class=grid>\n";
      for (const std::string& kind : order) body += by_chart[kind];
      body += "</div>\n";
    }
    body += tail_html(runs[run]) + "</section>\n";
  }
  if (runs.size() > 1)
    for (const std::string& kind : order)
      body += "<section><h2>" + html_escape(kind) + "</h2>\n<div class=grid>\n" + by_chart[kind] + "</div></section>\n";
  std::string title = runs.size() == 1 ? runs.front().name : std::to_string(runs.size()) + " runs";
  report.page = html_page("reluscope: " + html_escape(title), body);
  return report;
}

}  // namespace reluscope
