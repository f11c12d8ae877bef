#pragma once
// A chart: what is drawn, and how; chart_drawing.hpp draws it.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace reluscope {

struct Series {
  std::string name;   ///< for the legend: any text
  std::string color;  ///< "#rrggbb"
  std::vector<double> x, y;
  std::vector<double> low, high;  ///< a band around it, at band_x; empty: none
  std::vector<double> band_x;
  bool dashed = false;
  bool points = false;  ///< marked where there is a value
  bool line = true;     ///< joined; false: points alone
  bool area = false;    ///< its band is what is to be seen, not what is uncertain
  bool faint = false;   ///< behind the others: pale, and its band paler
};

/// A field of values from 0 to 1: row by row from below, one value per x.
struct HeatMap {
  std::vector<double> x;
  std::vector<std::vector<double>> rows;
};

/// A stretch of one row, in one colour.
struct Bar {
  double row = 0.0;
  double from = 0.0;
  double to = 0.0;
  std::string color;
  bool striped = false;
};

/// A tick with a text of our own: numbers, or words of the program.
struct Tick {
  double at = 0.0;
  std::string text;
};

/// A range of the x axis that is shaded from bottom to top.
struct Shade {
  std::optional<double> from, to;  ///< absent: as far as the axis goes
};

struct Chart {
  std::string id;  ///< of the HTML element
  std::string title;
  std::string note;  ///< one or two sentences under it
  std::string x_label, y_label;
  bool log_y = false;
  bool log_x = false;
  bool whole_x = false;  ///< ticks at whole numbers
  bool named_y = false;  ///< its rows have names, in the legend: no ticks
  std::optional<double> x_min, x_max, y_min, y_max;
  std::vector<Series> series;
  std::optional<HeatMap> heat;
  std::vector<Bar> bars;
  std::vector<Shade> shades;
  std::vector<Tick> y_ticks;    ///< instead of gnuplot's; empty: those
  std::vector<double> rules;    ///< thin horizontal lines
  bool grid = true;             ///< pale lines at the ticks of y
  std::optional<double> guide;  ///< a horizontal line
  int width = 640;
  int height = 300;
};

/// A value as it can be drawn: NaN, which is a gap, where it is not finite or, on a logarithmic axis, not above 0.
/// Beyond 1e±300, where gnuplot's arithmetic overflows, it is that bound.
double drawn_value(double value, bool log_y);
/// Whether there is anything to be seen: one value that can be drawn.
bool is_drawable(const Chart& chart);
/// Makes the y axis go a little beyond these two values, however near they are to each other.
void set_y_range(Chart& chart, double low, double high);
/// The chart as it is to be drawn: gnuplot finds an axis by itself, but for values that are too near to each other.
Chart with_axis(const Chart& chart);

/// Colours for layers in the order of their depth, dark near the input; readable on light and dark ground, and told
/// apart without seeing colours well.
std::string depth_color(std::size_t index, std::size_t count);
/// Colours for a few things without order: nine that can be told apart by eyes without green cones as well.
std::string category_color(std::size_t index);

/// At most about `most` points that keep the least and the greatest value of every stretch.
void thin_out(std::vector<double>& x, std::vector<double>& y, std::size_t most);

}  // namespace reluscope
