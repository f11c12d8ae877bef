#include "report/curves_plot.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <utility>

#include "report/chart_drawing.hpp"
#include "report/figure.hpp"
#include "util/error.hpp"

namespace reluscope {

namespace {

constexpr int kColumns = 4;
constexpr int kPanelWidth = 320;
constexpr int kPanelHeight = 230;
constexpr int kTitleHeight = 26;

/// Beside SVG. Pixels twice as many as an SVG has units; inches of 96 units.
constexpr std::array<PictureFormat, 2> kFormats = {{
    {".png", "pngcairo", 2.0, "font 'sans-serif,13' fontscale 1.6 linewidth 2"},
    {".pdf", "pdfcairo", 1.0 / 96.0, "font 'sans-serif,13' fontscale 0.6"},
}};

/// Nothing stands for SVG.
const PictureFormat* format_of(const std::filesystem::path& file) {
  std::string ending = file.extension().string();
  for (char& letter : ending) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  if (ending.empty() || ending == ".svg") return nullptr;
  for (const PictureFormat& format : kFormats)
    if (ending == format.ending) return &format;
  std::string known = ".svg";
  for (const PictureFormat& format : kFormats) known += std::string(", ") + format.ending;
  throw UsageError("--plot " + file.string() + ": no picture ends in '" + file.extension().string() + "'; there are " +
                   known);
}

std::vector<Chart> charts_of(const std::vector<Curve>& curves, const Curve& relu) {
  std::vector<Chart> charts;
  double low = 0.0;
  double high = 0.0;
  for (const Curve& curve : curves) {
    Chart& chart = charts.emplace_back();
    chart.id = "curve" + std::to_string(charts.size());
    chart.x_label = "z";
    chart.width = kPanelWidth;
    chart.height = kPanelHeight - 8;
    chart.series.push_back({"relu", "#9aa0a6", relu.z, relu.a, {}, {}, {}, false, false});
    chart.series.push_back({"relu'", "#9aa0a6", relu.z, relu.derivative, {}, {}, {}, true, false});
    chart.series.push_back({curve.name, category_color(0), curve.z, curve.a, {}, {}, {}, false, false});
    chart.series.push_back({curve.name + "'", category_color(1), curve.z, curve.derivative, {}, {}, {}, true, false});
    for (const double value : curve.a)
      if (std::isfinite(value)) {
        low = std::min(low, value);
        high = std::max(high, value);
      }
  }
  for (Chart& chart : charts) set_y_range(chart, low, high);
  return charts;
}

std::string svg_of(const std::vector<Curve>& curves, const std::vector<Chart>& charts) {
  const std::vector<DrawnChart> drawn = draw_charts(charts);
  const int rows = (static_cast<int>(curves.size()) + kColumns - 1) / kColumns;
  const int columns = std::min(kColumns, static_cast<int>(curves.size()));
  const int width = columns * kPanelWidth;
  const int height = rows * (kPanelHeight + kTitleHeight) + kTitleHeight;
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"" +
                    std::to_string(width) + "\" height=\"" + std::to_string(height) + "\" viewBox=\"0 0 " +
                    std::to_string(width) + " " + std::to_string(height) +
                    "\" font-family=\"sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
                    "<text x=\"12\" y=\"18\" font-size=\"13\">φ(z) <tspan fill=\"" +
                    category_color(0) + "\">solid</tspan>, φ'(z) <tspan fill=\"" + category_color(1) +
                    "\">dashed</tspan>; relu in grey</text>\n";
  for (std::size_t at = 0; at < curves.size(); ++at) {
    const int x = static_cast<int>(at) % kColumns * kPanelWidth;
    const int y = kTitleHeight + static_cast<int>(at) / kColumns * (kPanelHeight + kTitleHeight);
    svg += "<text x=\"" + std::to_string(x + kPanelWidth / 2) + "\" y=\"" + std::to_string(y + 18) +
           "\" text-anchor=\"middle\" font-size=\"14\" font-weight=\"bold\">" + html_escape(curves[at].name) +
           "</text>\n";
    std::string panel = drawn[at].svg;
    panel.replace(0, 4,
                  "<svg x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y + kTitleHeight) + "\" width=\"" +
                      std::to_string(kPanelWidth) + "\" height=\"" + std::to_string(kPanelHeight - 8) + "\"");
    svg += panel;
  }
  return svg + "</svg>\n";
}

}  // namespace

void check_picture_ending(const std::filesystem::path& file) { static_cast<void>(format_of(file)); }

std::string curves_picture(const std::vector<Curve>& curves, const Curve& relu, const std::filesystem::path& file) {
  const PictureFormat* format = format_of(file);
  std::vector<Chart> charts = charts_of(curves, relu);
  if (format == nullptr) return svg_of(curves, charts);
  std::vector<Panel> panels;
  for (std::size_t at = 0; at < curves.size(); ++at) panels.push_back({curves[at].name, std::move(charts[at])});
  return draw_panels(panels, kColumns, "φ(z) solid, φ'(z) dashed; relu in grey", *format);
}

}  // namespace reluscope
