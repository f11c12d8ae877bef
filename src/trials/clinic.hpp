#pragma once
// Makes the runs of a prescription, and keeps the books of them.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "trials/course.hpp"
#include "trials/fleet.hpp"

namespace reluscope {

struct Workload {
  std::int64_t runs = 0;
  double length = 0.0;  ///< in whole runs: one that goes a third of its way is a third
};

/// Told how a prescription comes along; never by two threads at once.
struct PrescribeListener {
  /// All that is to be done as things stand, what is done included; again whenever that changes.
  std::function<void(const Workload& planned)> plan = [](const Workload&) {};
  /// A run came as far as it was to go for now. `done` is all that was done by now.
  std::function<void(const Trial& trial, const Workload& done)> advance = [](const Trial&, const Workload&) {};
};

class Clinic {
 public:
  /// References have to outlive it. `overrides` are the user's own changes to the config.
  Clinic(const ConfigSource& source, const std::vector<std::string>& overrides, int threads,
         const std::atomic<int>* stop, const PrescribeListener& listener)
      : source_(source), overrides_(overrides), threads_(threads), stop_(stop), listener_(listener) {}

  /// Brings each course's runs of the seeds [first, first + count) to this share of their steps: runs that were looked
  /// at before go on, missing ones begin. A course is run with the same `first` each time. False if stopped.
  bool run(const std::vector<Course*>& courses, std::uint64_t first, std::int64_t count, double share = 1.0);

  /// What lies ahead, as things stand.
  void expect(const Workload& ahead) const { listener_.plan({done_.runs + ahead.runs, done_.length + ahead.length}); }

  [[nodiscard]] std::int64_t runs() const { return done_.runs; }  ///< begun
  [[nodiscard]] std::int64_t steps() const { return steps_; }     ///< updates, over all runs

 private:
  const ConfigSource& source_;
  const std::vector<std::string>& overrides_;
  int threads_;
  const std::atomic<int>* stop_;
  const PrescribeListener& listener_;
  Workload done_;
  std::int64_t steps_ = 0;
};

}  // namespace reluscope
