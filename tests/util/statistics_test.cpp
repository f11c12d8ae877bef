#include "util/statistics.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "util/hash.hpp"
#include "util/random.hpp"

using namespace reluscope;

TEST_CASE("the median of odd, even and no values") {
  CHECK(median({3.0, 1.0, 2.0}) == 2.0);
  CHECK(median({4.0, 1.0, 2.0, 3.0}) == 2.5);
  CHECK(std::isnan(median({})));
}

TEST_CASE("bootstrap intervals hold the true median in about 95 % of samples") {
  int held = 0;
  constexpr int kTrials = 400;
  for (int trial = 0; trial < kTrials; ++trial) {
    Rng random(1, Purpose::generator, static_cast<std::uint64_t>(trial));
    std::vector<double> values(15);
    for (double& value : values) value = 3.0 + random.normal();
    const Estimate estimate = bootstrap_median(values);
    CHECK(estimate.low <= estimate.value);
    CHECK(estimate.value <= estimate.high);
    held += estimate.low <= 3.0 && 3.0 <= estimate.high ? 1 : 0;
  }
  CHECK(held > 0.91 * kTrials);
  CHECK(held < 0.99 * kTrials);
}

TEST_CASE("two values say nothing about their spread, and the same values give the same interval") {
  const std::vector<double> two = {1.0, 2.0};
  CHECK(std::isinf(bootstrap_median(two).high));
  const std::vector<double> some = {1.0, 2.0, 4.0, 8.0, 16.0};
  CHECK(bootstrap_median(some).low == bootstrap_median(some).low);
  CHECK(bootstrap_median(some).count == 5);
}

TEST_CASE("the content hash is XXH3's") {
  CHECK(content_hash("") == "2d06800538d394c2");  // from its reference implementation
  CHECK(content_hash("a") != content_hash("b"));
}
