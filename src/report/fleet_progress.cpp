#include "report/fleet_progress.hpp"

#include <unistd.h>

#include <iostream>
#include <utility>

#include "report/progress_bar.hpp"
#include "report/terminal.hpp"
#include "util/format.hpp"

namespace reluscope {

FleetProgress::FleetProgress(std::string what, std::int64_t total, std::int64_t done, bool visible)
    : what_(std::move(what)),
      total_(total),
      before_(done),
      done_(done),
      visible_(visible && is_terminal(STDERR_FILENO)) {}

void FleetProgress::clear() {
  if (drawn_once_) std::cerr << "\r\x1b[K" << std::flush;
  drawn_once_ = false;
}

void FleetProgress::advance(bool failed) {
  ++done_;
  failed_ += failed ? 1 : 0;
  const Clock::time_point now = Clock::now();
  if (!visible_ || now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  drawn_once_ = true;
  const double seconds = std::chrono::duration<double>(now - started_).count();
  const double rate = seconds > 0.0 ? static_cast<double>(done_ - before_) / seconds : 0.0;
  std::string line = what_ + " " + std::to_string(done_) + "/" + std::to_string(total_) + " runs";
  if (failed_ > 0) line += ", " + std::to_string(failed_) + " failed";
  line += "  " + format_short(rate) + " runs/s  ETA " +
          clock_time(rate > 0.0 ? static_cast<double>(total_ - done_) / rate : 1e9);
  std::cerr << '\r' << line.substr(0, terminal_width(STDERR_FILENO) - 1) << "\x1b[K" << std::flush;
}

}  // namespace reluscope
