#pragma once

#include <string>

#include "report/terminal.hpp"
#include "trials/compared_results.hpp"
#include "trials/sweep_summary.hpp"

namespace reluscope {

/// A row for each setting: what is varied, runs, failures, and the median [least, greatest] of what can decide. In the
/// order of what is varied; of more than `most` settings the best ones, the best first, and how many are left out.
/// Plain text that is wider than `width` loses what does not decide.
std::string sweep_table(const ComparedResults& results, const SweepSummary& summary, std::size_t most, TableStyle style,
                        std::size_t width);

}  // namespace reluscope
