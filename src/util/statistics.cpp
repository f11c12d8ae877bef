#include "util/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "util/random.hpp"

namespace reluscope {

namespace {

constexpr std::size_t kResamples = 10'000;

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

Estimate bootstrap_median(std::span<const double> values) {
  Estimate estimate;
  estimate.count = static_cast<std::int64_t>(values.size());
  estimate.value = median({values.begin(), values.end()});
  if (values.size() < 3) {
    estimate.low = -std::numeric_limits<double>::infinity();
    estimate.high = std::numeric_limits<double>::infinity();
    return estimate;
  }
  Rng random(0, Purpose::bootstrap);
  std::vector<double> medians(kResamples);
  std::vector<double> drawn(values.size());
  for (double& one : medians) {
    for (double& value : drawn) value = values[static_cast<std::size_t>(random.below(values.size()))];
    one = median_in_place(drawn);
  }
  std::sort(medians.begin(), medians.end());
  estimate.low = medians[kResamples / 40];
  estimate.high = medians[kResamples - 1 - kResamples / 40];
  return estimate;
}

}  // namespace reluscope
