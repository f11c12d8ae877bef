#pragma once
// How much memory there is. The system hands out more than that and then kills whoever uses it, so sizes are compared
// before room is made.

#include <cstdint>

namespace reluscope {

/// Memory this process may use: the machine's, or less where the process (RLIMIT_AS) or its container (cgroup v2) is
/// limited.
std::uint64_t available_memory_bytes();

/// a · b, or the largest number where that overflows.
constexpr std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b) {
  return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

/// a + b, or the largest number where that overflows.
constexpr std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

}  // namespace reluscope
