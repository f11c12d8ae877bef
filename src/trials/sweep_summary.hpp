#pragma once
// What a sweep has found: its settings, the best first, and one sentence.

#include <string>
#include <vector>

#include "trials/metrics.hpp"

namespace reluscope {

struct SweepSummary {
  std::string by;                  ///< the metric that decides
  std::vector<std::size_t> order;  ///< settings: the fewest failures first, then the best median
  std::string sentence;            ///< which is best, how good it is, and how the next one compares
  std::vector<std::string> notes;
};

/// `by`: a metric that decides; empty, or one that these runs do not have: the usual one.
SweepSummary summarize(const ComparedRuns& runs, const std::string& by);

}  // namespace reluscope
