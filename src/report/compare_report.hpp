#pragma once
// Variants beside each other, for people and for programs.

#include <string>
#include <vector>

#include "report/terminal.hpp"
#include "trials/compare.hpp"

namespace reluscope {

/// One block of rows per metric: median, and the paired difference to the first variant with its interval.
std::string comparison_table(const std::vector<Comparison>& rows, TableStyle style);
/// The same as a JSON array.
std::string comparison_json(const std::vector<Comparison>& rows);
/// "+1.2 [0.3, 2.1]": a median difference and its 95 % interval.
std::string difference_text(const Estimate& difference, double scale);

}  // namespace reluscope
