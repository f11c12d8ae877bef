// What is copied while there is no memory is as it was before.
#include <doctest/doctest.h>

#include <new>

#include "support/heap.hpp"
#include "util/param.hpp"

using namespace reluscope;
using test::heap_is_full;

TEST_CASE("a parameter's value of which no copy can be made is left alone, and the copy is none") {
  const std::string text(100, 'x');
  const NumberList list(100, 0.5);
  for (const ParamValue& value : {ParamValue(text), ParamValue(list)}) {
    const ParamValue before = value;
    bool refused = false;
    heap_is_full = true;
    try {
      const ParamValue copy = value;
    } catch (const std::bad_alloc&) { refused = true; }
    heap_is_full = false;
    CHECK(refused);
    CHECK(value == before);
  }
}
