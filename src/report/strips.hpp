#pragma once
// A run at a glance, in lines of text: dead units over time, layer by layer, and gradient norms as sparklines.

#include <cstddef>
#include <string>

#include "diagnose/run_tables.hpp"

namespace reluscope {

struct StripStyle {
  std::size_t width = 80;  ///< of the terminal
  bool utf8 = true;        ///< block characters; else plain ASCII
  bool color = false;      ///< dead units in red
};

/// One line per layer and kind, with a heading; empty where the tables have nothing to show. Of deep networks some
/// layers only.
std::string run_strips(const RunTables& tables, const StripStyle& style);

/// What fits the terminal behind this descriptor.
StripStyle strip_style(int descriptor);

}  // namespace reluscope
