// Some of the random experiments; census_property_slow has more.
#include <doctest/doctest.h>

#include "probe/census_property.hpp"

TEST_CASE("the exact census is the brute-force census, its bounds hold, and locks are for good") {
  reluscope::test::hold_experiments(0, 400);
}
