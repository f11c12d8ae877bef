#include "trials/variation.hpp"

#include <cmath>
#include <sstream>

#include "config/short_names.hpp"
#include "data/cells.hpp"
#include "nn/activation.hpp"
#include "trials/remedies.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/nearest.hpp"

namespace reluscope {

namespace {

/// Names the variants by what they are, once all is there that they differ in.
void name_variants(Variation& variation) {
  const std::vector<std::string> names = short_names(variation.keys);
  for (Variant& variant : variation.variants) variant.name = setting_name(names, variant.settings);
}

/// The activation of the table that goes by this name, which hidden layers can have.
const ActivationEntry& hidden_activation(const std::string& name) {
  const ActivationEntry* entry = find_entry(activation_table(), name);
  std::vector<std::string> there;
  for (const ActivationEntry& one : activation_table())
    if (!one.coupled) there.push_back(one.name);
  if (entry != nullptr && !entry->coupled) return *entry;
  const std::optional<std::string> meant = nearest_name(name, there);
  throw UsageError("--activations: found '" + name + "', expected activations of hidden layers" +
                   (meant ? "; did you mean " + *meant + "?" : ": " + joined(there)));
}

}  // namespace

std::vector<std::string> split_values(const std::string& text) {
  std::vector<std::string> values(1);
  int depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char letter = text[at];
    if (letter == '"' && (at == 0 || text[at - 1] != '\\')) quoted = !quoted;
    if (!quoted && (letter == '[' || letter == '{')) ++depth;
    if (!quoted && (letter == ']' || letter == '}')) --depth;
    if (letter == ',' && depth == 0 && !quoted) {
      values.emplace_back();
    } else {
      values.back() += letter;
    }
  }
  return values;
}

std::string setting_name(std::span<const std::string> names, std::span<const std::string> values) {
  if (names.size() == 1 && !values[0].empty()) return values[0];
  std::string text;
  for (std::size_t at = 0; at < names.size(); ++at) {
    if (values[at].empty()) continue;  // of a list, what an entry leaves as it is
    text.append(text.empty() ? "" : ", ").append(names[at]).append("=").append(values[at]);
  }
  return text.empty() ? "as it is" : text;
}

Variation parse_variation(std::span<const std::string> words) {
  Variation variation;
  variation.variants.emplace_back();
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == word.size())
      throw UsageError("--vary " + word + ": expected KEY=VALUE,VALUE,…, as network.layers.*.activation=relu,elu");
    const std::string key = word.substr(0, equals);
    variation.keys.push_back(key);
    const std::vector<std::string> values = split_values(word.substr(equals + 1));
    if (std::ssize(values) > kMostCompared / std::ssize(variation.variants))
      throw UsageError("--vary " + word + ": more than " + std::to_string(kMostCompared) + " combinations");
    std::vector<Variant> combinations;
    for (const Variant& variant : variation.variants)
      for (const std::string& value : values) {
        Variant& one = combinations.emplace_back(variant);
        one.settings.push_back(value);
        std::string assignment = key;
        assignment.append("=").append(value);
        one.overrides.push_back(assignment);
      }
    variation.variants = std::move(combinations);
  }
  name_variants(variation);
  return variation;
}

Variation vary_activations(const ExperimentSpec& spec, std::span<const std::string> activations) {
  Variation variation;
  variation.keys = {kActivationKey};
  const bool usual = activations.empty();
  for (const std::string& given : usual ? std::span<const std::string>(kUsualActivations) : activations) {
    const std::string& name = hidden_activation(given).name;
    if (!fits_weights_file(spec, name)) {
      if (usual) continue;
      throw UsageError("--activations: '" + name + "' has other parameters than the weights of network.init_from, '" +
                       spec.network.init_from->string() +
                       "': leave it out, or compare without the file: "
                       "network.init_from=null");
    }
    variation.variants.push_back({name, {name}, activation_changes(spec, name)});
  }
  return variation;
}

Variation with_rates(const Variation& variation, std::span<const std::string> rates) {
  Variation more;
  more.keys = variation.keys;
  more.keys.emplace_back(kRateKey);
  for (const Variant& variant : variation.variants)
    for (const std::string& rate : rates) {
      Variant& one = more.variants.emplace_back(variant);
      one.settings.push_back(rate);
      one.overrides.push_back(std::string(kRateKey) + "=" + rate);
    }
  name_variants(more);
  return more;
}

std::vector<std::string> rates_to_try(const ExperimentSpec& spec, const std::string& list) {
  if (!list.empty()) {
    std::vector<std::string> rates = split_values(list);
    for (const std::string& rate : rates) {
      const std::optional<double> value = parse_number(rate);
      if (!value || !(*value > 0.0))
        throw UsageError("--lr " + list + ": found '" + rate + "', expected learning rates above 0, as 0.1,0.01");
    }
    return rates;
  }
  const double rate = spec.train.optimizer.params.number("lr");
  if (!(rate > 0.0)) throw UsageError("--lr: the config's train.optimizer.lr is 0: name the rates, as --lr 0.1,0.01");
  std::vector<std::string> rates;
  for (const double factor : {0.1, 0.3, 1.0, 3.0, 10.0}) {
    std::ostringstream text;
    text.precision(6);  // a tenth of 1e-5 is 1e-6, not 1.0000000000000002e-6
    text << rate * factor;
    rates.push_back(text.str());
  }
  return rates;
}

}  // namespace reluscope
