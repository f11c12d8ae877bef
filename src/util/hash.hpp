#pragma once

#include <string>
#include <string_view>

namespace reluscope {

/// XXH3 (64 bits) of the text, as 16 hexadecimal digits: names things by their content. Not for secrets.
std::string content_hash(std::string_view text);

}  // namespace reluscope
