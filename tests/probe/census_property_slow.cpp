#include <doctest/doctest.h>

#include "probe/census_property.hpp"

TEST_CASE("the exact census is the brute-force census, its bounds hold, and locks are for good: many experiments") {
  reluscope::test::hold_experiments(400, 3000);
}
