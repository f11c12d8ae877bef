#include "report/fleet_progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "report/progress_bar.hpp"
#include "report/terminal.hpp"
#include "util/format.hpp"

namespace reluscope {

FleetProgress::FleetProgress(std::string what, std::int64_t total, std::int64_t done, bool visible)
    : what_(std::move(what)),
      total_{total, static_cast<double>(total)},
      before_{done, static_cast<double>(done)},
      done_(before_),
      visible_(visible && is_terminal(STDERR_FILENO)) {}

void FleetProgress::clear() {
  if (drawn_once_) std::cerr << "\r\x1b[K" << std::flush;
  drawn_once_ = false;
}

void FleetProgress::advance(bool failed, const FleetState& done) {
  done_ = done;
  failed_ += failed ? 1 : 0;
  const Clock::time_point now = Clock::now();
  if (!visible_ || now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  drawn_once_ = true;
  const double seconds = std::chrono::duration<double>(now - started_).count();
  const std::string line = fleet_progress_line(what_, total_, before_, done_, failed_, seconds);
  std::cerr << '\r' << line.substr(0, terminal_width(STDERR_FILENO) - 1) << "\x1b[K" << std::flush;
}

std::string fleet_progress_line(const std::string& what, const FleetState& total, const FleetState& before,
                                const FleetState& done, std::int64_t failed, double seconds) {
  const auto per_second = [seconds](double amount) { return seconds > 0.0 ? amount / seconds : 0.0; };
  const double pace = per_second(done.work - before.work);
  std::string line = what + " " + std::to_string(done.runs) + "/" + std::to_string(total.runs) + " runs";
  if (failed > 0) line += ", " + std::to_string(failed) + " failed";
  return line + "  " + format_short(per_second(static_cast<double>(done.runs - before.runs))) + " runs/s  ETA " +
         clock_time(pace > 0.0 ? std::max(0.0, total.work - done.work) / pace : 1e9);
}

}  // namespace reluscope
