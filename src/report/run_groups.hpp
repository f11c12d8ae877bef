#pragma once
// Several runs beside each other: those of one config that differ in the seed alone are a group.

#include <string>
#include <vector>

#include "report/figure.hpp"
#include "report/report_run.hpp"

namespace reluscope {

/// What tells several runs apart.
struct RunLabels {
  std::vector<std::string> keys;                 ///< what varies in their configs, by short names
  std::vector<std::vector<std::string>> values;  ///< [run][key]
  std::vector<std::string> names;                ///< of each run, without its seed: "activation=elu, lr=0.1"
  std::vector<std::size_t> groups;               ///< the number of its group
};
RunLabels label_runs(const std::vector<ReportRun>& runs);
/// The runs in the order of what varies, and of their seeds.
std::vector<ReportRun> in_order(std::vector<ReportRun> runs);

/// Dead units, loss, accuracy and gradient norm: a line with its band for each group.
std::vector<Figure> comparison_figures(const std::vector<ReportRun>& runs, const RunLabels& labels);

/// Gives the same chart of several runs the same axes.
void share_axes(std::vector<std::vector<Figure>>& all);

}  // namespace reluscope
