#pragma once
// Learning-rate schedules: a factor on the optimiser's base rate as a function of the step alone.

#include <cstdint>
#include <span>
#include <vector>

#include "optim/optimizer.hpp"
#include "util/param.hpp"

namespace reluscope {

/// Where in the run a step stands.
struct ScheduleClock {
  std::int64_t step = 0;         ///< updates made so far
  std::int64_t total_steps = 1;  ///< of the whole run, the warm-up's included
  std::int64_t steps_per_epoch = 1;
};

struct ScheduleEntry : Entry {
  double (*factor)(const ParamValues& params, const ScheduleClock& clock) = nullptr;
};

std::span<const ScheduleEntry> schedule_table();

/// Linear warm-up followed by a schedule that starts when the warm-up ends.
class Schedule {
 public:
  Schedule(const Choice& choice, std::int64_t warmup_steps, double warmup_start_factor);
  /// The factor on the base learning rate for the update at `clock.step`.
  [[nodiscard]] double factor(ScheduleClock clock) const;

 private:
  const ScheduleEntry* entry_;
  ParamValues params_;
  std::int64_t warmup_steps_;
  double warmup_start_factor_;
};

/// The learning rates from a step on, up to the end of a run.
class RateHorizon {
 public:
  RateHorizon(const Schedule& schedule, double base_lr, std::int64_t total_steps, std::int64_t steps_per_epoch);
  /// Bounds on what is ahead of `step`: not below the largest rate, the sum of all, and their number.
  [[nodiscard]] RatesAhead from(std::int64_t step) const;

 private:
  std::int64_t total_steps_;
  std::int64_t steps_per_block_;
  std::vector<RatesAhead> blocks_;  ///< from the start of each block of steps on
};

}  // namespace reluscope
