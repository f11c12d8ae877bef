#pragma once
// features.csv: a row is a feature, as the network gets it in training.

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "trace/column.hpp"

namespace reluscope {

struct FeatureRecord {
  std::int64_t feature = 0;
  std::optional<std::string> source;
  double mean = 0.0;
  double std = 0.0;
  double min = 0.0;
  double max = 0.0;
  std::int64_t distinct = 0;
  bool rising = false;
  std::int64_t missing = 0;
  std::uint64_t unmeasured = 0;

  /// Different values are counted up to here.
  static constexpr std::int64_t kMostDistinct = 32;

  static constexpr auto columns() {
    return std::tuple{
        Column{"feature", &FeatureRecord::feature, "input of the network, from 0"},
        Column{"source", &FeatureRecord::source, "the column's name in the data file; empty where there is none"},
        Column{"mean", &FeatureRecord::mean, "over the training samples, after data.normalize"},
        Column{"std", &FeatureRecord::std, "standard deviation"},
        Column{"min", &FeatureRecord::min, "smallest value"},
        Column{"max", &FeatureRecord::max, "largest value"},
        Column{"distinct", &FeatureRecord::distinct, "different values, counted up to 32"},
        Column{"rising", &FeatureRecord::rising,
               "1 if each sample's value is above that of the sample before it in the data: as a row number's"},
        Column{"missing", &FeatureRecord::missing, "training samples whose value was missing and was filled"},
    };
  }
};

}  // namespace reluscope
