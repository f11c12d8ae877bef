#pragma once
// Charts of a page: each with its legend, a line of words, and the numbers under it.

#include <string>
#include <utility>
#include <vector>

#include "report/chart_drawing.hpp"

namespace reluscope {

/// How a thing is drawn, and what it is.
struct LegendEntry {
  std::string color;
  std::string text;
  enum class Mark { solid, dashed, striped } mark = Mark::solid;
};

/// A chart with the numbers under it.
struct Figure {
  Chart chart;
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
  std::vector<LegendEntry> legend;
  std::string absence;  ///< why there is no chart, which stands in its place
};

/// Points of a line that are drawn, at most; fewer where there are many lines, so that a page of a hundred layers stays
/// small.
inline constexpr std::size_t kPoints = 400;
/// More lines than these are named by their ends alone.
inline constexpr std::size_t kMostNamed = 12;

/// A chart over the steps of a run.
Figure make_figure(std::string id, std::string title, std::string note, std::string y_label, bool log_y = false);
/// Whether something was measured, be it finite or not.
bool has_points(const Figure& figure);
/// Table, legend, and no more points than can be seen. `first`: what the axis shows.
void finish(Figure& figure, const std::string& first = "step");

/// Draws what can be drawn: the charts of the other figures stay empty. Where there is no gnuplot each figure says so,
/// and the reason comes back.
std::string draw_figures(const std::vector<Figure*>& figures, std::vector<DrawnChart>& drawn);

// HTML. Text is escaped.
std::string html_escape(std::string_view text);
std::string table_html(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows);
std::string figure_html(const Figure& figure, const DrawnChart& drawn);

}  // namespace reluscope
