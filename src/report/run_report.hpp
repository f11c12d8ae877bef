#pragma once
// A finished run for people: the table of layers and the verdict.

#include <string>

#include "experiment/run.hpp"
#include "report/terminal.hpp"

namespace reluscope {

/// One row per layer with units: units, dead %, born dead %, saturated %, gradient norm first → last.
/// Narrower ones lose columns.
std::string layer_table(const RunSummary& summary, TableStyle style, std::size_t width = 1000);

/// Loss and accuracy at the end, one line.
std::string final_figures(const RunSummary& summary);

}  // namespace reluscope
