#include "util/hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>

namespace reluscope {

std::string content_hash(std::string_view text) {
  std::uint64_t hash = XXH3_64bits(text.data(), text.size());
  std::string digits(16, '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, hash >>= 4)
    *digit = "0123456789abcdef"[hash & 15];
  return digits;
}

}  // namespace reluscope
