#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace reluscope {

/// How far many runs have come: a line on stderr that is drawn again some times a second, on a terminal alone.
class FleetProgress {
 public:
  /// `what` names the work; of `total` runs, `done` are done already.
  FleetProgress(std::string what, std::int64_t total, std::int64_t done, bool visible);
  ~FleetProgress() { clear(); }
  FleetProgress(const FleetProgress&) = delete;
  FleetProgress& operator=(const FleetProgress&) = delete;
  /// One run more is done.
  void advance(bool failed);
  void clear();
  [[nodiscard]] std::int64_t failed() const { return failed_; }

 private:
  using Clock = std::chrono::steady_clock;
  std::string what_;
  std::int64_t total_;
  std::int64_t before_;
  std::int64_t done_;
  std::int64_t failed_ = 0;
  bool visible_;
  bool drawn_once_ = false;
  Clock::time_point started_ = Clock::now();
  Clock::time_point drawn_;
};

}  // namespace reluscope
