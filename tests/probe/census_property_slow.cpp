// More of the random experiments; RELUSCOPE_EXPERIMENTS=40000 runs so many.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "probe/census_property.hpp"

TEST_CASE("the exact census is the brute-force census, its bounds hold, and locks are for good: many experiments") {
  const char* wanted = std::getenv("RELUSCOPE_EXPERIMENTS");
  reluscope::test::hold_experiments(400, wanted == nullptr ? 3000 : 400 + std::stoll(wanted));
}
