#pragma once
// The optimiser of a run: an update rule with its state for each parameter.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nn/parameter.hpp"
#include "nn/penalty.hpp"
#include "optim/update_rule.hpp"

namespace reluscope {

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
  /// `penalty`: what is in the gradients of weights besides the loss's. The optimiser does not add it, but has to know
  /// how parameters coast.
  Optimizer(const Choice& choice, const Clipping& clipping, const Penalty& penalty,
            std::vector<Parameter<T>*> parameters);

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
  [[nodiscard]] std::optional<double> shrink(std::size_t which, const RatesAhead& rates) const;
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
  Penalty penalty_;
  std::vector<Parameter<T>*> parameters_;
  std::vector<std::vector<Matrix<T>>> state_;  ///< [parameter][array], each of the parameter's shape
  StepFactors factors_;
  std::int64_t steps_ = 0;
  double base_lr_ = 0.0;
  T clip_scale_ = T(1);
};

}  // namespace reluscope
