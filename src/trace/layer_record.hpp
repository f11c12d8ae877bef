#pragma once
// layers.csv: a row is a layer with units at a recorded step.

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "trace/column.hpp"

namespace reluscope {

struct LayerRecord {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  std::int64_t layer = 0;
  std::string name;
  std::string activation;
  std::int64_t units = 0;
  std::int64_t batch_dead = 0;
  double batch_dead_fraction = 0.0;
  double zero_fraction = 0.0;
  double z_mean = 0.0;
  double z_std = 0.0;
  double z_max = 0.0;
  double a_mean = 0.0;
  double a_rms = 0.0;
  double a_max = 0.0;
  double grad_norm_w = 0.0;
  std::optional<double> grad_norm_b;
  double grad_max = 0.0;
  double grad_mean = 0.0;
  double grad_zero_fraction = 0.0;
  double delta_rms = 0.0;
  double weight_norm = 0.0;
  double update_ratio = 0.0;
  std::optional<double> slope_mean;
  std::optional<std::int64_t> dead_min;
  std::optional<std::int64_t> dead_max;
  std::optional<std::int64_t> batch_rare;
  std::optional<std::int64_t> batch_faint;
  std::optional<double> tiny_fraction;
  std::optional<double> nonpositive_fraction;
  std::optional<Role> role;
  std::optional<bool> from_file;
  std::int64_t positions = 1;
  std::uint64_t unmeasured = 0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"step", &LayerRecord::step, "updates made before this measurement"},
        Column{"epoch", &LayerRecord::epoch, "epochs completed"},
        Column{"layer", &LayerRecord::layer, "layers with units, counted from 1 at the input"},
        Column{"name", &LayerRecord::name, "the layer's name"},
        Column{"activation", &LayerRecord::activation, "its activation"},
        Column{"units", &LayerRecord::units, "its units"},
        Column{"batch_dead", &LayerRecord::batch_dead, "units with φ' = 0 for every sample of the batch"},
        Column{"batch_dead_fraction", &LayerRecord::batch_dead_fraction, "batch_dead / units"},
        Column{"zero_fraction", &LayerRecord::zero_fraction, "share of activations that are exactly 0"},
        Column{"z_mean", &LayerRecord::z_mean, "mean pre-activation"},
        Column{"z_std", &LayerRecord::z_std, "standard deviation of the pre-activations"},
        Column{"a_mean", &LayerRecord::a_mean, "mean activation (bias shift)"},
        Column{"a_rms", &LayerRecord::a_rms, "root mean square of the activations"},
        Column{"a_max", &LayerRecord::a_max, "largest |activation|"},
        Column{"grad_norm_w", &LayerRecord::grad_norm_w, "L2 norm of ∂L/∂W, before clipping"},
        Column{"grad_norm_b", &LayerRecord::grad_norm_b,
               "L2 norm of ∂L/∂b, before clipping; empty for a layer without biases"},
        Column{"grad_max", &LayerRecord::grad_max, "largest |element| of ∂L/∂W and ∂L/∂b"},
        Column{"delta_rms", &LayerRecord::delta_rms, "RMS of ∂L/∂z of each sample's own loss"},
        Column{"weight_norm", &LayerRecord::weight_norm, "L2 norm of W, before the update"},
        Column{"update_ratio", &LayerRecord::update_ratio, "‖Δθ‖/‖θ‖ of the update that follows, this layer"},
        Column{"slope_mean", &LayerRecord::slope_mean, "prelu: mean learned slope, before the update"},
        Column{"dead_min", &LayerRecord::dead_min,
               "at least so many units are dead on the whole training set: proved; empty without a census"},
        Column{"dead_max", &LayerRecord::dead_max, "at most so many, for sure; at the step of a census both are exact"},
        Column{"z_max", &LayerRecord::z_max, "largest |pre-activation|"},
        Column{"grad_mean", &LayerRecord::grad_mean, "mean |element| of ∂L/∂W and ∂L/∂b"},
        Column{"grad_zero_fraction", &LayerRecord::grad_zero_fraction,
               "share of the elements of both that are exactly 0"},
        Column{"batch_rare", &LayerRecord::batch_rare,
               "units with a ≠ 0 on less than 1 % of the batch; this and the rest: empty unless record.monitors"},
        Column{"batch_faint", &LayerRecord::batch_faint, "units with |a| < 1e-5 on 95 % of the batch or more"},
        Column{"tiny_fraction", &LayerRecord::tiny_fraction, "share of activations with |a| < 1e-6"},
        Column{"nonpositive_fraction", &LayerRecord::nonpositive_fraction, "share of activations ≤ 0"},
        Column{"role", &LayerRecord::role, "hidden or output; empty where it is not known"},
        Column{"from_file", &LayerRecord::from_file,
               "1 if training started from weights of a file (network.init_from), 0 if they were drawn"},
        Column{"positions", &LayerRecord::positions,
               "places that a unit is applied at for one sample: 1 in a dense layer"},
    };
  }
};

}  // namespace reluscope
