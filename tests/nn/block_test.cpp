#include "nn/block.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "util/random.hpp"

using namespace reluscope;

namespace {

template <class T>
using BitsOf = std::conditional_t<std::is_same_v<T, float>, std::uint32_t, std::uint64_t>;

/// Numbers of every size, denormal ones and the ends of the range among them; none below 0.
template <class T>
std::vector<T> numbers_of_every_size() {
  std::vector<T> numbers = {T(0), std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::min(),
                            std::numeric_limits<T>::max(), std::numeric_limits<T>::infinity()};
  Rng random(1, Purpose::generator);
  while (numbers.size() < 100'000) {
    const auto bits = static_cast<BitsOf<T>>(random.bits()) & static_cast<BitsOf<T>>(~BitsOf<T>{0} >> 1U);
    if (const T number = std::bit_cast<T>(bits); !std::isnan(number)) numbers.push_back(number);
  }
  numbers.resize(numbers.size() / static_cast<std::size_t>(kLanes<T>) * static_cast<std::size_t>(kLanes<T>));
  return numbers;
}

}  // namespace

TEST_CASE_TEMPLATE("square roots are rounded as IEEE 754 says, on every CPU", T, float, double) {
  const std::vector<T> numbers = numbers_of_every_size<T>();
  std::int64_t differing = 0;
  for (std::size_t at = 0; at < numbers.size(); at += static_cast<std::size_t>(kLanes<T>)) {
    const Block<T> root = sqrt_block(load_block(numbers.data() + at, kLanes<T>));
    for (int lane = 0; lane < kLanes<T>; ++lane) {
      const volatile T number = numbers[at + static_cast<std::size_t>(lane)];
      const T expected = std::sqrt(number);
      if (std::bit_cast<BitsOf<T>>(expected) != std::bit_cast<BitsOf<T>>(T(root[lane]))) ++differing;
    }
  }
  CHECK(differing == 0);
}
