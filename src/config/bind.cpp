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
  data.normalize = normalize == "unit"          ? Normalization::unit
                   : normalize == "standard"    ? Normalization::standard
                   : normalize == "per_feature" ? Normalization::per_feature
                   : normalize == "per_channel" ? Normalization::per_channel
                                                : Normalization::none;
  if (const Resolved& shape = json.at("shape"); !shape.is_null())
    data.shape = Shape(shape[0].get<Index>(), shape[1].get<Index>(), shape[2].get<Index>());
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

/// The layers of a list of the config, with those that are nested in it.
class LayerBinder {
 public:
  explicit LayerBinder(ConfigIssues& issues) : issues_(issues) {}

  /// `suffix`: of names that the config gives, in a block that comes more than once.
  std::vector<LayerSpec> bind(const Resolved& list, const std::string& pointer, const std::string& suffix = "") {
    std::vector<LayerSpec> layers;
    for (std::size_t index = 0; index < list.size(); ++index)
      if (!append(list[index], index, pointer + "/" + std::to_string(index), suffix, layers)) break;
    return layers;
  }
  static constexpr const char* kTop = "/network/layers";

 private:
  /// False where there are too many.
  bool append(const Resolved& json, std::size_t index, const std::string& pointer, const std::string& suffix,
              std::vector<LayerSpec>& layers) {
    const bool nested = pointer.find('/', std::string_view(kTop).size() + 1) != std::string::npos;
    const auto repeat = json.at("repeat").get<std::size_t>();
    LayerSpec row;
    row.type = to_choice(node_table(), json, "type");
    row.config_index = index;
    row.pointer = pointer;
    const NodeEntry& entry = entry_of(row);
    if (entry.affine) {
      const Resolved& init = json.at("init");
      row.init = {to_choice(weight_init_table(), init.at("weights")), to_choice(bias_init_table(), init.at("bias"))};
      const Choice norm = to_choice(norm_table(), json.at("norm"));
      if (norm.name != "none") row.norm = {{"", norm, std::nullopt, std::nullopt, index, pointer + "/norm"}};
    }
    if (entry.affine || entry.takes_activation) {
      row.activation = to_choice(activation_table(), json.at("activation"));
      // What is added up, or has been, is no site of its own where nothing is done to it.
      const bool adds = entry.is_block || (entry.affine && nested);
      if (adds && row.activation->name == "identity") row.activation.reset();
    }
    const auto given = maybe<std::string>(json.at("name"));
    for (std::size_t copy = 1; copy <= repeat; ++copy) {
      if (++count_ > kMostLayers) {
        issues_.push_back({pointer, "more than " + std::to_string(kMostLayers) + " layers", "fewer", ""});
        return false;
      }
      std::string name = row.type.name + std::to_string(++numbers_[row.type.name]);
      const std::string number = suffix + (repeat == 1 ? "" : "-" + std::to_string(copy));
      if (given) name = *given + number;
      if (!names_.insert(name).second)
        issues_.push_back({pointer + "/name", "a second layer named \"" + name + "\"", "a name of its own", ""});
      row.name = name;
      if (entry.is_block) {
        row.body = bind(json.at("layers"), pointer + "/layers", number);
        row.shortcut.clear();
        if (!json.at("shortcut").is_null()) row.shortcut = bind(json.at("shortcut"), pointer + "/shortcut", number);
        for (std::vector<LayerSpec>* branch : {&row.body, &row.shortcut})
          for (LayerSpec& layer : *branch) layer.config_index = index;
      }
      for (LayerSpec& norm : row.norm) norm.name = name;
      layers.push_back(row);
    }
    return true;
  }

  ConfigIssues& issues_;
  std::set<std::string> names_;
  std::map<std::string, std::size_t> numbers_;  // of the layers of each type so far
  std::size_t count_ = 0;
};

NetworkSpec to_network(const Resolved& json, ConfigIssues& issues) {
  NetworkSpec network;
  network.layers = LayerBinder(issues).bind(json.at("layers"), LayerBinder::kTop);
  if (const auto file = maybe<std::string>(json.at("init_from"))) network.init_from = at_home(*file);
  return network;
}

/// Each layer, those that are nested among them.
template <class Visit>
void each_layer(const std::vector<LayerSpec>& layers, Visit visit) {
  for (const LayerSpec& layer : layers) {
    visit(layer);
    each_layer(layer.body, visit);
    each_layer(layer.shortcut, visit);
  }
}

/// Combinations that cannot be what was meant.
void check_combinations(const ExperimentSpec& spec, ConfigIssues& issues) {
  const ParamValues& optimizer = spec.train.optimizer.params;
  if (spec.train.optimizer.name == "sgd" && optimizer.flag("nesterov") &&
      (optimizer.number("momentum") == 0.0 || optimizer.number("dampening") != 0.0))
    issues.push_back({"/train/optimizer/nesterov", "true", "false, or momentum > 0 and dampening 0", ""});
  if (spec.network.layers.empty()) return;
  const LayerSpec& last = spec.network.layers.back();
  if (!entry_of(last).affine) {
    issues.push_back(
        {last.pointer, "a " + last.type.name + " layer at the end", "a dense layer that gives the output", ""});
    return;
  }
  if (!last.norm.empty())
    issues.push_back({last.norm[0].pointer, "a norm in the layer that gives the output", "none", ""});
  if (spec.data.reconstruct && find_entry(loss_table(), spec.loss.name)->takes_classes)
    issues.push_back({"/loss", "\"" + spec.loss.name + "\"",
                      "mse, mae, huber or bce: with data.target \"input\" the targets are numbers, not classes", ""});
  for (const std::string& key : find_entry(source_table(), spec.data.source.name)->label_keys)
    if (!spec.data.reconstruct && spec.data.source.params.is_null(key))
      issues.push_back({"/data/" + key, "nothing", "the file with the labels; without any, data.target \"input\"", ""});
  each_layer(spec.network.layers, [&](const LayerSpec& layer) {
    if (!layer.activation) return;
    const Choice& phi = *layer.activation;
    const std::string& place = layer.pointer;
    if (&layer != &last && find_entry(activation_table(), phi.name)->coupled)
      issues.push_back({place + "/activation", "\"" + phi.name + "\" in a hidden layer",
                        "another activation: it is for the last layer, the output", ""});
    if (phi.name == "rrelu" && phi.params.number("lower") > phi.params.number("upper"))
      issues.push_back({place + "/activation/lower", "lower > upper", "lower ≤ upper", ""});
    if (!layer.init) return;
    const auto check_bounds = [&](const Choice& init, const char* key) {
      if (init.name == "uniform" && init.params.number("low") > init.params.number("high"))
        issues.push_back({place + "/init/" + key + "/low", "low > high", "low ≤ high", ""});
    };
    check_bounds(layer.init->weights, "weights");
    check_bounds(layer.init->bias, "bias");
    if (layer.init->weights.name == "rai" && layer.init->bias.name != "auto")
      issues.push_back({place + "/init/bias", "\"" + layer.init->bias.name + "\"",
                        "auto: rai draws weights and biases together", ""});
  });
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
