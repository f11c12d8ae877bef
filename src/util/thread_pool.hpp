#pragma once
// A pool for many short parallel loops in a row: the calling thread works too, and idle workers spin for a moment
// before they sleep.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace reluscope {

/// Floating-point operations from which on waking other threads pays: some tenths of a millisecond, against the ten
/// microseconds or so that a parallel loop costs.
inline constexpr double kWorthSharing = 2e7;

class ThreadPool {
 public:
  /// `threads` ≥ 1, the caller's included. Throws UserError where the system has not so many.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Runs task(0) … task(count − 1), each once, in any order and on any thread; returns when all are done. A task may
  /// take a second argument: which of the threads (0 … threads() − 1) it runs on. What a task throws ends the loop and
  /// passes through. Allocates nothing.
  template <class Task>
  void for_each(std::int64_t count, Task&& task) {
    if (workers_.empty() || count <= 1) {
      for (std::int64_t index = 0; index < count; ++index) invoke(task, index, 0);
      return;
    }
    run(
        count,
        [](void* context, std::int64_t index, int thread) {
          invoke(*static_cast<std::remove_reference_t<Task>*>(context), index, thread);
        },
        const_cast<std::remove_const_t<std::remove_reference_t<Task>>*>(&task));
  }

 private:
  using Call = void (*)(void* context, std::int64_t index, int thread);
  void run(std::int64_t count, Call call, void* context);
  void work(int thread);
  void drain(int thread);
  void stop();
  template <class Task>
  static void invoke(Task& task, std::int64_t index, int thread) {
    if constexpr (std::is_invocable_v<Task&, std::int64_t, int>) {
      task(index, thread);
    } else {
      task(index);
    }
  }

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<std::uint64_t> round_ = 0;  ///< goes up when there is work
  std::atomic<std::int64_t> next_ = 0;    ///< next task to take
  std::atomic<std::int64_t> busy_ = 0;    ///< workers that have not finished this round
  std::int64_t count_ = 0;
  Call call_ = nullptr;
  void* context_ = nullptr;
  std::exception_ptr fault_;  ///< what the first task that threw has thrown
  bool stopping_ = false;
};

/// What --threads means by default: the CPUs this process may run on, at most SLURM_CPUS_PER_TASK where that is set.
int default_thread_count();

}  // namespace reluscope
