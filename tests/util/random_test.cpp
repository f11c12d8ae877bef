#include "util/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

using namespace reluscope;

TEST_CASE("the bits are those of Philox4x32-10") {
  // Known-answer vectors published with Random123 (kat_vectors): counter 0, key 0.
  Rng zero(0, static_cast<Purpose>(0));
  CHECK(zero.bits() == 0xe169c58d6627e8d5ULL);
  CHECK(zero.bits() == 0x9b00dbd8bc57ac4cULL);
}

TEST_CASE("streams of another purpose, index or seed are other numbers") {
  std::set<std::uint64_t> seen;
  for (const std::uint64_t seed : {1ULL, 2ULL, 1ULL << 40})
    for (const Purpose purpose : {Purpose::weights, Purpose::bias, Purpose::shuffle})
      for (const std::uint64_t index : {0ULL, 1ULL, 1ULL << 33}) seen.insert(Rng(seed, purpose, index).bits());
  CHECK(seen.size() == 27);
}

TEST_CASE("the distributions give pinned values, whatever the standard library") {
  Rng rng(42, Purpose::weights, 3);
  CHECK(rng.uniform() == 0x1.b412994bb5e5ep-1);
  CHECK(rng.normal() == 0x1.d8a5f9c1413ecp-2);
  CHECK(rng.below(1000) == 718);
}

TEST_CASE("the normal quantile agrees with published values") {
  // From tables of the standard normal distribution.
  CHECK(normal_quantile(0.5) == 0.0);
  CHECK(normal_quantile(0.975) == doctest::Approx(1.959963984540054).epsilon(1e-14));
  CHECK(normal_quantile(0.025) == doctest::Approx(-1.959963984540054).epsilon(1e-14));
  CHECK(normal_quantile(0.999) == doctest::Approx(3.090232306167813).epsilon(1e-14));
  CHECK(normal_quantile(1e-10) == doctest::Approx(-6.361340902404056).epsilon(1e-13));
  CHECK(normal_quantile(1e-300) == doctest::Approx(-37.0471).epsilon(1e-6));
}

TEST_CASE("the normal distribution function agrees with erfc") {
  for (double x = -8.0; x <= 8.0; x += 0.37)
    CHECK(normal_cdf(x) == doctest::Approx(0.5 * std::erfc(-x / std::sqrt(2.0))).epsilon(1e-12));
}

TEST_CASE("normal numbers have the moments of the normal distribution") {
  Rng rng(1, Purpose::generator);
  constexpr int kCount = 200000;
  double sum = 0;
  double square = 0;
  double fourth = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = rng.normal();
    sum += x;
    square += x * x;
    fourth += x * x * x * x;
  }
  CHECK(std::abs(sum / kCount) < 0.01);
  CHECK(std::abs(square / kCount - 1.0) < 0.02);
  CHECK(std::abs(fourth / kCount - 3.0) < 0.1);
}

TEST_CASE("truncated normal numbers stay within the bound and fill it") {
  Rng rng(1, Purpose::generator);
  double largest = 0;
  double square = 0;
  constexpr int kCount = 50000;
  for (int i = 0; i < kCount; ++i) {
    const double x = rng.truncated_normal(2.0);
    largest = std::max(largest, std::abs(x));
    square += x * x;
  }
  CHECK(largest <= 2.0);
  CHECK(largest > 1.99);
  CHECK(square / kCount == doctest::Approx(0.7737).epsilon(0.02));  // variance of N(0,1) cut at ±2
}

TEST_CASE("integers below a bound are uniform") {
  Rng rng(9, Purpose::split);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[rng.below(7)];
  for (const int count : counts) CHECK(std::abs(count - 10000) < 500);
  CHECK(rng.below(1) == 0);
}

TEST_CASE("a shuffle is a permutation and depends on the stream") {
  std::vector<int> items(100);
  std::iota(items.begin(), items.end(), 0);
  std::vector<int> other = items;
  Rng(1, Purpose::shuffle, 0).shuffle(std::span(items));
  Rng(1, Purpose::shuffle, 1).shuffle(std::span(other));
  CHECK(items != other);
  std::sort(items.begin(), items.end());
  for (int i = 0; i < 100; ++i) CHECK(items[static_cast<std::size_t>(i)] == i);
}
