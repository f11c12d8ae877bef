#pragma once

#include <atomic>

namespace reluscope {

/// From now on SIGINT and SIGTERM set the value, which is 0 before, to their number, so that work can end at a good
/// place; a second one ends the process at once.
const std::atomic<int>& watch_stop_signals();

/// Has the work end at a good place as if that signal had come.
void request_stop(int signal);

/// Restores the default handling and raises the signal again, so that shells see it and loops stop.
void reraise(int signal);

}  // namespace reluscope
