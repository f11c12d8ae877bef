#pragma once

#include <vector>

#include "report/figure.hpp"
#include "report/report_run.hpp"

namespace reluscope {

/// A row for each unit that was ever dead, over the steps: when it was, of what it died, and from when on it provably
/// cannot come back. Empty where none was.
std::vector<Figure> lives_figure(const ReportRun& run);

}  // namespace reluscope
