#pragma once

#include <string>

namespace reluscope {

/// The JSON Schema (draft-07, with keywords that mean the same in 2020-12) of a config, made from the layout that the
/// loader validates with. What only a combination of values shows (see bind.cpp) is not in it.
std::string config_schema();

}  // namespace reluscope
