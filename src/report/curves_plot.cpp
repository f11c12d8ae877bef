#include "report/curves_plot.hpp"

#include <algorithm>
#include <cmath>

#include "report/chart.hpp"
#include "report/html_report.hpp"

namespace reluscope {

namespace {

constexpr int kColumns = 4;
constexpr int kPanelWidth = 320;
constexpr int kPanelHeight = 230;
constexpr int kTitleHeight = 26;

}  // namespace

std::string curves_svg(const std::vector<Curve>& curves, const Curve& relu) {
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

}  // namespace reluscope
