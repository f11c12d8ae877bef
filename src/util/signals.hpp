#pragma once
// SIGINT and SIGTERM, without handlers. A handler runs on the stack of whatever it interrupts, and the code that oneDNN
// generates points the stack pointer into a workspace on the heap: the frame of a handler there overwrites malloc's own
// blocks. So every thread has the two blocked, but one that waits for them.

#include <atomic>

namespace reluscope {

/// A write that fails says so, instead of ending the process: to a pipe whose reader has gone (SIGPIPE), or beyond
/// `ulimit -f` (SIGXFSZ).
void ignore_write_signals();

/// Blocks SIGINT and SIGTERM in the calling thread, and so in each that it starts from now on; a thread of their own
/// takes them. To be called before anything else, a library's code too, may start a thread. Until watch_stop_signals()
/// they end the process as they always do. One that was ignored when the process was started (by nohup, or for a
/// background job of a script) stays so. Throws IoError where the system has no thread to give.
void hold_stop_signals();

/// From now on the first of them sets the value, which is 0 before, to its number, so that work can end at a good
/// place; a second one ends the process at once. They must be held.
const std::atomic<int>& watch_stop_signals();

/// Has the work end at a good place as if that signal had come.
void request_stop(int signal);

/// Flushes std::cout and ends the process by the signal, so that shells see it and loops stop.
[[noreturn]] void reraise(int signal);

/// For a child, between fork and exec: the signals as they were when this process was started.
void restore_inherited_signals();

}  // namespace reluscope
