#include "report/chart_drawing.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "report/gnuplot.hpp"
#include "report/svg_shortening.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

/// Name of a chart's file: gnuplot expands what its script says, so a path, which a user may have chosen, never stands
/// there.
std::string svg_name(std::size_t chart) { return std::to_string(chart) + ".svg"; }

/// gnuplot expands what stands between double quotes.
const std::string& script_words(const std::string& text) {
  if (text.find_first_of("\"\\`@$%{}\n\r") != std::string::npos)
    throw std::logic_error("a script of gnuplot holds only words of our own");
  return text;
}

/// gnuplot's own word for a hole is a line that is empty, or NaN.
std::string number(double value, bool log_y = false) {
  const double drawn = drawn_value(value, log_y);
  return std::isnan(drawn) ? "NaN" : format_number(drawn);
}

void write_points(std::ostream& out, const Series& series, bool log_y) {
  for (std::size_t at = 0; at < series.x.size(); ++at)
    out << number(series.x[at]) << ' ' << number(series.y[at], log_y) << '\n';
}

/// Data blocks, and the plot command that uses them.
std::string write_plot(std::ostream& out, const Chart& chart) {
  std::vector<std::string> parts;
  int block = 0;
  const auto begin_block = [&] {
    const std::string name = "$d" + std::to_string(block++);
    out << name << " << EOD\n";
    return name;
  };
  if (chart.heat) {
    const std::string name = begin_block();
    for (std::size_t row = 0; row < chart.heat->rows.size(); ++row)
      for (std::size_t at = 0; at < chart.heat->x.size(); ++at)
        out << number(chart.heat->x[at]) << ' ' << row + 1 << ' ' << number(chart.heat->rows[row][at]) << '\n';
    out << "EOD\n";
    parts.push_back(name + " using 1:2:3 with image notitle");
  }
  for (const Series& series : chart.series) {
    if (series.low.empty()) continue;
    const std::string name = begin_block();
    for (std::size_t at = 0; at < series.band_x.size(); ++at)
      out << number(series.band_x[at]) << ' ' << number(series.low[at], chart.log_y) << ' '
          << number(series.high[at], chart.log_y) << '\n';
    out << "EOD\n";
    parts.push_back(name + " using 1:2:3 with filledcurves fc rgb '" + series.color + "' fs transparent solid " +
                    (series.area    ? "0.5"
                     : series.faint ? "0.12"
                                    : "0.25") +
                    " noborder notitle");
  }
  for (const Series& series : chart.series) {
    if (series.x.empty()) continue;
    const std::string name = begin_block();
    write_points(out, series, chart.log_y);
    out << "EOD\n";
    const std::string style = !series.line ? "points pt 7 ps 0.5" : series.points ? "linespoints pt 7 ps 0.4" : "lines";
    // #aarrggbb: what is behind is drawn pale.
    const std::string color = series.faint && series.low.empty() ? "#b0" + series.color.substr(1) : series.color;
    parts.push_back(name + " using 1:2 with " + style + " lw 1.6 lc rgb '" + color + "'" +
                    (series.dashed ? " dt 2" : "") + " notitle");
  }
  // One block for each colour and kind: bars are many.
  std::vector<std::pair<std::string, bool>> kinds;
  for (const Bar& bar : chart.bars)
    if (std::find(kinds.begin(), kinds.end(), std::pair(bar.color, bar.striped)) == kinds.end())
      kinds.emplace_back(bar.color, bar.striped);
  for (const auto& [color, striped] : kinds) {
    const std::string name = begin_block();
    for (const Bar& bar : chart.bars)
      if (bar.color == color && bar.striped == striped)
        out << number(bar.from) << ' ' << number(bar.row) << ' ' << number(bar.to - bar.from) << " 0\n";
    out << "EOD\n";
    const double width =
        std::clamp(static_cast<double>(chart.height) / 2.0 / std::max(1.0, chart.y_max.value_or(1.0)), 0.4, 6.0);
    parts.push_back(name + " using 1:2:3:4 with vectors nohead lw " + format_fixed(width, 2) + " lc rgb '" + color +
                    "'" + (striped ? " dt (2,2)" : "") + " notitle");
  }
  for (const double rule : chart.rules) parts.push_back(number(rule) + " with lines lw 0.7 lc rgb '#888888' notitle");
  if (chart.guide) parts.push_back(number(*chart.guide) + " with lines lw 1 dt 3 lc rgb '#888888' notitle");
  if (parts.empty()) parts.emplace_back("NaN notitle");
  std::string command = "plot ";
  for (std::size_t at = 0; at < parts.size(); ++at) command += (at > 0 ? ", " : "") + parts[at];
  return command;
}

