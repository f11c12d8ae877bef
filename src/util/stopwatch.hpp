#pragma once

#include <chrono>

namespace reluscope {

/// Seconds since it was made, by a clock that nobody sets.
class Stopwatch {
 public:
  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace reluscope
