#include "util/hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>

namespace reluscope {

namespace {

std::string hexadecimal(std::uint64_t hash) {
  std::string digits(16, '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, hash >>= 4)
    *digit = "0123456789abcdef"[hash & 15];
  return digits;
}

}  // namespace

std::string content_hash(std::string_view text) { return hexadecimal(XXH3_64bits(text.data(), text.size())); }

std::string content_hash(std::span<const std::string_view> pieces) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  for (const std::string_view piece : pieces) XXH3_64bits_update(&state, piece.data(), piece.size());
  return hexadecimal(XXH3_64bits_digest(&state));
}

}  // namespace reluscope
