#pragma once
// Charts, drawn by gnuplot as a child process: as inline SVG, or as panels of a picture. It gets numbers and our own
// words alone: names from a config or a file are never handed to it, legends are made in HTML.

#include <string>
#include <vector>

#include "report/chart.hpp"
#include "report/gnuplot.hpp"

namespace reluscope {

/// A chart, and where its axes are: in units of the SVG, and in those of the data.
struct DrawnChart {
  std::string svg;
  double left = 0.0, right = 0.0, top = 0.0, bottom = 0.0;
  double x_min = 0.0, x_max = 0.0, y_min = 0.0, y_max = 0.0;
};

/// Of charts that are drawable. Throws NoGnuplot where there is none, IoError where it fails.
std::vector<DrawnChart> draw_charts(const std::vector<Chart>& charts);

/// A file format that gnuplot draws, by the ending of the file.
struct PictureFormat {
  const char* ending;
  const char* terminal;
  double unit;  ///< of its sizes, for a unit of a chart's
  const char* style;
};
/// A chart as a part of a picture. The title goes into the script: it is no text of a user.
struct Panel {
  std::string title;
  Chart chart;
};
/// Charts of one size in a picture, row by row; the bytes of its file. Throws NoGnuplot, IoError.
std::string draw_panels(const std::vector<Panel>& panels, int columns, const std::string& heading,
                        const PictureFormat& format);

}  // namespace reluscope
