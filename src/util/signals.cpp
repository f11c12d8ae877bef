#include "util/signals.hpp"

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>
#include <string>

#include "util/error.hpp"

namespace reluscope {

namespace {

std::atomic<int> g_stop_signal = 0;
std::atomic<bool> g_watched = false;

/// What was inherited, for children.
constexpr std::array kWriteSignals = {SIGPIPE, SIGXFSZ};
std::array<struct sigaction, kWriteSignals.size()> g_inherited_actions = {};
sigset_t g_inherited_mask;
bool g_ignoring = false;
bool g_holding = false;

/// Those of the two that are not ignored.
sigset_t wanted_signals() {
  sigset_t wanted;
  ::sigemptyset(&wanted);
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    if (action.sa_handler != SIG_IGN) ::sigaddset(&wanted, signal);
  }
  return wanted;
}

/// By the system's default: nothing here handles a signal.
[[noreturn]] void end_by(int signal) {
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  ::raise(signal);
  ::_exit(128 + signal);  // it cannot be ended by that signal: what a shell would make of it
}

void* take_signals(void* /*unused*/) {
  const sigset_t wanted = wanted_signals();
  for (bool asked = false;; asked = true) {
    int signal = 0;
    while (::sigwait(&wanted, &signal) != 0) continue;
    if (asked || !g_watched.load()) end_by(signal);
    g_stop_signal.store(signal);
  }
}

}  // namespace

void ignore_write_signals() {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  for (std::size_t at = 0; at < kWriteSignals.size(); ++at)
    ::sigaction(kWriteSignals[at], &ignore, &g_inherited_actions[at]);
  g_ignoring = true;
}

void hold_stop_signals() {
  const sigset_t wanted = wanted_signals();
  ::pthread_sigmask(SIG_BLOCK, &wanted, &g_inherited_mask);
  g_holding = true;
  // It only waits: a small stack, so that little address space is taken where that is limited. Part of it goes to what
  // libraries keep per thread.
  constexpr std::size_t kStackBytes = std::size_t{256} << 10U;
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread{};
  const int error = ::pthread_create(&thread, &attributes, take_signals, nullptr);
  ::pthread_attr_destroy(&attributes);
  if (error != 0)
    throw IoError(std::string("cannot start the thread that waits for SIGINT and SIGTERM: ") + std::strerror(error));
}

const std::atomic<int>& watch_stop_signals() {
  g_watched.store(true);
  return g_stop_signal;
}

void request_stop(int signal) {
  int none = 0;
  g_stop_signal.compare_exchange_strong(none, signal);
}

void reraise(int signal) {
  std::cout << std::flush;
  end_by(signal);
}

void restore_inherited_signals() {
  if (g_ignoring)
    for (std::size_t at = 0; at < kWriteSignals.size(); ++at)
      ::sigaction(kWriteSignals[at], &g_inherited_actions[at], nullptr);
  if (g_holding) ::pthread_sigmask(SIG_SETMASK, &g_inherited_mask, nullptr);
}

}  // namespace reluscope
