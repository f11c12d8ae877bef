#include "support/heap.hpp"

#include <cstdlib>
#include <new>

namespace reluscope::test {

std::atomic<std::int64_t> heap_allocations = 0;
thread_local bool heap_is_full = false;

}  // namespace reluscope::test

namespace {

using reluscope::test::heap_allocations;
using reluscope::test::heap_is_full;

void* take(std::size_t size) {
  heap_allocations.fetch_add(1);
  return heap_is_full ? nullptr : std::malloc(size == 0 ? 1 : size);
}

void* take(std::size_t size, std::align_val_t alignment) {
  heap_allocations.fetch_add(1);
  const auto step = static_cast<std::size_t>(alignment);
  return heap_is_full ? nullptr : std::aligned_alloc(step, (size + step - 1) / step * step);
}

void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

/// Not inlined: gcc would take free() in a delete for the wrong partner of new.
[[gnu::noinline]] void give_back(void* memory) { std::free(memory); }

}  // namespace

// All of them: the sanitizers have their own of any that is left out, and would see a wrong partner.
void* operator new(std::size_t size) { return or_throw(take(size)); }
void* operator new(std::size_t size, std::align_val_t alignment) { return or_throw(take(size, alignment)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return take(size); }
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return take(size, alignment);
}
void* operator new[](std::size_t size) { return or_throw(take(size)); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return or_throw(take(size, alignment)); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return take(size); }
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return take(size, alignment);
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { give_back(memory); }
