#pragma once
// Short ways to say what a test trains.

#include <string>
#include <utility>
#include <vector>

#include "config/spec.hpp"
#include "nn/activation.hpp"
#include "nn/initializer.hpp"
#include "nn/loss.hpp"
#include "nn/node_table.hpp"
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

/// Other values that the parameter may have than its default.
inline std::vector<ParamValue> other_values(const Param& param) {
  std::vector<ParamValue> values;
  for (const std::string& word : param.allowed)
    if (param.fallback != ParamValue(word)) values.emplace_back(word);
  if (const auto* real = std::get_if<double>(&param.fallback)) values.emplace_back(*real == 0.0 ? 0.3 : 0.7 * *real);
  if (const auto* whole = std::get_if<std::int64_t>(&param.fallback)) values.emplace_back(*whole + 1);
  if (const auto* flag = std::get_if<bool>(&param.fallback)) values.emplace_back(!*flag);
  if (const auto* list = std::get_if<NumberList>(&param.fallback))
    for (std::size_t at = 0; at < list->size(); ++at) {
      std::vector<double> changed = *list;
      changed[at] *= 0.7;
      values.emplace_back(changed);
    }
  const bool is_null = std::holds_alternative<std::monostate>(param.fallback);
  if (is_null && param.kind == ParamKind::number) values.emplace_back(0.3);
  if (is_null && param.kind == ParamKind::integer) values.emplace_back(std::int64_t{30});
  if (!is_null && param.optional) values.emplace_back(std::monostate());
  return values;
}

/// The entry with its defaults, and once more for each other value of each of its parameters.
inline std::vector<Choice> variants_of(const Entry& entry) {
  std::vector<Choice> variants = {{entry.name, ParamValues(entry.params)}};
  for (const Param& param : entry.params)
    for (const ParamValue& value : other_values(param)) {
      variants.push_back(variants.front());
      variants.back().params.set(param.name, value);
    }
  return variants;
}

/// The entry with none of its defaults.
inline Choice all_changed(const Entry& entry) {
  Choice changed{entry.name, ParamValues(entry.params)};
  for (const Param& param : entry.params)
    for (const ParamValue& value : other_values(param)) changed.params.set(param.name, value);
  return changed;
}

/// The activations that hidden layers can have: those of which an output depends on its own z alone.
inline std::vector<ActivationEntry> hidden_activations() {
  std::vector<ActivationEntry> entries;
  for (const ActivationEntry& entry : activation_table())
    if (!entry.coupled) entries.push_back(entry);
  return entries;
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
  return {name, choose(node_table(), "dense", {{"units", std::int64_t{units}}}),
          InitSpec{std::move(weight_init), std::move(bias_init)}, std::move(phi)};
}
inline LayerSpec conv2d(const std::string& name, Index channels, Index kernel, const Settings& settings = {},
                        Choice phi = activation("identity"), Choice weight_init = weights("he_normal"),
                        Choice bias_init = biases("normal")) {
  LayerSpec layer = dense(name, 1, std::move(phi), std::move(weight_init), std::move(bias_init));
  layer.type = choose(node_table(), "conv2d", settings);
  layer.type.params.set("channels", std::int64_t{channels});
  layer.type.params.set("kernel", std::int64_t{kernel});
  return layer;
}
/// The layer with a norm between its map and its activation.
inline LayerSpec with_norm(LayerSpec layer, const Settings& settings = {}, const std::string& norm = "batch_norm") {
  layer.norm = {{layer.name, choose(norm_table(), norm, settings), std::nullopt, std::nullopt}};
  return layer;
}
/// The layer without its activation, as a branch ends.
inline LayerSpec bare(LayerSpec layer) {
  layer.activation.reset();
  return layer;
}
inline LayerSpec residual(const std::string& name, std::vector<LayerSpec> body, std::vector<LayerSpec> shortcut,
                          const Choice& phi) {
  LayerSpec layer{name, choose(node_table(), "residual"), std::nullopt, phi};
  layer.body = std::move(body);
  layer.shortcut = std::move(shortcut);
  return layer;
}
/// max_pool or avg_pool.
inline LayerSpec pool(const std::string& name, const std::string& type, Index kernel, const Settings& settings = {}) {
  LayerSpec layer{name, choose(node_table(), type, settings), std::nullopt, std::nullopt};
  layer.type.params.set("kernel", std::int64_t{kernel});
  return layer;
}
/// A layer of settings alone.
inline LayerSpec plain(const std::string& name, const std::string& type, const Settings& settings = {}) {
  return {name, choose(node_table(), type, settings), std::nullopt, std::nullopt};
}
inline LayerSpec dropout(const std::string& name, double p, const std::string& per = "value") {
  return plain(name, "dropout", {{"p", p}, {"per", per}});
}

}  // namespace reluscope::test
