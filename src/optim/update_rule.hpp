#pragma once
// Update rules: PyTorch's formulas and defaults, in one table.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "nn/matrix.hpp"
#include "util/param.hpp"

namespace reluscope {

/// Sums over the elements of (part of) a parameter.
struct SweepSums {
  double gradient_square = 0.0;  ///< Σ g², before clipping and weight decay
  double gradient_max = 0.0;     ///< max |g|
  double gradient_abs = 0.0;     ///< Σ |g|
  double gradient_zeros = 0.0;   ///< how many g are exactly 0
  double value_square = 0.0;     ///< Σ θ², before the update
  double update_square = 0.0;    ///< Σ (Δθ)²
  SweepSums& operator+=(const SweepSums& other);
};

/// What one step's updates share: the rate, and factors that depend on the number of steps taken.
struct StepFactors {
  double lr = 0.0;
  double correction1 = 1.0;  ///< adam: 1 − β₁^t
  double correction2 = 1.0;  ///< adam: 1 − β₂^t
  bool first = false;        ///< sgd: the first step fills the momentum buffer
  template <class Archive>
  void archive(Archive& file) {
    file(lr, correction1, correction2, first);
  }
};

/// What is known of the learning rates of the steps to come.
struct RatesAhead {
  double largest = 0.0;
  double sum = 0.0;
  double steps = 0.0;
};

/// The update rule of one optimiser with its parameters bound.
template <class T>
class UpdateRule {
 public:
  UpdateRule() = default;
  UpdateRule(const UpdateRule&) = delete;
  UpdateRule& operator=(const UpdateRule&) = delete;
  virtual ~UpdateRule() = default;
  /// Updates `count` elements at `value` from `gradient` (scaled by `clip_scale`, then limited to ±clip_value) and
  /// the state arrays. `decays` is false for parameters that weight decay leaves alone.
  virtual SweepSums sweep(const StepFactors& factors, bool decays, T clip_scale, T clip_value, Index count, T* value,
                          const T* gradient, T* const* state) const = 0;
  /// State arrays per parameter (momentum buffer, moments, …).
  [[nodiscard]] virtual int state_count() const = 0;
  /// The factors of the step after `factors`' one, for this lr. `steps` is the number of updates made before.
  [[nodiscard]] virtual StepFactors next(const StepFactors& previous, std::int64_t steps, double lr) const = 0;
  /// Parameters whose loss gradient is exactly 0 in every step to come still *coast*: on what momentum is left, on
  /// weight decay, and on an L2 penalty, by which their gradient is at most `l2`·θ, with one factor for all elements of
  /// a step. If each element then stays s·θ + r, with one factor s ∈ [shrink, 1] for all elements and all steps and |r|
  /// ≤ rest(element): shrink. nullopt where there is no such factor (L2 decay through adaptive rates moves every
  /// element at its own pace, and past 0).
  [[nodiscard]] virtual std::optional<double> shrink(bool decays, double l2, const RatesAhead& rates) const = 0;
  /// `state`: of one element. `factors`: of the last step.
  [[nodiscard]] virtual double rest(const StepFactors& factors, const RatesAhead& rates, const T* state) const = 0;
  /// Whether updates go on when the gradient is 0.
  [[nodiscard]] virtual bool has_momentum() const = 0;
  /// What the state arrays start from.
  [[nodiscard]] virtual T initial_state() const { return T(0); }
};

struct OptimizerEntry : Entry {
  std::unique_ptr<UpdateRule<float>> (*make_float)(const ParamValues&) = nullptr;
  std::unique_ptr<UpdateRule<double>> (*make_double)(const ParamValues&) = nullptr;
};

/// sgd, adam, adamw, rmsprop, adagrad.
std::span<const OptimizerEntry> optimizer_table();

}  // namespace reluscope
