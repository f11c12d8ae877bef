#pragma once
// steps.csv: a row is a recorded step.

#include <cstdint>
#include <optional>
#include <tuple>

#include "trace/column.hpp"

namespace reluscope {

struct StepRecord {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  double loss = 0.0;
  std::optional<double> accuracy;
  double lr = 0.0;
  double grad_norm = 0.0;
  std::optional<double> grad_noise;
  double param_norm = 0.0;
  double update_ratio = 0.0;
  std::optional<double> batch_dead_fraction;
  std::optional<double> grad_trace;
  std::optional<double> grad_signal;
  std::uint64_t unmeasured = 0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"step", &StepRecord::step, "updates made before this measurement"},
        Column{"epoch", &StepRecord::epoch, "epochs completed"},
        Column{"loss", &StepRecord::loss, "mean loss of the batch, with the penalties"},
        Column{"accuracy", &StepRecord::accuracy,
               "share of the batch classified correctly, of several labels the mean share; empty for regression"},
        Column{"lr", &StepRecord::lr, "learning rate of the update that follows"},
        Column{"grad_norm", &StepRecord::grad_norm, "L2 norm of the gradient over all parameters, before clipping"},
        Column{"grad_noise", &StepRecord::grad_noise,
               "noise scale grad_trace / grad_signal (McCandlish et al. 2018) of this batch alone; inf: noise only"},
        Column{"param_norm", &StepRecord::param_norm, "L2 norm of all parameters, before the update"},
        Column{"update_ratio", &StepRecord::update_ratio, "‖Δθ‖/‖θ‖ of the update that follows, all parameters"},
        Column{"batch_dead_fraction", &StepRecord::batch_dead_fraction,
               "units with φ' = 0 on the whole batch, as a share of all hidden units; empty without hidden layers"},
        Column{"grad_trace", &StepRecord::grad_trace,
               "unbiased estimate of tr(Σ), the variance of one sample's gradient; empty for a batch of one"},
        Column{"grad_signal", &StepRecord::grad_signal,
               "the same of ‖G‖², the expected gradient's squared norm: may be below 0. To average, not to divide"},
    };
  }
};

}  // namespace reluscope
