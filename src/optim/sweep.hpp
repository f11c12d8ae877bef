#pragma once
// The one sweep over a parameter's elements, which takes the gradient's norms, clips, decays, updates, and measures the
// update on its way.

#include <algorithm>
#include <limits>
#include <optional>
#include <type_traits>

#include "nn/block.hpp"
#include "optim/update_rule.hpp"

namespace reluscope {

/// Elements between two flushes of the lanes' sums into double: bounds the rounding error of float sums.
constexpr Index kFlush = 4096;

/// Sums of one sweep, lane by lane.
template <class T>
struct LaneSums {
  Block<T> gradient_square{};
  Block<T> gradient_max{};
  Block<T> gradient_abs{};
  Block<T> gradient_zeros{};
  Block<T> value_square{};
  Block<T> update_square{};

  void flush_into(SweepSums& sums) {
    for (int lane = 0; lane < kLanes<T>; ++lane) {
      sums.gradient_square += static_cast<double>(gradient_square[lane]);
      sums.gradient_abs += static_cast<double>(gradient_abs[lane]);
      sums.gradient_zeros += static_cast<double>(gradient_zeros[lane]);
      sums.value_square += static_cast<double>(value_square[lane]);
      sums.update_square += static_cast<double>(update_square[lane]);
      const double largest = static_cast<double>(gradient_max[lane]);
      sums.gradient_max = largest > sums.gradient_max ? largest : sums.gradient_max;
    }
    *this = LaneSums();
  }

  void add_gradient(Block<T> gradient) {
    gradient_square += gradient * gradient;
    const Block<T> size = abs_block(gradient);
    gradient_max = max_block(gradient_max, size);
    gradient_abs += size;
    const Block<T> zero{};
    const Block<T> one = fill_block(T(1));
    gradient_zeros += gradient == T(0) ? one : zero;
  }
};

/// Lanes of the last block that hold no element: their gradient is 0 and must not count.
template <class T>
double lanes_beyond(Index count) {
  return static_cast<double>((kLanes<T> - count % kLanes<T>) % kLanes<T>);
}

template <class T>
Block<T> clamp_block(Block<T> x, T limit) {
  const Block<T> edge = fill_block(limit);
  const Block<T> capped = x > limit ? edge : x;
  return x < -limit ? -edge : capped;
}

/// The sweep around a rule: `Rule` offers
///   int state_count() const;
///   template <class T> Block<T> step(const StepFactors&, Block<T> value, Block<T> gradient, Block<T>* state) const
/// which returns the new value; weight decay is coupled (added to the gradient, L2) unless kDecoupledDecay. And it
/// answers how it coasts, for itself: certificates rest on it, so that no answer has a default or comes from another
/// rule.
///   bool has_momentum() const;
///   double rest(const StepFactors&, const RatesAhead&, const double* state) const;
///   std::optional<double> decay_shrink(double l2, double decoupled, const RatesAhead&) const;  // not both 0
/// with a gradient of l2·θ, and of a decoupled decay the weight_decay.
template <class T, class Rule>
class SweptRule final : public UpdateRule<T> {
  static_assert(std::is_final_v<Rule>, "a rule derived from another would inherit what that one answers");

 public:
  explicit SweptRule(const ParamValues& params) : rule_(params) {}

  SweepSums sweep(const StepFactors& factors, bool decays, T clip_scale, T clip_value, Index count, T* value,
                  const T* gradient, T* const* state) const override {
    SweepSums sums;
    LaneSums<T> lanes;
    const T decay = decays ? static_cast<T>(rule_.weight_decay) : T(0);
    const T lr = static_cast<T>(factors.lr);
    for (Index first = 0; first < count; first += kLanes<T>) {
      const Index size = std::min<Index>(kLanes<T>, count - first);
      const Block<T> old_value = load_block(value + first, size);
      Block<T> g = load_block(gradient + first, size);
      lanes.add_gradient(g);
      g *= clip_scale;
      if (clip_value < std::numeric_limits<T>::infinity()) g = clamp_block(g, clip_value);
      Block<T> start = old_value;
      if (decay != T(0)) {
        if constexpr (Rule::kDecoupledDecay) {
          start -= lr * decay * old_value;
        } else {
          g += decay * old_value;
        }
      }
      Block<T> moments[Rule::kMaxState];
      for (int array = 0; array < rule_.state_count(); ++array) moments[array] = load_block(state[array] + first, size);
      const Block<T> new_value = rule_.template step<T>(factors, start, g, moments);
      for (int array = 0; array < rule_.state_count(); ++array)
        store_block<T>(moments[array], state[array] + first, size);
      store_block<T>(new_value, value + first, size);
      lanes.value_square += old_value * old_value;
      // Lanes beyond the last element stay 0: every rule maps a 0 with gradient 0 and state 0 to 0.
      const Block<T> update = new_value - old_value;
      lanes.update_square += update * update;
      if ((first + kLanes<T>) % kFlush == 0) lanes.flush_into(sums);
    }
    lanes.flush_into(sums);
    sums.gradient_zeros -= lanes_beyond<T>(count);
    return sums;
  }

  [[nodiscard]] int state_count() const override { return rule_.state_count(); }
  [[nodiscard]] StepFactors next(const StepFactors& previous, std::int64_t steps, double lr) const override {
    return rule_.next(previous, steps, lr);
  }
  [[nodiscard]] std::optional<double> shrink(bool decays, double l2, const RatesAhead& rates) const override {
    const double decay = decays ? rule_.weight_decay : 0.0;
    const double decoupled = Rule::kDecoupledDecay ? decay : 0.0;
    const double coupled = l2 + (Rule::kDecoupledDecay ? 0.0 : decay);
    if (coupled == 0.0 && decoupled == 0.0) return 1.0;
    return rule_.decay_shrink(coupled, decoupled, rates);
  }
  [[nodiscard]] double rest(const StepFactors& factors, const RatesAhead& rates, const T* state) const override {
    double values[Rule::kMaxState] = {};
    for (int array = 0; array < rule_.state_count(); ++array) values[array] = static_cast<double>(state[array]);
    return rule_.rest(factors, rates, values);
  }
  [[nodiscard]] bool has_momentum() const override { return rule_.has_momentum(); }
  [[nodiscard]] T initial_state() const override { return static_cast<T>(rule_.initial_state); }

 private:
  Rule rule_;
};

}  // namespace reluscope
