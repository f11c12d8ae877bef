#include "config/bind.hpp"

#include <cstdlib>
#include <map>
#include <set>

#include "data/sources.hpp"
#include "diagnose/rules.hpp"
#include "nn/activation.hpp"
#include "nn/initializer.hpp"
#include "nn/loss.hpp"
#include "nn/node_table.hpp"
#include "optim/optimizer.hpp"
#include "optim/schedule.hpp"

namespace reluscope {

namespace {

using Resolved = nlohmann::ordered_json;

/// Layers after `repeat`; beyond it the streams of random numbers for dropout would run out.
constexpr std::size_t kMostLayers = 10000;

/// ~ and ~/… as a shell has them, which does not see them behind KEY= or in a file.
std::string at_home(const std::string& path) {
  const char* home = std::getenv("HOME");
  return home == nullptr || (path != "~" && !path.starts_with("~/")) ? path : home + path.substr(1);
}

ParamValue to_value(const Param& param, const Resolved& json) {
  if (json.is_null()) return std::monostate{};
  switch (param.kind) {
    case ParamKind::boolean:
      return json.get<bool>();
    case ParamKind::integer:
      if (json.is_string()) return json.get<std::string>();
      return json.get<std::int64_t>();
    case ParamKind::number:
      return json.get<double>();
    case ParamKind::text:
      return param.is_path ? at_home(json.get<std::string>()) : json.get<std::string>();
    case ParamKind::numbers:
      return json.get<std::vector<double>>();
  }
  return {};
}

template <class E>
Choice to_choice(std::span<const E> table, const Resolved& json, const char* discriminator = "name") {
  const E& entry = *find_entry(table, json.at(discriminator).get<std::string>());
  Choice choice{entry.name, ParamValues(entry.params)};
  for (const Param& param : entry.params) choice.params.set(param.name, to_value(param, json.at(param.name)));
  return choice;
}

template <class V>
std::optional<V> maybe(const Resolved& json) {
  return json.is_null() ? std::nullopt : std::optional<V>(json.get<V>());
}

Cadence to_cadence(const Resolved& json) {
  if (json.is_number()) return {Cadence::Kind::every, json.get<std::int64_t>()};
  const auto word = json.get<std::string>();
  if (word == "off") return {Cadence::Kind::off, 1};
  if (word == "epoch") return {Cadence::Kind::epoch, 1};
  if (word == "log") return {Cadence::Kind::log, 1};
  if (word == "minute") return {Cadence::Kind::minute, 1};
  return {Cadence::Kind::every, 1};  // "step"
}

DataSpec to_data(const Resolved& json) {
  DataSpec data;
  data.source = to_choice(source_table(), json, "kind");
  data.base_directory = at_home(maybe<std::string>(json.at("directory")).value_or(""));
  const auto normalize = json.at("normalize").get<std::string>();
  data.normalize = normalize == "unit"       ? Normalization::unit
                   : normalize == "standard" ? Normalization::standard
                   : normalize == "none"     ? Normalization::none
                                             : Normalization::per_feature;
  data.scale_targets = json.at("normalize_targets") == "per_output";
  data.reconstruct = json.at("target") == "input";
  data.limit = maybe<std::int64_t>(json.at("limit"));
  data.test_fraction = json.at("test_fraction").get<double>();
  return data;
}

TrainSpec to_train(const Resolved& json) {
  TrainSpec train;
  train.steps = maybe<std::int64_t>(json.at("steps"));
  train.epochs = maybe<std::int64_t>(json.at("epochs")).value_or(0);
  train.batch_size = json.at("batch_size").get<std::int64_t>();
  train.shuffle = json.at("shuffle").get<bool>();
  train.drop_last = json.at("drop_last").get<bool>();
  train.optimizer = to_choice(optimizer_table(), json.at("optimizer"));
  train.schedule = to_choice(schedule_table(), json.at("schedule"));
  train.warmup_steps = json.at("warmup_steps").get<std::int64_t>();
  train.warmup_start_factor = json.at("warmup_start_factor").get<double>();
  train.clip_norm = maybe<double>(json.at("clip_norm"));
  train.clip_value = maybe<double>(json.at("clip_value"));
  const Resolved& penalty = json.at("penalty");
  train.penalty = {penalty.at("l1_weights").get<double>(), penalty.at("l2_weights").get<double>(),
                   penalty.at("l1_activations").get<double>()};
  return train;
}

Thresholds to_thresholds(const Resolved& json) {
  Thresholds thresholds;
  for (const auto& [name, values] : json.items()) {
    const RuleEntry& rule = *find_entry(rule_table(), name);
    ParamValues& limits = thresholds.try_emplace(name, rule.params).first->second;
    for (const Param& param : rule.params) limits.set(param.name, to_value(param, values.at(param.name)));
  }
  return thresholds;
}

RecordSpec to_record(const Resolved& json) {
  RecordSpec record;
  record.every = to_cadence(json.at("every"));
  record.census = to_cadence(json.at("census"));
  record.saturation_epsilon = json.at("saturation_epsilon").get<double>();
  record.dormant_tau = json.at("dormant_tau").get<double>();
  record.probe = json.at("probe").is_string() ? 0 : json.at("probe").get<std::int64_t>();  // "all"
  record.probe_every = to_cadence(json.at("probe_every"));
  record.evaluate = to_cadence(json.at("evaluate"));
  const Resolved& evaluated = json.at("evaluate_samples");
  record.evaluate_samples = evaluated.is_number() ? evaluated.get<std::int64_t>() : 0;  // "all"
  record.monitors = json.at("monitors").get<bool>();
  record.checkpoint_every = to_cadence(json.at("checkpoint_every"));
  return record;
}

LayerSpec to_layer(const Resolved& json) {
  LayerSpec layer;
  layer.type = to_choice(node_table(), json, "type");
  if (!entry_of(layer).affine) return layer;
  layer.activation = to_choice(activation_table(), json.at("activation"));
  const Resolved& init = json.at("init");
  layer.init = {to_choice(weight_init_table(), init.at("weights")), to_choice(bias_init_table(), init.at("bias"))};
  return layer;
}

NetworkSpec to_network(const Resolved& json, ConfigIssues& issues) {
  NetworkSpec network;
  std::set<std::string> names;
  std::map<std::string, std::size_t> numbers;  // of the layers of each type so far
  for (std::size_t index = 0; index < json.at("layers").size(); ++index) {
    const Resolved& layer = json.at("layers")[index];
    const std::string pointer = "/network/layers/" + std::to_string(index);
    const auto repeat = layer.at("repeat").get<std::size_t>();
    if (network.layers.size() + repeat > kMostLayers) {
      issues.push_back({pointer, "more than " + std::to_string(kMostLayers) + " layers", "fewer", ""});
      return network;
    }
    LayerSpec row = to_layer(layer);
    row.config_index = index;
    const auto given = maybe<std::string>(layer.at("name"));
    for (std::size_t copy = 1; copy <= repeat; ++copy) {
      std::string name = row.type.name + std::to_string(++numbers[row.type.name]);
      if (given) name = repeat == 1 ? *given : *given + "-" + std::to_string(copy);
      if (!names.insert(name).second)
        issues.push_back({pointer + "/name", "a second layer named \"" + name + "\"", "a name of its own", ""});
      row.name = name;
      network.layers.push_back(row);
    }
  }
  if (const auto file = maybe<std::string>(json.at("init_from"))) network.init_from = at_home(*file);
  return network;
}

/// Combinations that cannot be what was meant.
void check_combinations(const ExperimentSpec& spec, ConfigIssues& issues) {
  const ParamValues& optimizer = spec.train.optimizer.params;
  if (spec.train.optimizer.name == "sgd" && optimizer.flag("nesterov") &&
      (optimizer.number("momentum") == 0.0 || optimizer.number("dampening") != 0.0))
    issues.push_back({"/train/optimizer/nesterov", "true", "false, or momentum > 0 and dampening 0", ""});
  if (spec.network.layers.empty()) return;
  const LayerSpec& last = spec.network.layers.back();
  const std::string pointer = "/network/layers/" + std::to_string(last.config_index);
  if (!entry_of(last).affine) {
    issues.push_back({pointer, "a " + last.type.name + " layer at the end", "a dense layer that gives the output", ""});
    return;
  }
  if (spec.data.reconstruct && find_entry(loss_table(), spec.loss.name)->takes_classes)
    issues.push_back({"/loss", "\"" + spec.loss.name + "\"",
                      "mse, mae, huber or bce: with data.target \"input\" the targets are numbers, not classes", ""});
  for (const std::string& key : find_entry(source_table(), spec.data.source.name)->label_keys)
    if (!spec.data.reconstruct && spec.data.source.params.is_null(key))
      issues.push_back({"/data/" + key, "nothing", "the file with the labels; without any, data.target \"input\"", ""});
  for (const LayerSpec& layer : spec.network.layers) {
    if (!layer.activation) continue;
    const Choice& phi = *layer.activation;
    const std::string place = "/network/layers/" + std::to_string(layer.config_index);
    if (&layer != &last && find_entry(activation_table(), phi.name)->coupled)
      issues.push_back({place + "/activation", "\"" + phi.name + "\" in a hidden layer",
                        "another activation: it is for the last layer, the output", ""});
    if (phi.name == "rrelu" && phi.params.number("lower") > phi.params.number("upper"))
      issues.push_back({place + "/activation/lower", "lower > upper", "lower ≤ upper", ""});
    if (!layer.init) continue;
    const auto check_bounds = [&](const Choice& init, const char* key) {
      if (init.name == "uniform" && init.params.number("low") > init.params.number("high"))
        issues.push_back({place + "/init/" + key + "/low", "low > high", "low ≤ high", ""});
    };
    check_bounds(layer.init->weights, "weights");
    check_bounds(layer.init->bias, "bias");
    if (layer.init->weights.name == "rai" && layer.init->bias.name != "auto")
      issues.push_back({place + "/init/bias", "\"" + layer.init->bias.name + "\"",
                        "auto: rai draws weights and biases together", ""});
  }
}

}  // namespace

ExperimentSpec bind_experiment(const Resolved& resolved, ConfigIssues& issues) {
  ExperimentSpec spec;
  spec.name = resolved.at("name").get<std::string>();
  spec.seed = resolved.at("seed").get<std::uint64_t>();
  spec.precision = resolved.at("precision") == "float64" ? Precision::float64 : Precision::float32;
  spec.data = to_data(resolved.at("data"));
  spec.network = to_network(resolved.at("network"), issues);
  spec.loss = to_choice(loss_table(), resolved.at("loss"));
  spec.train = to_train(resolved.at("train"));
  spec.record = to_record(resolved.at("record"));
  spec.thresholds = to_thresholds(resolved.at("diagnose"));
  check_combinations(spec, issues);
  return spec;
}

}  // namespace reluscope
