#pragma once
// How much memory there is. The system hands out more than that and then kills whoever uses it, so sizes are compared
// before room is made.

#include <cstdint>

namespace reluscope {

/// Memory this process may use: the machine's, or less where the process (RLIMIT_AS) or its container (cgroup v2) is
/// limited.
std::uint64_t available_memory_bytes();

}  // namespace reluscope
