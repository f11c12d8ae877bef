#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace reluscope {

/// What a fleet has to do, or has done. The work is in runs of whole length, or in any other unit that takes about the
/// same time each.
struct FleetState {
  std::int64_t runs = 0;
  double work = 0.0;
};
/// "prescribe 12/57 runs, 1 failed  3.1 runs/s  ETA 00:40". `seconds` were spent on what was done since `before`; the
/// time left is that of the work left at the same pace.
std::string fleet_progress_line(const std::string& what, const FleetState& total, const FleetState& before,
                                const FleetState& done, std::int64_t failed, double seconds);

/// How far many runs have come: a line on stderr that is drawn again some times a second, on a terminal alone.
class FleetProgress {
 public:
  /// `what` names the work; of `total` runs, `done` are done already.
  FleetProgress(std::string what, std::int64_t total, std::int64_t done, bool visible);
  ~FleetProgress() { clear(); }
  FleetProgress(const FleetProgress&) = delete;
  FleetProgress& operator=(const FleetProgress&) = delete;
  /// The plan has changed: `total` is all there is to do, what is done included.
  void expect(const FleetState& total) { total_ = total; }
  /// One run more is done.
  void advance(bool failed) { advance(failed, {done_.runs + 1, done_.work + 1.0}); }
  /// So much is done by now.
  void advance(bool failed, const FleetState& done);
  void clear();
  [[nodiscard]] std::int64_t failed() const { return failed_; }

 private:
  using Clock = std::chrono::steady_clock;
  std::string what_;
  FleetState total_;
  FleetState before_;
  FleetState done_;
  std::int64_t failed_ = 0;
  bool visible_;
  bool drawn_once_ = false;
  Clock::time_point started_ = Clock::now();
  Clock::time_point drawn_;
};

}  // namespace reluscope
