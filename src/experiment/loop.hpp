#pragma once
// The training loop: plan → step → update. It measures and writes nothing itself; observers are told what happens and
// say what the passes must measure for them.

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "experiment/training.hpp"

namespace reluscope {

/// One step of the loop.
struct StepView {
  std::int64_t number = 0;
  std::span<const Index> samples;  ///< of the training part
  double lr = 0.0;
  Measure measure = Measure::nothing;  ///< what its passes have measured
  bool updated = true;                 ///< whether there was an update: a loss that is not finite gets none

  /// Whether it gets rows in steps.csv and layers.csv: then everything was measured.
  [[nodiscard]] bool is_recorded() const { return measure == Measure::batch; }
};

/// Told of each step in this order. Whoever does not care of something leaves it out.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  /// The step is about to be made.
  virtual void before(std::int64_t /*step*/) {}
  /// What its passes must measure; the largest wish counts.
  [[nodiscard]] virtual Measure wish(std::int64_t /*step*/) const { return Measure::nothing; }
  /// Forward and backward are done, the parameters are still those of before.
  virtual void computed(const StepView& /*step*/) {}
  /// The gradients are there, and with step.updated the new parameters.
  virtual void updated(const StepView& /*step*/) {}
  /// Loss or gradient is not finite: this was the last step.
  virtual void failed(const StepView& /*step*/) {}
  /// It went well. (The summary says whether the run is to end here, interrupted.)
  virtual void passed(const StepView& /*step*/) {}
  /// Whether there is no point in going on.
  [[nodiscard]] virtual bool gives_up() const { return false; }
};

/// From the step that the summary is at up to, but without, step `end`; or until a step fails, `stop` is not 0 any
/// more, or an observer gives up. Observers are called in their order.
template <class T>
void run_loop(Training<T>& training, std::span<Observer* const> observers, std::int64_t end,
              const std::atomic<int>* stop);

}  // namespace reluscope
