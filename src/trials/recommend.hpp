#pragma once
// Which variant to take, and why, in words that a person can check against the table.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trials/metrics.hpp"

namespace reluscope {

/// Smaller differences decide nothing, be they as certain as they may: half a point of accuracy, a fiftieth of a loss,
/// a point of dead units, a twentieth of the steps. `reference`: the metric's median for what it is compared with.
double least_difference(const Metric& metric, double reference);

struct Recommendation {
  std::string by;                     ///< the metric that decides
  std::optional<std::size_t> choice;  ///< the variant's number; none where every run failed
  bool keeps = false;                 ///< it is the reference
  std::string sentence;               ///< what, and why
  std::vector<std::string> notes;     ///< where figures disagree, what failed, what would make it surer
};

/// Of the variants of these numbers, the first of them being the reference. Another one is recommended where the 95 %
/// interval of its paired difference lies on the better side of 0 and the difference matters (least_difference), or
/// where fewer of its runs fail. Of several that cannot be told from the best of them, the one that stands first: it is
/// the simplest. `names`: what to call them in sentences.
Recommendation recommend(const ComparedRuns& runs, std::span<const std::size_t> shown,
                         std::span<const std::string> names, const std::string& by);

/// Of each value of the first thing that is varied, the variant (of another learning rate, say) that is best by the
/// metric: with the fewest failures, then the best median, then the first one.
std::vector<std::size_t> best_of_each(const ComparedRuns& runs, const std::string& by);

/// Where each of the variants is the best of several learning rates, the last thing that is varied: which, and whether
/// there may be a better one beyond those that were tried.
std::vector<std::string> rate_notes(const ComparedRuns& runs, std::span<const std::size_t> shown,
                                    std::span<const std::string> names);

/// "+1.2 [0.3, 2.1]": a median difference and its 95 % interval, with as many digits as the interval deserves.
std::string difference_text(const Estimate& difference, double scale, bool sign = true);

}  // namespace reluscope
