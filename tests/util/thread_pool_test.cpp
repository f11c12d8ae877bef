#include "util/thread_pool.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

using namespace reluscope;

TEST_CASE("every task runs exactly once, for any number of threads and tasks") {
  for (const int threads : {1, 2, 7}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const std::int64_t count : {0, 1, 2, 5, 64, 1000}) {
      std::vector<int> runs(static_cast<std::size_t>(count));
      pool.for_each(count, [&runs](std::int64_t index) { ++runs[static_cast<std::size_t>(index)]; });
      for (const int run : runs) CHECK(run == 1);
    }
  }
}

TEST_CASE("many short loops in a row see each other's results") {
  ThreadPool pool(3);
  std::vector<std::int64_t> values(16, 0);
  for (int round = 0; round < 5000; ++round)
    pool.for_each(16, [&values](std::int64_t index) { values[static_cast<std::size_t>(index)] += index; });
  for (std::size_t index = 0; index < 16; ++index) CHECK(values[index] == 5000 * static_cast<std::int64_t>(index));
}
