#pragma once
// Short ways to say what a test trains.

#include <string>
#include <utility>
#include <vector>

#include "config/spec.hpp"
#include "nn/activation.hpp"
#include "nn/initializer.hpp"
#include "nn/loss.hpp"
#include "optim/optimizer.hpp"
#include "optim/schedule.hpp"

namespace reluscope::test {

using Settings = std::vector<std::pair<std::string, ParamValue>>;

template <class E>
Choice choose(std::span<const E> table, const std::string& name, const Settings& settings = {}) {
  Choice choice = default_choice(table, name);
  for (const auto& [key, value] : settings) choice.params.set(key, value);
  return choice;
}

inline Choice activation(const std::string& name, const Settings& settings = {}) {
  return choose(activation_table(), name, settings);
}
inline Choice weights(const std::string& name, const Settings& settings = {}) {
  return choose(weight_init_table(), name, settings);
}
inline Choice biases(const std::string& name, const Settings& settings = {}) {
  return choose(bias_init_table(), name, settings);
}
inline Choice loss(const std::string& name, const Settings& settings = {}) {
  return choose(loss_table(), name, settings);
}
inline Choice optimizer(const std::string& name, const Settings& settings = {}) {
  return choose(optimizer_table(), name, settings);
}

inline LayerSpec dense(const std::string& name, Index units, Choice phi = activation("identity"),
                       Choice weight_init = weights("he_normal"), Choice bias_init = biases("normal")) {
  return {name, DenseSpec{units, std::move(phi), std::move(weight_init), std::move(bias_init)}, 0};
}
inline LayerSpec dropout(const std::string& name, double p) { return {name, DropoutSpec{p}, 0}; }

}  // namespace reluscope::test
