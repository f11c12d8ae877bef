#pragma once
// Several runs beside each other: those of one config that differ in the seed alone are a group.

#include <string>
#include <vector>

#include "report/figure.hpp"
#include "report/report_run.hpp"

namespace reluscope {

/// Dead units, loss, accuracy and gradient norm: a line with its band for each group.
std::vector<Figure> comparison_figures(const std::vector<ReportRun>& runs);

/// Gives the same chart of several runs the same axes.
void share_axes(std::vector<std::vector<Figure>>& all);

}  // namespace reluscope
