#pragma once
// What a run says of its data before it begins.

#include <string>
#include <vector>

#include "config/spec.hpp"
#include "data/dataset.hpp"

namespace reluscope {

struct DataLines {
  std::vector<std::string> facts;     ///< samples, label and classes, features, what was left out or filled, the scale
  std::vector<std::string> warnings;  ///< what is hardly meant, and the setting that mends it
};

DataLines data_lines(const ExperimentSpec& spec, const Dataset& dataset);

}  // namespace reluscope
