#pragma once

#include <filesystem>
#include <vector>

#include "data/data_spec.hpp"

namespace reluscope {

/// The files that load_dataset reads: whatever is there by the name that a text parameter of the source has.
std::vector<std::filesystem::path> data_files(const DataSpec& spec);

}  // namespace reluscope
