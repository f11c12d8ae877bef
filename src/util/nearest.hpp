#pragma once
// "Did you mean …?"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace reluscope {

/// Damerau–Levenshtein distance (optimal string alignment): insertions, deletions, substitutions and swaps of
/// neighbours, in bytes.
std::size_t edit_distance(std::string_view left, std::string_view right);

/// The candidate nearest to `word`, if it is near enough to have been meant: at most a third of its letters differ
/// (at least one may), or one is the beginning of the other.
std::optional<std::string> nearest_name(std::string_view word, std::span<const std::string> candidates);

/// Small letters and digits alone: "LeakyReLU", "leaky_relu" and "leaky-relu" are one.
std::string bare_name(std::string_view name);

}  // namespace reluscope
