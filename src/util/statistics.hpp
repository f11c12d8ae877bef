#pragma once
// Robust summaries of small samples, and bootstrap intervals that are the same on every machine.

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace reluscope {

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// NaN for no values; the mean of the two in the middle for an even count.
double median(std::vector<double> values);

/// A statistic with a 95 % confidence interval.
struct Estimate {
  double value = 0.0;
  double low = 0.0;
  double high = 0.0;
  std::int64_t count = 0;  ///< values it rests on
};

/// The median, with the percentile bootstrap (Efron 1979): the 2.5 % and 97.5 % quantiles of the medians of so many
/// resamples with replacement, drawn from a fixed seed. With fewer than 3 values the interval is the whole line.
Estimate bootstrap_median(std::span<const double> values, std::size_t resamples = 10'000);

}  // namespace reluscope
