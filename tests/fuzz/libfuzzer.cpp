// libFuzzer's entry, for the target that FUZZ_TARGET names.

#include "fuzz/targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  reluscope::fuzz::FUZZ_TARGET({data, size});
  return 0;
}
