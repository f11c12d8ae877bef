#include "report/activation_figures.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "nn/activation.hpp"
#include "nn/node_table.hpp"
#include "util/format.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

/// Points of a curve of φ.
constexpr std::size_t kCurvePoints = 121;
/// A histogram's axis shows all but so much of it at each end.
constexpr double kTail = 0.01;
/// Height of a histogram, as a share of φ's.
constexpr double kHeight = 0.8;
constexpr std::size_t kBefore = 0;  // colours
constexpr std::size_t kAfter = 1;

using Bins = std::vector<const HistogramRecord*>;

double total_of(const Bins& bins) {
  double total = 0.0;
  for (const HistogramRecord* bin : bins) total += static_cast<double>(bin->count);
  return total;
}

/// Where all but a share `tail` of the values at each end lie.
std::pair<double, double> middle_of(const Bins& bins, double tail) {
  Bins sorted = bins;
  std::sort(sorted.begin(), sorted.end(),
            [](const HistogramRecord* left, const HistogramRecord* right) { return left->low < right->low; });
  const double total = total_of(sorted);
  double low = sorted.front()->low;
  double high = sorted.front()->high;
  double seen = 0.0;
  bool begun = false;
  for (const HistogramRecord* bin : sorted) {
    seen += static_cast<double>(bin->count);
    if (!begun && seen > tail * total) {
      low = bin->low;
      begun = true;
    }
    high = std::max(high, bin->high);
    if (seen >= (1.0 - tail) * total) break;
  }
  return {low, high};
}

/// The density at z: of values, as a share, for each unit of z. Bins of several layers lie over each other.
double density_at(const Bins& bins, double total, double z) {
  double density = 0.0;
  for (const HistogramRecord* bin : bins)
    if (z >= bin->low && z < bin->high && bin->high > bin->low)
      density += static_cast<double>(bin->count) / total / (bin->high - bin->low);
  return density;
}

/// The histogram as an area of this height, along the axis.
Series area_of(const Bins& bins, std::pair<double, double> range, double height, const std::string& name,
               const std::string& color) {
  constexpr std::size_t kSteps = 100;
  Series area;
  area.area = true;
  area.name = name;
  area.color = color;
  const double total = total_of(bins);
  double highest = 0.0;
  std::vector<double> places;
  std::vector<double> densities;
  for (std::size_t at = 0; at < kSteps; ++at) {
    places.push_back(range.first + (range.second - range.first) * (static_cast<double>(at) + 0.5) / kSteps);
    densities.push_back(density_at(bins, total, places.back()));
    highest = std::max(highest, densities.back());
  }
  for (std::size_t at = 0; at < kSteps; ++at) {
    // Where nothing lies, the ends are enough.
    const bool bare =
        densities[at] == 0.0 && (at == 0 || densities[at - 1] == 0.0) && (at + 1 == kSteps || densities[at + 1] == 0.0);
    if (bare) continue;
    area.band_x.push_back(places[at]);
    area.low.push_back(0.0);
    area.high.push_back(highest > 0.0 ? height * densities[at] / highest : 0.0);
  }
  return area;
}

/// φ along the axis, and where it has no slope.
void draw_activation(const Choice& choice, std::pair<double, double> range, Chart& chart) {
  std::vector<double> z(kCurvePoints), a(kCurvePoints), d(kCurvePoints);
  for (std::size_t at = 0; at < kCurvePoints; ++at)
    z[at] = range.first + (range.second - range.first) * static_cast<double>(at) / (kCurvePoints - 1);
  evaluate_activation(choice, z, a, d);
  Series curve;
  curve.name = "φ: " + choice.name;
  curve.color = "#7f7f7f";
  // Of a straight stretch the ends are enough.
  for (std::size_t at = 0; at < kCurvePoints; ++at) {
    const bool inside = at > 0 && at + 1 < kCurvePoints;
    const double bend = inside ? a[at - 1] - 2.0 * a[at] + a[at + 1] : 1.0;
    if (std::abs(bend) <= 1e-9 * (1.0 + std::abs(a[at]))) continue;
    curve.x.push_back(z[at]);
    curve.y.push_back(a[at]);
  }
  chart.series.push_back(std::move(curve));
  const ActivationShape shape = find_entry(activation_table(), choice.name)->shape(choice.params);
  if (std::isfinite(shape.dead_below) && shape.dead_below > range.first)
    chart.shades.push_back({std::nullopt, std::min(shape.dead_below, range.second)});
  if (std::isfinite(shape.dead_above) && shape.dead_above < range.second)
    chart.shades.push_back({std::max(shape.dead_above, range.first), std::nullopt});
}

