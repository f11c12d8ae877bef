#pragma once

#include <string>

#include "config/layout.hpp"

namespace reluscope {

/// The name of an experiment that was made from another: "digits" and "-pruned". It has a run directory of its own, so
/// that it does not meet that of the original. Where both are longer than a name may be, the original's gives way.
inline std::string derived_name(std::string original, const std::string& suffix) {
  while (original.size() > 1 && !is_name(original + suffix)) original.pop_back();
  return original + suffix;
}

}  // namespace reluscope
