#pragma once
// Optimisers: PyTorch's formulas and defaults, in one table, and the one sweep over the parameters that takes the
// gradient's norms, clips, decays, updates, and measures the update on its way.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nn/parameter.hpp"
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
  /// Parameters whose gradient is exactly 0 in every step to come still *coast*: on what momentum is left, and on
  /// weight decay. If each element then stays s·θ + r, with one factor s ∈ [shrink, 1] for all elements and all steps
  /// and |r| ≤ rest(element): shrink. nullopt where there is no such factor (L2 decay through adaptive rates moves
  /// every element at its own pace, and past 0).
  [[nodiscard]] virtual std::optional<double> shrink(bool decays, const RatesAhead& rates) const = 0;
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

/// How gradients are limited before the update; unset: not at all.
struct Clipping {
  std::optional<double> norm;   ///< PyTorch's clip_grad_norm_: scale by norm / (‖g‖ + 1e-6) where that is below 1
  std::optional<double> value;  ///< then each element to [−value, value]
};

/// The optimiser's state for a list of parameters, and the sweep. Different element ranges may be swept from
/// different threads.
template <class T>
class Optimizer {
 public:
  Optimizer(const Choice& choice, const Clipping& clipping, std::vector<Parameter<T>*> parameters);

  /// Starts the next step with this learning rate.
  void begin_step(double lr);
  /// Whether the global gradient norm must be known before the update (clipping by norm).
  [[nodiscard]] bool needs_global_norm() const { return clipping_.norm.has_value(); }
  /// Sets the clipping factor from the global norm. Only with needs_global_norm().
  void set_global_norm(double norm);
  /// Gradient norms only, of `count` elements.
  [[nodiscard]] static SweepSums measure(const T* gradient, Index count);
  /// The update of elements [begin, end) of parameter `which`, with all sums; `gradient` is that of these elements.
  SweepSums sweep(std::size_t which, Index begin, Index end, const T* gradient);

  /// How parameter `which` coasts (UpdateRule): the factor, and each element's rest.
  [[nodiscard]] std::optional<double> shrink(std::size_t which, const RatesAhead& rates) const {
    return rule_->shrink(parameters_[which]->decays, rates);
  }
  [[nodiscard]] double rest(std::size_t which, const RatesAhead& rates, Index element) const;
  /// Whether a gradient of 0 leaves a parameter as it is at once: no momentum, no decay.
  [[nodiscard]] bool stands_still(std::size_t which) const {
    return shrink(which, {1.0, 1.0, 1.0}) == 1.0 && !rule_->has_momentum();
  }

  [[nodiscard]] const std::vector<Parameter<T>*>& parameters() const { return parameters_; }
  [[nodiscard]] double base_lr() const { return base_lr_; }

  /// What the rule keeps of each parameter: [parameter][array], each of the parameter's shape.
  [[nodiscard]] std::vector<std::vector<Matrix<T>>>& state() { return state_; }
  /// The rest of what the next step depends on.
  template <class Archive>
  void archive(Archive& file) {
    file(factors_, steps_);
  }

 private:
  std::unique_ptr<UpdateRule<T>> rule_;
  Clipping clipping_;
  std::vector<Parameter<T>*> parameters_;
  std::vector<std::vector<Matrix<T>>> state_;  ///< [parameter][array], each of the parameter's shape
  StepFactors factors_;
  std::int64_t steps_ = 0;
  double base_lr_ = 0.0;
  T clip_scale_ = T(1);
};

}  // namespace reluscope
