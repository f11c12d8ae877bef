#include "util/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "util/random.hpp"

namespace reluscope {

namespace {

double median_in_place(std::vector<double>& values) {
  const std::size_t count = values.size();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(count / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (count % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(values.begin(), middle));
}

}  // namespace

double median(std::vector<double> values) {
  return values.empty() ? std::numeric_limits<double>::quiet_NaN() : median_in_place(values);
}

Estimate bootstrap_median(std::span<const double> values, std::size_t resamples) {
  Estimate estimate;
  estimate.count = static_cast<std::int64_t>(values.size());
  estimate.value = median({values.begin(), values.end()});
  if (values.size() < 3) {
    estimate.low = -std::numeric_limits<double>::infinity();
    estimate.high = std::numeric_limits<double>::infinity();
    return estimate;
  }
  Rng random(0, Purpose::bootstrap);
  std::vector<double> medians(resamples);
  std::vector<double> drawn(values.size());
  for (double& one : medians) {
    for (double& value : drawn) value = values[static_cast<std::size_t>(random.below(values.size()))];
    one = median_in_place(drawn);
  }
  std::sort(medians.begin(), medians.end());
  estimate.low = medians[resamples / 40];
  estimate.high = medians[resamples - 1 - resamples / 40];
  return estimate;
}

}  // namespace reluscope
