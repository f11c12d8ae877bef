#pragma once

#include <span>
#include <string>
#include <vector>

namespace reluscope {

/// Of each value its place among the different ones: numbers by their size where all are numbers, else as they come.
std::vector<std::size_t> value_ranks(std::span<const std::string> values);

}  // namespace reluscope