/// Whole numbers in full up to a million, others as short as they are.
std::string tick_text(double value) {
  constexpr double kMostPlain = 1e6;
  if (value == std::floor(value) && std::abs(value) < kMostPlain) return format_fixed(value + 0.0, 0);
  return format_short(value);
}

/// Where the x axis begins and ends.
std::pair<double, double> x_range(const Chart& chart) {
  if (chart.x_min && chart.x_max) return {*chart.x_min, *chart.x_max};
  std::pair<double, double> range(std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity());
  for (const Series& series : chart.series)
    for (const std::vector<double>* values : {&series.x, &series.band_x})
      for (const double value : *values) range = {std::min(range.first, value), std::max(range.second, value)};
  return range;
}

/// A step of 1, 2 or 5 times a power of ten, of which the length has about six.
double round_step(double length) {
  constexpr double kTicks = 6.0;
  const double power = std::pow(10.0, std::floor(std::log10(length / kTicks)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (length / (factor * power) <= kTicks) return factor * power;
  return 10.0 * power;
}

/// Ticks at round numbers, and one at the end of the axis where it counts steps: how long the run was can be read off.
void write_x_ticks(std::ostream& out, const Chart& chart) {
  const auto [low, high] = x_range(chart);
  if (!(low < high) || !std::isfinite(high - low)) return;
  const double step = round_step(high - low);
  constexpr double kMostTicks = 20.0;
  if (!(step > 0.0) || (high - low) / step > kMostTicks) return;
  const bool counts = low >= 0.0 && high == std::floor(high) && !chart.named_y;
  constexpr double kTouching = 0.45;  // of a step
  std::vector<double> ticks;
  for (double place = std::ceil(low / step); place * step <= high; place += 1.0) ticks.push_back(place * step);
  if (counts && (ticks.empty() || ticks.back() < high)) {
    if (!ticks.empty() && high - ticks.back() < kTouching * step) ticks.pop_back();
    ticks.push_back(high);
  }
  out << "set xtics (";
  for (std::size_t at = 0; at < ticks.size(); ++at)
    out << (at > 0 ? ", " : "") << '"' << tick_text(ticks[at]) << "\" " << number(ticks[at]);
  out << ")\n";
}

/// Axes, data and the plot command.
void write_chart(std::ostream& out, const Chart& chart) {
  // Room for the larger letters of a phone, too.
  out << "set lmargin 11\nset bmargin 4\n";
  out << "set border 3 lc rgb '#888888'\nset tics nomirror textcolor rgb 'black'\nset grid ytics lc rgb '#bbbbbb' dt 3 "
         "lw 0.7\n"
      << "unset key\nset xlabel '" << chart.x_label << "' textcolor rgb 'black'\nset ylabel '" << chart.y_label
      << "' textcolor rgb 'black'\n";
  if (chart.log_y) out << "set logscale y\nset format y '%g'\n";
  if (chart.log_x) out << "set logscale x\n";
  out << "set autoscale xfix\n";
  if (chart.named_y) out << "unset ytics\n";
  if (chart.named_y || !chart.grid) out << "unset grid\n";
  int shade_number = 0;
  for (const Shade& shade : chart.shades)
    out << "set object " << ++shade_number << " rectangle from "
        << (shade.from ? "first " + number(*shade.from) : std::string("graph 0")) << ", graph 0 to "
        << (shade.to ? "first " + number(*shade.to) : std::string("graph 1"))
        << ", graph 1 behind fc rgb '#888888' fs transparent solid 0.22 noborder\n";
  if (chart.whole_x) out << "set xtics 1\n";
  if (!chart.y_ticks.empty()) {
    out << "set ytics (";
    for (std::size_t at = 0; at < chart.y_ticks.size(); ++at)
      out << (at > 0 ? ", " : "") << '"' << script_words(chart.y_ticks[at].text) << "\" "
          << number(chart.y_ticks[at].at);
    out << ")\nunset grid\n";
  }
  if (!chart.log_x && !chart.whole_x && !chart.heat) write_x_ticks(out, chart);
  if (chart.x_min && chart.x_max) out << "set xrange [" << number(*chart.x_min) << ':' << number(*chart.x_max) << "]\n";
  out << "set yrange [" << (chart.y_min ? format_number(*chart.y_min) : "*") << ':'
      << (chart.y_max ? format_number(*chart.y_max) : "*") << "]\n";
  if (chart.heat)
    out << "set palette defined (0 '#2f6f4f', 0.0005 '#f3e3b3', 0.5 '#d95f02', 1 '#5a0b0b')\nset cbrange [0:1]\n"
        << "set yrange [0.5:" << static_cast<double>(chart.heat->rows.size()) + 0.5 << "]\nset ytics 1,"
        << std::max<std::size_t>(1, chart.heat->rows.size() / 10) << "\nunset grid\nset cbtics textcolor rgb 'black'\n";
  const std::string command = write_plot(out, chart);
  out << command << '\n';
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// Without the XML prologue, with ids of its own, and text and axes in the colour of the page.
std::string tidy(std::string svg, const std::string& prefix) {
  svg.erase(0, svg.find("<svg"));
  const std::size_t title = svg.find("<title>");
  if (title != std::string::npos) svg.erase(title, svg.find("</desc>") + 7 - title);
  const std::size_t defs = svg.find("<defs>");
  // Only points of type 7 are used: one of fifteen symbols.
  if (defs != std::string::npos)
    svg.replace(defs, svg.find("</defs>") + 7 - defs,
                "<defs><circle id='gpPt6' fill='currentColor' stroke='none' cx='0' cy='0' r='1'/></defs>");
  replace_all(svg, "gpPt6", prefix + "-pt");
  replace_all(svg, "id=\"gnuplot", "id=\"" + prefix + "-gnuplot");
  replace_all(svg, "id=\"gp", "id=\"" + prefix + "-gp");
  replace_all(svg, "color=\"black\"", "");
  replace_all(svg, "rgb(0,0,0)", "currentColor");
  replace_all(svg, "rgb(0, 0, 0)", "currentColor");
  replace_all(svg, "fill=\"black\"", "fill=\"currentColor\"");
  // Each line's own title would show as a tooltip.
  for (std::size_t at = svg.find("<title>"); at != std::string::npos; at = svg.find("<title>", at))
    svg.erase(at, svg.find("</title>", at) + 8 - at);
  replace_all(svg, "\n\n", "\n");
  return svg;
}

constexpr const char* kPicture = "picture";

}  // namespace

std::vector<DrawnChart> draw_charts(const std::vector<Chart>& charts) {
  std::vector<DrawnChart> drawn(charts.size());
  if (charts.empty()) return drawn;
  const GnuplotPlace place;
  std::istringstream said(place.run([&](std::ostream& script) {
    for (std::size_t at = 0; at < charts.size(); ++at) {
      script << "reset\nset terminal svg size " << charts[at].width << ',' << charts[at].height
             << " dynamic font 'sans-serif,13' noenhanced\nset output '" << svg_name(at) << "'\n";
      write_chart(script, with_axis(charts[at]));
      script << "print sprintf('%.6f %.6f %.6f %.6f %.17g %.17g %.17g %.17g', GPVAL_TERM_XMIN, GPVAL_TERM_XMAX, "
                "GPVAL_TERM_YMIN, GPVAL_TERM_YMAX, GPVAL_X_MIN, GPVAL_X_MAX, GPVAL_Y_MIN, GPVAL_Y_MAX)\n"
             << "unset output\n";
    }
  }));
  for (std::size_t at = 0; at < charts.size(); ++at) {
    DrawnChart& chart = drawn[at];
    double bottom = 0.0;
    double top = 0.0;
    // Warnings may stand between the lines that were printed.
    for (std::string line; std::getline(said, line);) {
      std::istringstream numbers(line);
      if (numbers >> chart.left >> chart.right >> bottom >> top >> chart.x_min >> chart.x_max >> chart.y_min >>
          chart.y_max)
        break;
    }
    chart.top = charts[at].height - top;
    chart.bottom = charts[at].height - bottom;
    chart.svg = shorten_svg(tidy(place.read(svg_name(at)), charts[at].id));
  }
  return drawn;
}

std::string draw_panels(const std::vector<Panel>& panels, int columns, const std::string& heading,
                        const PictureFormat& format) {
  if (panels.empty()) throw std::logic_error("a picture needs a panel");
  constexpr int kHeadingHeight = 26;
  constexpr int kTitleHeight = 26;
  const auto count = static_cast<int>(panels.size());
  columns = std::min(columns, count);
  const int rows = (count + columns - 1) / columns;
  const int width = columns * panels.front().chart.width;
  const int height = rows * (panels.front().chart.height + kTitleHeight) + kHeadingHeight;
  const GnuplotPlace place;
  static_cast<void>(place.run([&](std::ostream& script) {
    script << "set encoding utf8\nset terminal " << format.terminal << " size " << number(format.unit * width) << ','
           << number(format.unit * height) << ' ' << format.style << " noenhanced\nset output '" << kPicture << "'\n"
           << "set multiplot layout " << rows << ',' << columns << " title \"" << script_words(heading) << "\"\n";
    for (const Panel& panel : panels) {
      script << "reset\nset title \"" << script_words(panel.title) << "\"\n";
      write_chart(script, with_axis(panel.chart));
    }
    script << "unset multiplot\nunset output\n";
  }));
  return place.read(kPicture);
}

}  // namespace reluscope
