#pragma once
// The charts of one run.

#include <vector>

#include "report/figure.hpp"
#include "report/report_run.hpp"

namespace reluscope {

/// Dead units, lives, gradients, signal against theory, sizes, loss, …: those for which something was measured.
std::vector<Figure> run_figures(const ReportRun& run);
/// φ over the network's own pre-activations, and over those of some units before and after they died.
std::vector<Figure> run_explanations(const ReportRun& run);

}  // namespace reluscope
