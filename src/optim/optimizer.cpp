#include "optim/optimizer.hpp"

#include <algorithm>
#include <limits>

#include "optim/sweep.hpp"

namespace reluscope {

template <class T>
Optimizer<T>::Optimizer(const Choice& choice, const Clipping& clipping, const Penalty& penalty,
                        std::vector<Parameter<T>*> parameters)
    : clipping_(clipping), penalty_(penalty), parameters_(std::move(parameters)), base_lr_(choice.params.number("lr")) {
  const OptimizerEntry* entry = find_entry(optimizer_table(), choice.name);
  if constexpr (std::is_same_v<T, float>) {
    rule_ = entry->make_float(choice.params);
  } else {
    rule_ = entry->make_double(choice.params);
  }
  for (const Parameter<T>* parameter : parameters_) {
    const auto shape = Matrix<T>::Constant(parameter->value.rows(), parameter->value.cols(), rule_->initial_state());
    state_.emplace_back(static_cast<std::size_t>(rule_->state_count()), Matrix<T>(shape));
  }
}

template <class T>
void Optimizer<T>::begin_step(double lr) {
  factors_ = rule_->next(factors_, steps_, lr);
  ++steps_;
  clip_scale_ = T(1);
}

template <class T>
void Optimizer<T>::set_global_norm(double norm) {
  const double scale = *clipping_.norm / (norm + 1e-6);
  clip_scale_ = scale < 1.0 ? static_cast<T>(scale) : T(1);
}

template <class T>
SweepSums Optimizer<T>::measure(const T* gradient, Index count) {
  SweepSums sums;
  LaneSums<T> lanes;
  for (Index first = 0; first < count; first += kLanes<T>) {
    lanes.add_gradient(load_block(gradient + first, std::min<Index>(kLanes<T>, count - first)));
    if ((first + kLanes<T>) % kFlush == 0) lanes.flush_into(sums);
  }
  lanes.flush_into(sums);
  sums.gradient_zeros -= lanes_beyond<T>(count);
  return sums;
}

template <class T>
std::optional<double> Optimizer<T>::shrink(std::size_t which, const RatesAhead& rates) const {
  const Parameter<T>& parameter = *parameters_[which];
  double l2 = 0.0;
  if (parameter.role == ParameterRole::weight && penalty_.on_weights()) {
    // L1 moves every weight by the same distance, and past 0. A limit on each element breaks the common factor.
    if (penalty_.l1_weights != 0.0 || clipping_.value) return std::nullopt;
    l2 = 2.0 * penalty_.l2_weights;
  }
  return rule_->shrink(parameter.decays, l2, rates);
}

template <class T>
double Optimizer<T>::rest(std::size_t which, const RatesAhead& rates, Index element) const {
  T state[3] = {};
  for (std::size_t array = 0; array < state_[which].size(); ++array)
    state[array] = state_[which][array].data()[element];
  return rule_->rest(factors_, rates, state);
}

template <class T>
SweepSums Optimizer<T>::sweep(std::size_t which, Index begin, Index end, const T* gradient) {
  Parameter<T>& parameter = *parameters_[which];
  T* state[3] = {};
  for (std::size_t array = 0; array < state_[which].size(); ++array) state[array] = state_[which][array].data() + begin;
  const T clip_value = static_cast<T>(clipping_.value.value_or(std::numeric_limits<double>::infinity()));
  return rule_->sweep(factors_, parameter.decays, clip_scale_, clip_value, end - begin, parameter.value.data() + begin,
                      gradient, state);
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace reluscope
