#pragma once
// The file that describes a sweep.

#include <filesystem>

#include "trials/sweep.hpp"

namespace reluscope {

/// Throws ConfigError for what is wrong in the file itself and in the config as it is.
Sweep read_sweep_file(const std::filesystem::path& file);

}  // namespace reluscope
