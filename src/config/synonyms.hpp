#pragma once
// What else people call the keys and names of a config.

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace reluscope {

/// Which of `names` is meant by `given`: the same but for case, underscores and hyphens (LeakyReLU, BatchSize), or
/// known by this other name (swish, zscore, learning_rate). Nothing where none is.
std::optional<std::string> meant_name(std::string_view given, std::span<const std::string> names);

}  // namespace reluscope
