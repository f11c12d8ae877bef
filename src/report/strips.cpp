#include "report/strips.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <vector>

#include "diagnose/layers.hpp"
#include "report/terminal.hpp"
#include "util/format.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

constexpr std::size_t kMostLayers = 12;
constexpr std::size_t kMostCells = 60;
constexpr std::size_t kNameColumns = 14;
constexpr std::size_t kFigureColumns = 22;

/// From nothing to all, in nine levels.
const char* cell(double level, bool utf8) {
  static constexpr std::array kBlocks = {"·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr std::array kAscii = {".", ":", "-", "=", "+", "*", "#", "%", "@"};
  // Whatever is there shows: only exactly nothing gets the first sign.
  const double clamped = std::clamp(level, 0.0, 1.0);
  const auto at =
      clamped <= 0.0 ? std::size_t{0} : std::min<std::size_t>(8, 1 + static_cast<std::size_t>(clamped * 7.999));
  return utf8 ? kBlocks[at] : kAscii[at];
}

/// The trace of one layer.
struct Line {
  std::string name;
  std::vector<double> steps;
  std::vector<double> values;
};

/// The greatest value in each of so many stretches of the steps up to `last`; in one without any, what was there
/// before.
std::vector<double> squeeze(const Line& line, std::size_t cells, double last) {
  std::vector<double> squeezed(cells, kNaN);
  for (std::size_t at = 0; at < line.values.size(); ++at) {
    const double place = last > 0.0 ? line.steps[at] / last * static_cast<double>(cells) : 0.0;
    double& there = squeezed[std::min(cells - 1, static_cast<std::size_t>(place))];
    if (std::isnan(there) || !(line.values[at] <= there)) there = line.values[at];
  }
  for (std::size_t cell_at = 1; cell_at < cells; ++cell_at)
    if (std::isnan(squeezed[cell_at])) squeezed[cell_at] = squeezed[cell_at - 1];
  return squeezed;
}

/// A line per layer of `layers`; `get`: a value, or nothing where it was not measured.
template <class R, class Get>
std::vector<Line> lines_of(const std::map<std::int64_t, Rows<R>>& layers, Get get) {
  std::vector<Line> lines;
  for (const auto& [number, rows] : layers) {
    Line line{rows.front()->name, {}, {}};
    for (const R* row : rows) {
      const std::optional<double> value = get(*row);
      if (!value || !is_measured(*row, &R::step)) continue;
      line.steps.push_back(static_cast<double>(row->step));
      line.values.push_back(*value);
    }
    if (!line.values.empty()) lines.push_back(std::move(line));
  }
  if (lines.size() <= kMostLayers) return lines;
  std::vector<Line> some;
  for (std::size_t at = 0; at < kMostLayers; ++at)
    some.push_back(std::move(lines[at * (lines.size() - 1) / (kMostLayers - 1)]));
  return some;
}

std::string name_cell(const std::string& name) {
  const std::string text = first_characters(printable(name), kNameColumns);
  return "  " + text + std::string(kNameColumns - code_points(text) + 1, ' ');
}

std::string paint(const std::string& text, const char* code, bool color) {
  return color ? std::string("\x1b[") + code + "m" + text + "\x1b[0m" : text;
}

}  // namespace

std::string run_strips(const RunTables& tables, const StripStyle& style) {
  const std::size_t taken = kNameColumns + 3 + kFigureColumns;
  const std::size_t cells = std::clamp<std::size_t>(style.width > taken ? style.width - taken : 0, 8, kMostCells);
  const char* arrow = style.utf8 ? " → " : " -> ";
  std::string text;
  const auto dead = lines_of(hidden_layers(tables, tables.census.rows), dead_share);
  const auto norms = lines_of(by_layer(tables.layers.rows),
                              [](const LayerRecord& row) { return measured(row, &LayerRecord::grad_norm_w); });
  // One axis for all of them.
  double last = 0.0;
  for (const auto* lines : {&dead, &norms})
    for (const Line& line : *lines) last = std::max(last, line.steps.back());
  if (!dead.empty()) text += "dead units over time\n";
  for (const Line& line : dead) {
    std::string strip;
    for (const double value : squeeze(line, cells, last))
      strip += paint(cell(value, style.utf8), value > 0.0 ? "31" : "32", style.color);
    text += name_cell(line.name) + strip + "  " + format_fixed(100.0 * line.values.back(), 1) + " %\n";
  }
  if (!norms.empty()) text += "gradient norms, log scale\n";
  double low = 0.0;
  double high = 0.0;
  bool any = false;
  for (const Line& line : norms)
    for (const double value : line.values) {
      if (!(value > 0.0) || !std::isfinite(value)) continue;
      low = any ? std::min(low, std::log(value)) : std::log(value);
      high = any ? std::max(high, std::log(value)) : std::log(value);
      any = true;
    }
  for (const Line& line : norms) {
    std::string strip;
    for (const double value : squeeze(line, cells, last)) {
      const bool finite = std::isfinite(value);
      const double level = high > low ? (std::log(value) - low) / (high - low) : 0.5;
      strip += !finite ? "!" : (value > 0.0 ? cell(std::max(level, 1e-9), style.utf8) : (style.utf8 ? "·" : "."));
    }
    text += name_cell(line.name) + strip + "  " + format_short(line.values.front()) + arrow +
            format_short(line.values.back()) + "\n";
  }
  if (text.empty()) return text;
  const std::string end = format_fixed(last, 0);
  return text + name_cell("step") + "0" + std::string(cells - std::min(cells, end.size() + 1), ' ') + end + "\n";
}

StripStyle strip_style(int descriptor) {
  return {terminal_width(descriptor), locale_is_utf8(), wants_color(descriptor)};
}

}  // namespace reluscope
