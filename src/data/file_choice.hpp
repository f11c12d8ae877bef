#pragma once
// Data come as one file, of which a test part is split off, or as separate training and test files.

#include <span>
#include <string_view>

#include "util/param.hpp"

namespace reluscope {

/// True when all the keys of `single` are given, false when all those of `separate` are. Throws DataError that names
/// the keys when keys of both are given, or neither list is complete.
bool is_single_file(const ParamValues& params, std::string_view kind, std::span<const std::string_view> single,
                    std::span<const std::string_view> separate);

}  // namespace reluscope
