#include "util/thread_pool.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <numeric>
#include <stdexcept>
#include <thread>
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

TEST_CASE("a task is told which thread it runs on: nobody else has that number at the same time") {
  for (const int threads : {1, 2, 7}) {
    ThreadPool pool(threads);
    std::vector<std::atomic<int>> inside(static_cast<std::size_t>(threads));
    std::atomic<int> collisions = 0;
    std::atomic<int> out_of_range = 0;
    pool.for_each(2000, [&](std::int64_t, int thread) {
      if (thread < 0 || thread >= threads) {
        ++out_of_range;
        return;
      }
      if (++inside[static_cast<std::size_t>(thread)] != 1) ++collisions;
      --inside[static_cast<std::size_t>(thread)];
    });
    CHECK(collisions == 0);
    CHECK(out_of_range == 0);
  }
}

TEST_CASE("many short loops in a row see each other's results") {
  ThreadPool pool(3);
  std::vector<std::int64_t> values(16, 0);
  for (int round = 0; round < 5000; ++round)
    pool.for_each(16, [&values](std::int64_t index) { values[static_cast<std::size_t>(index)] += index; });
  for (std::size_t index = 0; index < 16; ++index) CHECK(values[index] == 5000 * static_cast<std::int64_t>(index));
}

TEST_CASE("what a task throws ends the loop and passes through, and the pool goes on to be of use") {
  // So many that no machine gets through them while the thread that has thrown waits for its turn, which each gives up
  // its own for.
  constexpr std::int64_t kEndless = 1'000'000'000;
  for (const int threads : {1, 2, 7}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 100; ++round) {
      std::atomic<int> runs = 0;
      const auto task = [&](std::int64_t index) {
        ++runs;
        if (index == 5) throw std::runtime_error("task 5");
        if (index > 5) std::this_thread::yield();
      };
      CHECK_THROWS_WITH(pool.for_each(kEndless, task), "task 5");
      REQUIRE(runs < kEndless);
    }
    std::atomic<int> runs = 0;
    pool.for_each(100, [&](std::int64_t) { ++runs; });
    CHECK(runs == 100);
  }
}
