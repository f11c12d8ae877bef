#pragma once
// The allocator of the test programs that have heap.cpp among their sources: it counts, and fails on demand.

#include <atomic>
#include <cstdint>

namespace reluscope::test {

/// Calls of `operator new` so far, of all threads.
extern std::atomic<std::int64_t> heap_allocations;

/// While it is true no `operator new` of this thread gets any memory.
extern thread_local bool heap_is_full;

}  // namespace reluscope::test
