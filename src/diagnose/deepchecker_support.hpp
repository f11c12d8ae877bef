#pragma once
// What the rules of TheDeepChecker share (published_deepchecker.cpp says where they come from): when it looks, and at
// how many values in a row.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "diagnose/published_support.hpp"

namespace reluscope {

/// OverfitCheck.start and .period: layers are looked at in every tenth iteration from the eleventh on, losses are
/// averaged over ten.
inline constexpr std::size_t kDeepCheckerPeriod = 10;
/// window_size of Vanishing, Exploding, NonDecreasing and Diverging: values in a row, so four ratios.
inline constexpr std::size_t kDeepCheckerWindow = 5;

/// The step at which its training ends: OverfitCheck.patience, 5 iterations in a row with an accuracy of
/// classif_perf_thresh, 1, or an error below regr_perf_thresh, 1e-4 (here the loss).
std::int64_t deepchecker_end(const RunTables& run);

/// Whether `says(value, the one before)` of the last five values, in each case.
template <class Values, class Get, class Says>
bool all_in_window(const Values& values, Get get, Says says) {
  const std::size_t count = values.size();
  if (count < kDeepCheckerWindow) return false;
  for (std::size_t at = count - kDeepCheckerWindow + 1; at < count; ++at)
    if (!says(get(values[at]), get(values[at - 1]))) return false;
  return true;
}

/// Its rules of the loss (published_deepchecker_loss.cpp).
std::vector<RuleEntry> deepchecker_loss_rules();

}  // namespace reluscope
