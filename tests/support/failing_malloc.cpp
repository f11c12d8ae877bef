// Preloaded (LD_PRELOAD), makes allocations fail: FAIL_COUNT of them from number FAIL_AFTER on (all that follow, if
// that is 0). With COUNT_TO set to a file, writes there at the end how many there were.
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

void* (*real_malloc)(std::size_t);
void* (*real_calloc)(std::size_t, std::size_t);
void* (*real_realloc)(void*, std::size_t);
int (*real_posix_memalign)(void**, std::size_t, std::size_t);
void* (*real_aligned_alloc)(std::size_t, std::size_t);
void (*real_free)(void*);
std::atomic<long> calls;
long fail_after = -1;
long fail_count = 1;
bool ready;
bool setting_up;

// dlsym wants a little memory of its own before there is a malloc.
alignas(16) char early[65536];
std::size_t early_used;

void* take_early(std::size_t size) {
  size = (size + 15) / 16 * 16;
  if (early_used + size > sizeof early) std::abort();
  void* memory = early + early_used;
  early_used += size;
  return memory;
}

bool is_early(const void* memory) {
  const char* place = static_cast<const char*>(memory);
  return place >= early && place < early + sizeof early;
}

template <class Function>
void find(Function& function, const char* name) {
  function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void set_up() {
  if (ready || setting_up) return;
  setting_up = true;
  find(real_malloc, "malloc");
  find(real_calloc, "calloc");
  find(real_realloc, "realloc");
  find(real_posix_memalign, "posix_memalign");
  find(real_aligned_alloc, "aligned_alloc");
  find(real_free, "free");
  if (const char* after = std::getenv("FAIL_AFTER")) fail_after = std::atol(after);
  if (const char* count = std::getenv("FAIL_COUNT")) fail_count = std::atol(count);
  ready = true;
}

__attribute__((destructor)) void tell() {
  const char* file = std::getenv("COUNT_TO");
  if (file == nullptr) return;
  char text[32];
  const int length = std::snprintf(text, sizeof text, "%ld\n", calls.load());
  const int descriptor = ::open(file, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (descriptor < 0 || ::write(descriptor, text, static_cast<std::size_t>(length)) != length) std::abort();
  ::close(descriptor);
}

bool fails() {
  const long call = calls.fetch_add(1);
  if (fail_after < 0 || call < fail_after || (fail_count > 0 && call >= fail_after + fail_count)) return false;
  errno = ENOMEM;
  return true;
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) noexcept {
  set_up();
  if (!ready) return take_early(size);
  return fails() ? nullptr : real_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  set_up();
  if (!ready) return take_early(count * size);
  return fails() ? nullptr : real_calloc(count, size);
}

void* realloc(void* memory, std::size_t size) noexcept {
  if (is_early(memory)) {
    void* other = malloc(size);
    const auto held = static_cast<std::size_t>(early + sizeof early - static_cast<char*>(memory));
    if (other != nullptr) std::memcpy(other, memory, size < held ? size : held);
    return other;
  }
  set_up();
  if (!ready) return take_early(size);
  return fails() ? nullptr : real_realloc(memory, size);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  set_up();
  return fails() ? ENOMEM : real_posix_memalign(memory, alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  set_up();
  return fails() ? nullptr : real_aligned_alloc(alignment, size);
}

void free(void* memory) noexcept {
  set_up();
  if (!is_early(memory)) real_free(memory);
}
}
