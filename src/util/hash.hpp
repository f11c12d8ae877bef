#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace reluscope {

/// The last so many hexadecimal digits of a number.
std::string hexadecimal(std::uint64_t value, std::size_t digits);

/// XXH3 (64 bits) of the text, as 16 hexadecimal digits: names things by their content. Not for secrets.
std::string content_hash(std::string_view text);
/// Of several pieces as if they were one text.
std::string content_hash(std::span<const std::string_view> pieces);

}  // namespace reluscope
