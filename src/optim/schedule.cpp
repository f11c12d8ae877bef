#include "optim/schedule.hpp"

#include <algorithm>
#include <stdexcept>

namespace reluscope {

namespace {

/// base^exponent by squaring: no libm on the training path.
double integer_power(double base, std::int64_t exponent) {
  double power = 1.0;
  for (double square = base; exponent > 0; exponent >>= 1, square *= square)
    if ((exponent & 1) != 0) power *= square;
  return power;
}

/// cos(π x) for x in [0, 1], by the Taylor series about the middle (sin(π/2 − …)), to the last digits of a double.
double cos_pi(double x) {
  constexpr double kPi = 3.14159265358979323846;
  const double t = kPi * (0.5 - x);  // cos(π x) = sin t, |t| ≤ π/2
  double term = t;
  double sum = t;
  for (int k = 2; k <= 26; k += 2) {
    term *= -t * t / static_cast<double>(k * (k + 1));
    sum += term;
  }
  return sum;
}

/// Epochs or steps so far, whichever the schedule counts in.
std::int64_t elapsed(const ParamValues& params, const ScheduleClock& clock) {
  return params.text("per") == "epoch" ? clock.step / clock.steps_per_epoch : clock.step;
}

std::vector<ScheduleEntry> make_table() {
  const auto per = [] { return text("per", "epoch", "what the schedule counts in").one_of({"epoch", "step"}); };
  return {
      {{"constant", {}, {}, "the rate never changes"},
       [](const ParamValues& /*params*/, const ScheduleClock& /*clock*/) { return 1.0; }},
      {{"step",
        {},
        {integer("step_size", 10, "epochs (or steps) between two cuts").at_least(1),
         number("gamma", 0.1, "factor at each cut").above(0), per()},
        "lr·gamma^⌊t/step_size⌋ (PyTorch's StepLR)"},
       [](const ParamValues& params, const ScheduleClock& clock) {
         return integer_power(params.number("gamma"), elapsed(params, clock) / params.integer("step_size"));
       }},
      {{"exponential",
        {},
        {number("gamma", 0.95, "factor at each epoch (or step)").above(0), per()},
        "lr·gamma^t (PyTorch's ExponentialLR)"},
       [](const ParamValues& params, const ScheduleClock& clock) {
         return integer_power(params.number("gamma"), elapsed(params, clock));
       }},
      {{"cosine",
        {},
        {unset("t_max", ParamKind::integer, "steps from the full rate to the lowest; null: to the run's end")
             .at_least(1),
         number("eta_min_factor", 0.0, "the lowest rate as a fraction of lr").at_least(0).at_most(1)},
        "half a cosine from lr down to eta_min_factor·lr, then constant, step by step (Loshchilov & Hutter 2017, eq. "
        "5)"},
       [](const ParamValues& params, const ScheduleClock& clock) {
         const std::int64_t period = params.maybe_integer("t_max").value_or(clock.total_steps);
         const double done = clock.step >= period ? 1.0 : static_cast<double>(clock.step) / static_cast<double>(period);
         const double low = params.number("eta_min_factor");
         return low + (1.0 - low) * 0.5 * (1.0 + cos_pi(done));
       }},
  };
}

}  // namespace

std::span<const ScheduleEntry> schedule_table() {
  static const std::vector<ScheduleEntry> table = make_table();
  return table;
}

Schedule::Schedule(const Choice& choice, std::int64_t warmup_steps, double warmup_start_factor)
    : entry_(find_entry(schedule_table(), choice.name)),
      params_(choice.params),
      warmup_steps_(warmup_steps),
      warmup_start_factor_(warmup_start_factor) {
  if (entry_ == nullptr) throw std::logic_error("no schedule called " + choice.name);
}

double Schedule::factor(ScheduleClock clock) const {
  if (clock.step < warmup_steps_) {
    const double done = static_cast<double>(clock.step) / static_cast<double>(warmup_steps_);
    return warmup_start_factor_ + (1.0 - warmup_start_factor_) * done;
  }
  clock.step -= warmup_steps_;
  clock.total_steps = clock.total_steps > warmup_steps_ ? clock.total_steps - warmup_steps_ : 1;
  return entry_->factor(params_, clock);
}

namespace {
/// Steps that share an entry: at least so many, and more where there would be too many entries.
constexpr std::int64_t kLeastBlock = 64;
constexpr std::int64_t kMostBlocks = 1 << 20;
}  // namespace

RateHorizon::RateHorizon(const Schedule& schedule, double base_lr, std::int64_t total_steps,
                         std::int64_t steps_per_epoch)
    : total_steps_(total_steps),
      steps_per_block_(std::max(kLeastBlock, total_steps / kMostBlocks + 1)),
      blocks_(static_cast<std::size_t>(total_steps / steps_per_block_) + 1) {
  RatesAhead ahead;
  for (std::int64_t step = total_steps; step-- > 0;) {
    const double rate = base_lr * schedule.factor({step, total_steps, steps_per_epoch});
    ahead.largest = std::max(ahead.largest, rate);
    ahead.sum += rate;
    ahead.steps += 1.0;
    if (step % steps_per_block_ == 0) blocks_[static_cast<std::size_t>(step / steps_per_block_)] = ahead;
  }
  for (RatesAhead& block : blocks_) block.sum *= 1.0 + 1e-9;  // rounding
}

RatesAhead RateHorizon::from(std::int64_t step) const {
  if (step >= total_steps_) return {};
  RatesAhead ahead = blocks_[static_cast<std::size_t>(step / steps_per_block_)];
  ahead.steps = static_cast<double>(total_steps_ - step);
  return ahead;
}

}  // namespace reluscope
