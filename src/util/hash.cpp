#include "util/hash.hpp"

#define XXH_INLINE_ALL
#ifndef NDEBUG
#define XXH_NO_INLINE_HINTS 1  // -Og does not inline what must be
#endif
#include <xxhash.h>

namespace reluscope {

std::string hexadecimal(std::uint64_t value, std::size_t digits) {
  std::string text(digits, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4) *digit = "0123456789abcdef"[value & 15];
  return text;
}

std::string content_hash(std::string_view text) { return hexadecimal(XXH3_64bits(text.data(), text.size()), 16); }

std::string content_hash(std::span<const std::string_view> pieces) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  for (const std::string_view piece : pieces) XXH3_64bits_update(&state, piece.data(), piece.size());
  return hexadecimal(XXH3_64bits_digest(&state), 16);
}

}  // namespace reluscope
