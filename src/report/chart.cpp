#include "report/chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace reluscope {

namespace {

/// Where gnuplot's arithmetic holds, with the room that it takes beside a value.
constexpr double kLargest = 1e300;
constexpr double kSmallest = 1e-300;

/// Values that are nearer to each other, by their size, cannot be told apart by the ticks of an axis.
constexpr double kNear = 1e-6;

/// Least and greatest of what is drawn; NaN where nothing is.
std::pair<double, double> drawn_range(const Chart& chart) {
  std::pair<double, double> range(std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN());
  for (const Series& series : chart.series)
    for (const std::vector<double>* values : {&series.y, &series.low, &series.high})
      for (const double value : *values) {
        const double drawn = drawn_value(value, chart.log_y);
        // The first one as well: nothing is below NaN.
        if (!std::isnan(drawn)) range = {std::fmin(range.first, drawn), std::fmax(range.second, drawn)};
      }
  return range;
}

}  // namespace

double drawn_value(double value, bool log_y) {
  if (!std::isfinite(value) || (log_y && !(value > 0.0))) return std::numeric_limits<double>::quiet_NaN();
  if (!log_y && std::abs(value) < kSmallest) return 0.0;
  return std::clamp(value, log_y ? kSmallest : -kLargest, kLargest);
}

bool is_drawable(const Chart& chart) {
  const auto any = [](const std::vector<double>& values, bool log_y) {
    return std::any_of(values.begin(), values.end(),
                       [&](double value) { return !std::isnan(drawn_value(value, log_y)); });
  };
  if (!chart.bars.empty()) return true;
  if (chart.heat)
    return std::any_of(chart.heat->rows.begin(), chart.heat->rows.end(),
                       [&](const std::vector<double>& row) { return any(row, false); });
  return std::any_of(chart.series.begin(), chart.series.end(),
                     [&](const Series& series) { return any(series.y, chart.log_y) || any(series.low, chart.log_y); });
}

void set_y_range(Chart& chart, double low, double high) {
  low = drawn_value(low, chart.log_y);
  high = drawn_value(high, chart.log_y);
  if (std::isnan(low) || std::isnan(high)) return;
  if (chart.log_y) {
    chart.y_min = low / 2.0;
    chart.y_max = high * 2.0;
    return;
  }
  const double size = std::max(std::abs(low), std::abs(high));
  double room = 0.05 * (high - low);
  if (room <= kNear * size) room = size > 0.0 ? 0.01 * size : 1.0;
  chart.y_min = low - room;
  chart.y_max = high + room;
}

Chart with_axis(const Chart& chart) {
  Chart ready = chart;
  const auto [low, high] = drawn_range(chart);
  const bool near = high - low <= kNear * std::max(std::abs(low), std::abs(high));
  if (!chart.y_min && !chart.y_max && !chart.guide && near && low != 0.0) set_y_range(ready, low, high);
  // An axis that begins at a bound ends somewhere beyond it, though no value does.
  if (chart.y_min && !chart.y_max && !(high > *chart.y_min)) ready.y_max = *chart.y_min + 1.0;
  return ready;
}

std::string depth_color(std::size_t index, std::size_t count) {
  // After viridis (Smith and van der Walt 2015), its ends moved in: neither is lost on white or black.
  static constexpr std::array<std::array<int, 3>, 5> kStops = {
      {{84, 92, 190}, {49, 104, 142}, {33, 145, 140}, {53, 183, 121}, {94, 201, 98}}};
  const double place =
      count < 2 ? 0.0
                : static_cast<double>(index) / static_cast<double>(count - 1) * static_cast<double>(kStops.size() - 1);
  const std::size_t below = std::min(static_cast<std::size_t>(place), kStops.size() - 2);
  const double share = place - static_cast<double>(below);
  std::string color = "#";
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const double value = kStops[below][channel] + share * (kStops[below + 1][channel] - kStops[below][channel]);
    static constexpr const char* kDigits = "0123456789abcdef";
    const int level = static_cast<int>(std::lround(value));
    color += kDigits[level / 16];
    color += kDigits[level % 16];
  }
  return color;
}

std::string category_color(std::size_t index) {
  // Those of scripts/plotting.py, which says how they were found.
  static constexpr std::array kColors = {"#036dbe", "#e1670d", "#007c3f", "#c274b1", "#8f6300",
                                         "#4e94cf", "#7b984a", "#6a5ae9", "#71706f"};
  return kColors[index % kColors.size()];
}

void thin_out(std::vector<double>& x, std::vector<double>& y, std::size_t most) {
  if (x.size() <= most) return;
  std::vector<double> thin_x;
  std::vector<double> thin_y;
  const std::size_t stretches = std::max<std::size_t>(1, most / 2);
  for (std::size_t stretch = 0; stretch < stretches; ++stretch) {
    const std::size_t begin = stretch * x.size() / stretches;
    const std::size_t end = (stretch + 1) * x.size() / stretches;
    std::size_t least = begin;
    std::size_t greatest = begin;
    for (std::size_t at = begin; at < end; ++at) {
      // What is not a number stays visible as a gap.
      if (std::isnan(y[at]) || y[at] < y[least]) least = at;
      if (std::isnan(y[at]) || y[at] > y[greatest]) greatest = at;
    }
    for (const std::size_t at : {std::min(least, greatest), std::max(least, greatest)}) {
      if (!thin_x.empty() && thin_x.back() == x[at]) continue;
      thin_x.push_back(x[at]);
      thin_y.push_back(y[at]);
    }
  }
  x = std::move(thin_x);
  y = std::move(thin_y);
}

}  // namespace reluscope
