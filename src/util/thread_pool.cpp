#include "util/thread_pool.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "util/error.hpp"

namespace reluscope {

namespace {

/// How often an idle worker looks for work before it sleeps: some 20 µs, about the gap between two loops of a step.
constexpr int kSpins = 2000;

void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  try {
    for (int worker = 1; worker < threads; ++worker) workers_.emplace_back([this, worker] { work(worker); });
  } catch (const std::system_error& fault) {
    const std::size_t started = workers_.size() + 1;
    stop();
    throw UserError("cannot start " + std::to_string(threads) + " threads, only " + std::to_string(started) + " (" +
                        fault.code().message() + "): ask for fewer",
                    kRunFailed);
  } catch (...) {
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    round_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::drain(int thread) {
  try {
    for (std::int64_t index = next_.fetch_add(1); index < count_; index = next_.fetch_add(1))
      call_(context_, index, thread);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!fault_) fault_ = std::current_exception();
    next_.store(count_);  // the tasks that are left would be for nothing
  }
}

void ThreadPool::run(std::int64_t count, Call call, void* context) {
  {
    const std::lock_guard lock(mutex_);
    count_ = count;
    call_ = call;
    context_ = context;
    next_.store(0);
    busy_.store(static_cast<std::int64_t>(workers_.size()));
    round_.fetch_add(1);
  }
  wake_.notify_all();
  drain(0);
  // Every worker has to pass through the round: only then may the next one change what they read.
  for (int spins = 0; busy_.load(std::memory_order_acquire) != 0; ++spins) {
    if (spins < kSpins) {
      pause_briefly();
    } else {
      std::this_thread::yield();
    }
  }
  if (fault_) std::rethrow_exception(std::exchange(fault_, nullptr));
}

void ThreadPool::work(int thread) {
  std::uint64_t seen = 0;
  while (true) {
    for (int spins = 0; round_.load(std::memory_order_acquire) == seen && spins < kSpins; ++spins) pause_briefly();
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return round_.load() != seen; });
      seen = round_.load();
      if (stopping_) return;
    }
    drain(thread);
    busy_.fetch_sub(1, std::memory_order_release);
  }
}

int default_thread_count() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  int count = sched_getaffinity(0, sizeof(allowed), &allowed) == 0
                  ? CPU_COUNT(&allowed)
                  : static_cast<int>(std::thread::hardware_concurrency());
  if (const char* slurm = std::getenv("SLURM_CPUS_PER_TASK")) {
    const std::string_view text = slurm;
    int limit = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (parsed.ec == std::errc() && limit > 0) count = std::min(count, limit);
  }
  return std::max(count, 1);
}

}  // namespace reluscope
