#include "data/filling.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <type_traits>
#include <variant>

#include "util/error.hpp"

namespace reluscope {
namespace {

/// The values that are there, in the order of the samples.
template <class T>
std::vector<double> known_values(const Matrix<T>& features, Index feature) {
  std::vector<double> values;
  for (Index sample = 0; sample < features.cols(); ++sample)
    if (const auto value = static_cast<double>(features(feature, sample)); !std::isnan(value)) values.push_back(value);
  return values;
}

/// In two passes, as normalisation has it: a constant comes out exactly.
double mean_of(const std::vector<double>& values) {
  const double origin = values.front();
  double sum = 0.0;
  for (const double value : values) sum += value - origin;
  return origin + sum / static_cast<double>(values.size());
}

/// Of an even number of values the mean of the two in the middle.
double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  const double below = *std::max_element(values.begin(), middle);
  return below + (*middle - below) / 2.0;
}

/// Puts `value` where there is none; returns how many there were.
template <class T>
std::uint64_t fill(Matrix<T>& features, Index feature, T value) {
  std::uint64_t count = 0;
  for (Index sample = 0; sample < features.cols(); ++sample) {
    if (!std::isnan(features(feature, sample))) continue;
    features(feature, sample) = value;
    ++count;
  }
  return count;
}

bool has_gaps(const Samples& part, Index feature) {
  return std::visit(
      [&](const auto& features) {
        for (Index sample = 0; sample < features.cols(); ++sample)
          if (std::isnan(static_cast<double>(features(feature, sample)))) return true;
        return false;
      },
      part.features);
}

double statistic(const Dataset& dataset, Index feature, Fill how) {
  if (how == Fill::zero) return 0.0;
  std::vector<double> values =
      std::visit([&](const auto& features) { return known_values(features, feature); }, dataset.train.features);
  if (values.empty()) {
    const std::string name = dataset.feature_name(feature);
    throw DataError(
        name + " has no value in the training part: there is nothing to fill its gaps with\n  help: data.drop=" + name);
  }
  return how == Fill::mean ? mean_of(values) : median_of(values);
}

}  // namespace

std::string_view fill_name(Fill fill) {
  constexpr std::array<std::string_view, 4> kNames = {"none", "mean", "median", "zero"};
  return kNames[static_cast<std::size_t>(fill)];
}

void fill_missing(Dataset& dataset, const std::vector<Fill>& fills) {
  if (fills.empty()) return;
  dataset.missing.assign(fills.size(), 0);
  for (Index feature = 0; feature < dataset.features(); ++feature) {
    const Fill how = fills[static_cast<std::size_t>(feature)];
    if (how == Fill::none || (!has_gaps(dataset.train, feature) && !has_gaps(dataset.test, feature))) continue;
    const double value = statistic(dataset, feature, how);
    double kept = value;
    std::uint64_t missing[2] = {0, 0};
    for (Samples* part : {&dataset.train, &dataset.test})
      std::visit(
          [&](auto& features) {
            using T = typename std::decay_t<decltype(features)>::Scalar;
            if constexpr (!std::is_integral_v<T>) {
              kept = static_cast<double>(static_cast<T>(value));
              missing[part == &dataset.test ? 1 : 0] = fill(features, feature, static_cast<T>(value));
            }
          },
          part->features);
    dataset.missing[static_cast<std::size_t>(feature)] = missing[0];
    dataset.table.filled.push_back({dataset.feature_name(feature), how, missing[0], missing[1], kept});
  }
}

}  // namespace reluscope
