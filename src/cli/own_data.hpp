#pragma once
// What `init --data` and `try` share.

#include <filesystem>

#include "config/own_config.hpp"

namespace reluscope {

/// Writes the JSON Schema that the config names, for editors, where there is none yet; says so where it cannot.
void write_schema_beside(const std::filesystem::path& config);

}  // namespace reluscope
