// What is copied while there is no memory is as it was before. The allocator of the whole program fails on demand.
#include <doctest/doctest.h>

#include <cstdlib>
#include <new>

#include "util/param.hpp"

using namespace reluscope;

namespace {

thread_local bool no_memory = false;

}  // namespace

void* operator new(std::size_t size) {
  void* memory = no_memory ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

TEST_CASE("a parameter's value of which no copy can be made is left alone, and the copy is none") {
  const std::string text(100, 'x');
  const NumberList list(100, 0.5);
  for (const ParamValue& value : {ParamValue(text), ParamValue(list)}) {
    bool refused = false;
    no_memory = true;
    try {
      const ParamValue copy = value;
    } catch (const std::bad_alloc&) { refused = true; }
    no_memory = false;
    CHECK(refused);
    CHECK((value == ParamValue(text) || value == ParamValue(list)));
  }
}
