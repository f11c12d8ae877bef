#include "report/figure.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "util/format.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

constexpr std::size_t kPointsOfAll = 12000;
/// Rows of the table under a chart, and its cells.
constexpr std::size_t kTableRows = 60;
constexpr std::size_t kCellsOfTable = 2000;

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
      figure.legend.push_back({series[at].color, series[at].name});
    return;
  }
  for (const Series& one : series)
    if (!one.name.empty())
      figure.legend.push_back({one.color, one.name, one.dashed ? LegendEntry::Mark::dashed : LegendEntry::Mark::solid});
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

}  // namespace

void finish(Figure& figure, const std::string& first) {
  if (figure.rows.empty()) add_table(figure, first);
  if (figure.legend.empty()) add_legend(figure);
  explain_gaps(figure);
  for (Series& series : figure.chart.series) {
    for (double& value : series.y) value = drawn_value(value, figure.chart.log_y);
    thin_out(series.x, series.y, std::min(kPoints, kPointsOfAll / figure.chart.series.size()));
  }
}

Figure make_figure(std::string id, std::string title, std::string note, std::string y_label, bool log_y) {
  Figure figure;
  figure.chart.id = std::move(id);
  figure.chart.title = std::move(title);
  figure.chart.note = std::move(note);
  figure.chart.x_label = "step (updates made)";
  figure.chart.y_label = std::move(y_label);
  figure.chart.log_y = log_y;
  return figure;
}

bool has_points(const Figure& figure) {
  return std::any_of(figure.chart.series.begin(), figure.chart.series.end(),
                     [](const Series& series) { return !series.y.empty(); });
}

std::string draw_figures(const std::vector<Figure*>& figures, std::vector<DrawnChart>& drawn) {
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

std::string table_html(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  std::string html = "<div class=scroll><table><thead><tr>";
  for (const std::string& cell : head) html += "<th scope=col>" + html_escape(cell) + "</th>";
  html += "</tr></thead><tbody>\n";
  for (const auto& row : rows) {
    html += "<tr>";
    for (const std::string& cell : row) html += "<td>" + html_escape(cell);  // HTML closes cells and rows by itself
    html += "\n";
  }
  return html + "</tbody></table></div>\n";
}

namespace {

/// A patch of the colour; a dashed line, and stripes, for what is drawn so.
std::string swatch_html(const LegendEntry& entry) {
  if (entry.mark == LegendEntry::Mark::dashed) return "<i class=dash style=\"border-color:" + entry.color + "\"></i>";
  if (entry.mark == LegendEntry::Mark::striped)
    return "<i style=\"background:repeating-linear-gradient(90deg," + entry.color +
           " 0 3px,transparent 3px 6px)\"></i>";
  return "<i style=\"background:" + entry.color + "\"></i>";
}

}  // namespace

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
    for (const LegendEntry& entry : figure.legend)
      html += "<span>" + swatch_html(entry) + html_escape(entry.text) + "</span> ";
    if (figure.chart.series.size() > kMostNamed)
      html += "<span>" + std::to_string(figure.chart.series.size()) + " layers, dark near the input</span>";
    html += "</p>\n";
  }
  html += "<figcaption>" + html_escape(figure.chart.note) + "</figcaption>\n";
  if (!figure.rows.empty())
    html += "<details><summary>The numbers</summary>" + table_html(figure.head, figure.rows) + "</details>\n";
  return html + "</figure>\n";
}

}  // namespace reluscope
