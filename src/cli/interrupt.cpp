#include "cli/interrupt.hpp"

#include <csignal>
#include <iostream>

namespace reluscope {

namespace {

std::atomic<int> g_stop_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may touch it");

extern "C" void on_stop_signal(int signal) {
  g_stop_signal.store(signal);
  // A second one, of either kind, ends the process at once.
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

}  // namespace

const std::atomic<int>& watch_stop_signals() {
  std::signal(SIGINT, on_stop_signal);
  std::signal(SIGTERM, on_stop_signal);
  return g_stop_signal;
}

void request_stop(int signal) {
  int none = 0;
  g_stop_signal.compare_exchange_strong(none, signal);
}

void reraise(int signal) {
  std::cout << std::flush;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace reluscope
