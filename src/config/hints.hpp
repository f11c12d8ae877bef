#pragma once
// What a config can mean and hardly does: it runs, and `validate` says so.

#include <string>
#include <vector>

#include "config/spec.hpp"

namespace reluscope {

struct ConfigHint {
  std::string pointer;   ///< JSON Pointer of the place
  std::string sentence;  ///< what is odd there, and what may have been meant
};

std::vector<ConfigHint> config_hints(const ExperimentSpec& spec);

}  // namespace reluscope