/// The numbers under the chart: shares of the bins.
void add_bins(Figure& figure, const std::vector<std::pair<std::string, Bins>>& histograms) {
  constexpr std::size_t kMostRows = 120;
  std::size_t all = 0;
  for (const auto& [name, bins] : histograms) all += bins.size();
  figure.head = {""};
  figure.rows = {{"more bins than fit here: histograms.csv has them"}};
  if (all > kMostRows) return;
  figure.rows.clear();
  figure.head = {"z from"};
  for (const auto& [name, bins] : histograms) figure.head.push_back(name + ", %");
  for (std::size_t at = 0; at < histograms.size(); ++at) {
    const double total = total_of(histograms[at].second);
    for (const HistogramRecord* bin : histograms[at].second) {
      std::vector<std::string> row = {format_short(bin->low)};
      row.resize(1 + histograms.size());
      row[1 + at] = format_fixed(100.0 * static_cast<double>(bin->count) / total, 2);
      figure.rows.push_back(std::move(row));
    }
  }
}

void set_axes(Chart& chart, std::pair<double, double> range) {
  chart.x_label = "pre-activation z";
  chart.y_label = "a = φ(z)";
  chart.grid = false;
  chart.x_min = range.first;
  chart.x_max = range.second;
}

/// Of what a curve spans, the height that a histogram is drawn to.
double height_for(const Series& curve) {
  const auto [least, greatest] = std::minmax_element(curve.y.begin(), curve.y.end());
  const double height = std::max(std::abs(*least), std::abs(*greatest));
  return height > 0.0 ? kHeight * height : 1.0;
}

std::pair<double, double> with_room(std::pair<double, double> range) {
  // The kink is what the picture is about.
  range.first = std::min(range.first, -0.5);
  range.second = std::max(range.second, 0.5);
  const double room = 0.03 * (range.second - range.first);
  return {range.first - room, range.second + room};
}

/// "61 %", and "0.04 %" of what is little.
std::string share_text(double share) {
  const double percent = 100.0 * share;
  return (percent > 0.0 && percent < 1.0 ? format_short(percent) : format_fixed(percent, 0)) + " %";
}

/// Share of the values in the live region; a bin that the region's end divides counts by its live part.
double live_share(const Bins& bins, const ActivationShape& shape) {
  double live = 0.0;
  for (const HistogramRecord* bin : bins) {
    const double low = std::max(bin->low, shape.dead_below);
    const double high = std::min(bin->high, shape.dead_above);
    const double width = bin->high - bin->low;
    const bool inside = bin->low > shape.dead_below && bin->low < shape.dead_above;
    live += static_cast<double>(bin->count) * (width > 0.0 ? std::max(0.0, high - low) / width : inside ? 1.0 : 0.0);
  }
  return live / total_of(bins);
}

/// The activation of a layer, counted from 1; of prelu with the unit's own slope.
std::optional<Choice> activation_of(const std::vector<Choice>& activations, std::int64_t layer) {
  if (layer < 1 || layer > std::ssize(activations)) return std::nullopt;
  return activations[static_cast<std::size_t>(layer) - 1];
}

/// What the units' table says of a unit.
const UnitRecord* unit_of(const RunTables& tables, std::int64_t layer, std::int64_t unit) {
  for (const UnitRecord& row : tables.units.rows)
    if (row.layer == layer && row.unit == unit) return &row;
  return nullptr;
}

/// The mean of the slopes that a layer has learned.
std::optional<double> slope_of(const RunTables& tables, std::int64_t layer) {
  double sum = 0.0;
  double count = 0.0;
  for (const UnitRecord& row : tables.units.rows) {
    if (row.layer != layer || !row.slope) continue;
    sum += *row.slope;
    count += 1.0;
  }
  return count > 0.0 ? std::optional(sum / count) : std::nullopt;
}

std::string death_note(const Bins& before, const Bins& after, const Choice& choice, const UnitRecord* unit) {
  const ActivationShape shape = find_entry(activation_table(), choice.name)->shape(choice.params);
  std::string note = "At step " + std::to_string(before.front()->step) +
                     ", still alive, it is where φ' > 0 for about " + share_text(live_share(before, shape)) +
                     " of the samples. At step " + std::to_string(after.front()->step) +
                     " every sample lies in the shaded part, where φ' = 0: no gradient reaches its weights";
  if (unit != nullptr && unit->locked && *unit->locked == "domain")
    return note + ", and no input in the range of the data brings it back.";
  if (unit != nullptr && unit->locked) return note + ", and what feeds it cannot bring it back either: it is locked.";
  return note + ". Only what feeds it could bring it back.";
}

constexpr std::int64_t kMostLayers = 100'000;

/// The activations of the sites among some layers (config/bind.cpp says which are); false where there is no saying.
bool collect_activations(const Json& layers, bool nested, std::vector<Choice>& activations) {
  if (!layers.is_array()) return false;
  for (const Json& layer : layers) {
    if (!layer.is_object()) continue;
    const Json type = layer.value("type", Json("dense"));
    const NodeEntry* node = type.is_string() ? find_entry(node_table(), type.get_ref<const std::string&>()) : nullptr;
    if (node == nullptr) return false;
    if (!node->affine && !node->takes_activation) continue;
    const Json given = layer.value("activation", Json("identity"));
    const Json name = given.is_object() ? given.value("name", Json()) : given;
    const ActivationEntry* entry =
        name.is_string() ? find_entry(activation_table(), name.get_ref<const std::string&>()) : nullptr;
    if (entry == nullptr) return false;
    Choice choice{entry->name, ParamValues(entry->params)};
    for (const Param& param : entry->params)
      if (param.kind == ParamKind::number && given.is_object() && given.contains(param.name) &&
          given[param.name].is_number())
        choice.params.set(param.name, given[param.name].get<double>());
    const Json repeat = layer.value("repeat", Json(1));
    const std::int64_t copies = repeat.is_number_integer() ? repeat.get<std::int64_t>() : 1;
    const bool adds = node->is_block || (node->affine && nested);
    for (std::int64_t copy = 0; copy < copies && std::ssize(activations) < kMostLayers; ++copy) {
      if (node->is_block) {
        // Not deeper: a block has no blocks in it.
        if (nested || !collect_activations(layer.value("layers", Json::array()), true, activations)) return false;
        const Json shortcut = layer.value("shortcut", Json());
        if (!shortcut.is_null() && !collect_activations(shortcut, true, activations)) return false;
      }
      if (!(adds && entry->name == "identity")) activations.push_back(choice);
    }
  }
  return true;
}

}  // namespace

std::vector<Choice> layer_activations(const Json& config) {
  std::vector<Choice> activations;
  const Json::json_pointer place("/network/layers");
  if (!config.is_object() || !config.contains(place)) return {};
  return collect_activations(config[place], false, activations) ? activations : std::vector<Choice>();
}

std::vector<Figure> activation_figure(const RunTables& tables, const std::vector<Choice>& activations,
                                      const std::string& id, const std::string& title, const std::string& color) {
  Bins bins;
  std::optional<Choice> choice;
  for (const HistogramRecord& row : tables.histograms.rows) {
    if (row.unit || row.moment != "end" || row.layer >= std::ssize(activations)) continue;
    const std::optional<Choice> own = activation_of(activations, row.layer);
    // Layers of another activation would need a picture of their own.
    if (!own || (choice && own->name != choice->name)) continue;
    bins.push_back(&row);
    if (choice) continue;
    choice = own;
    if (const auto slope = slope_of(tables, row.layer); choice && slope && choice->name == "prelu")
      choice->params.set("init", *slope);
  }
  if (bins.empty() || !choice || find_entry(activation_table(), choice->name)->coupled) return {};
  const std::pair<double, double> range = with_room(middle_of(bins, kTail));
  Figure figure = make_figure(id, title,
                              "Grey line: φ. Area: where the pre-activations of all hidden units lie at the end (its "
                              "height is scaled; the outermost 1 % at each side is left out).",
                              "");
  set_axes(figure.chart, range);
  draw_activation(*choice, range, figure.chart);
  if (!figure.chart.shades.empty()) {
    const ActivationShape shape = find_entry(activation_table(), choice->name)->shape(choice->params);
    figure.chart.note += " Shaded: φ' = 0. " + share_text(1.0 - live_share(bins, shape)) + " of them lie there.";
  }
  figure.chart.series.insert(figure.chart.series.begin(),
                             area_of(bins, range, height_for(figure.chart.series.back()), "pre-activations", color));
  add_bins(figure, {{"share", bins}});
  finish(figure);
  return {figure};
}

std::vector<Figure> death_figures(const RunTables& tables, const std::vector<Choice>& activations, std::size_t most) {
  std::vector<std::pair<std::int64_t, std::int64_t>> order;
  std::map<std::pair<std::int64_t, std::int64_t>, std::pair<Bins, Bins>> units;
  for (const HistogramRecord& row : tables.histograms.rows) {
    if (!row.unit) continue;
    const std::pair place(row.layer, *row.unit);
    if (!units.contains(place)) order.push_back(place);
    auto& [before, after] = units[place];
    Bins& bins = row.moment == "before" ? before : after;
    // A unit may die more than once; the first time is shown.
    if (bins.empty() || bins.front()->step == row.step) bins.push_back(&row);
  }
  std::vector<Figure> figures;
  for (const auto& place : order) {
    const auto& [before, after] = units[place];
    std::optional<Choice> choice = activation_of(activations, place.first);
    if (before.empty() || after.empty() || !choice || figures.size() == most) continue;
    const UnitRecord* unit = unit_of(tables, place.first, place.second);
    if (unit != nullptr && unit->slope && choice->name == "prelu") choice->params.set("init", *unit->slope);
    const auto old_range = middle_of(before, 0.0);
    const auto new_range = middle_of(after, kTail);
    const std::pair<double, double> range =
        with_room({std::min(old_range.first, new_range.first), std::max(old_range.second, new_range.second)});
    Figure figure = make_figure("death-" + std::to_string(place.first) + "-" + std::to_string(place.second),
                                before.front()->name + ", unit " + std::to_string(place.second),
                                death_note(before, after, *choice, unit), "");
    set_axes(figure.chart, range);
    draw_activation(*choice, range, figure.chart);
    const double height = height_for(figure.chart.series.back());
    figure.chart.series.insert(figure.chart.series.begin(),
                               {area_of(before, range, height, "z before its death", category_color(kBefore)),
                                area_of(after, range, height, "z after it", category_color(kAfter))});
    add_bins(figure, {{"before", before}, {"after", after}});
    finish(figure);
    figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace reluscope
