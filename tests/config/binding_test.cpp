// Every leaf of the config's layout reaches its place in the bound experiment, and no other: configs in which no two
// leaves have the same value, and none its default, are bound, and the experiment is turned back into a config here, by
// hand. A leaf that is ignored, bound from another key, or new and unknown here, fails.
#include "config/bind.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/layout.hpp"
#include "config/resolve.hpp"
#include "nn/node_table.hpp"

using namespace reluscope;

namespace {

using Json = nlohmann::json;

// ---- the way back

std::string word_of(Normalization normalization) {
  switch (normalization) {
    case Normalization::none:
      return "none";
    case Normalization::unit:
      return "unit";
    case Normalization::standard:
      return "standard";
    case Normalization::per_feature:
      return "per_feature";
    case Normalization::per_channel:
      return "per_channel";
  }
  return "";
}

Json json_of(const Cadence& cadence) {
  switch (cadence.kind) {
    case Cadence::Kind::off:
      return "off";
    case Cadence::Kind::every:
      return cadence.every;
    case Cadence::Kind::epoch:
      return "epoch";
    case Cadence::Kind::log:
      return "log";
    case Cadence::Kind::minute:
      return "minute";
  }
  return nullptr;
}

template <class V>
Json json_of(const std::optional<V>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json json_of(const ParamValues& values) {
  Json json = Json::object();
  for (const auto& [name, value] : values.all()) json[name] = to_json(value);
  return json;
}

Json json_of(const Choice& choice, const char* discriminator = "name") {
  Json json = json_of(choice.params);
  json[discriminator] = choice.name;
  return json;
}

Json json_of(const LayerSpec& layer);
Json json_of(const std::vector<LayerSpec>& layers) {
  Json list = Json::array();
  for (const LayerSpec& layer : layers) list.push_back(json_of(layer));
  return list;
}

Json json_of(const LayerSpec& layer) {
  Json json = json_of(layer.type, "type");
  json["name"] = layer.name;
  const NodeEntry& entry = *find_entry(node_table(), layer.type.name);
  // None is what an identity that does nothing has become.
  if (entry.affine || entry.takes_activation)
    json["activation"] = layer.activation ? json_of(*layer.activation) : Json{{"name", "identity"}};
  if (entry.affine) json["norm"] = layer.norm.empty() ? Json{{"name", "none"}} : json_of(layer.norm[0].type);
  if (entry.is_block) {
    json["layers"] = json_of(layer.body);
    json["shortcut"] = json_of(layer.shortcut);
  }
  if (layer.init) json["init"] = {{"weights", json_of(layer.init->weights)}, {"bias", json_of(layer.init->bias)}};
  return json;
}

Json json_of(const TrainSpec& train) {
  return {{"epochs", train.epochs},
          {"steps", json_of(train.steps)},
          {"batch_size", train.batch_size},
          {"shuffle", train.shuffle},
          {"drop_last", train.drop_last},
          {"optimizer", json_of(train.optimizer)},
          {"schedule", json_of(train.schedule)},
          {"warmup_steps", train.warmup_steps},
          {"warmup_start_factor", train.warmup_start_factor},
          {"clip_norm", json_of(train.clip_norm)},
          {"clip_value", json_of(train.clip_value)},
          {"penalty",
           {{"l1_weights", train.penalty.l1_weights},
            {"l2_weights", train.penalty.l2_weights},
            {"l1_activations", train.penalty.l1_activations}}}};
}

Json json_of(const RecordSpec& record) {
  return {{"every", json_of(record.every)},
          {"census", json_of(record.census)},
          {"saturation_epsilon", record.saturation_epsilon},
          {"dormant_tau", record.dormant_tau},
          {"probe", record.probe},
          {"probe_every", json_of(record.probe_every)},
          {"evaluate", json_of(record.evaluate)},
          {"evaluate_samples", record.evaluate_samples},
          {"monitors", record.monitors},
          {"checkpoint_every", json_of(record.checkpoint_every)}};
}

Json json_of(const ExperimentSpec& spec) {
  Json data = json_of(spec.data.source, "kind");
  data["directory"] = spec.data.base_directory.string();
  const std::optional<Shape>& shape = spec.data.shape;
  data["shape"] = shape ? Json{shape->channels, shape->height, shape->width} : Json(nullptr);
  data["normalize"] = word_of(spec.data.normalize);
  data["normalize_targets"] = spec.data.scale_targets ? "per_output" : "none";
  data["target"] = spec.data.reconstruct ? "input" : "labels";
  data["limit"] = json_of(spec.data.limit);
  data["test_fraction"] = spec.data.test_fraction;
  Json network = {{"layers", Json::array()},
                  {"init_from", spec.network.init_from ? Json(spec.network.init_from->string()) : Json(nullptr)}};
  network["layers"] = json_of(spec.network.layers);
  Json diagnose = Json::object();
  for (const auto& [rule, values] : spec.thresholds) diagnose[rule] = json_of(values);
  return {{"name", spec.name},
          {"seed", spec.seed},
          {"precision", spec.precision == Precision::float64 ? "float64" : "float32"},
          {"data", data},
          {"network", network},
          {"loss", json_of(spec.loss)},
          {"train", json_of(spec.train)},
          {"record", json_of(spec.record)},
          {"diagnose", diagnose}};
}

/// Each layer as often as it says, with its name.
Json expanded(const Json& list, const std::string& suffix, std::map<std::string, int>& numbers) {
  Json layers = Json::array();
  for (Json layer : list) {
    const auto copies = layer["repeat"].get<int>();
    layer.erase("repeat");
    const Json given = layer["name"];
    const auto type = layer["type"].get<std::string>();
    for (int copy = 1; copy <= copies; ++copy) {
      const std::string number = copies == 1 ? "" : "-" + std::to_string(copy);
      const std::string automatic = type + std::to_string(++numbers[type]);
      Json one = layer;
      one["name"] = given.is_null() ? automatic : given.get<std::string>() + suffix + number;
      for (const char* branch : {"layers", "shortcut"})
        if (layer.contains(branch) && layer[branch].is_array())
          one[branch] = expanded(layer[branch], suffix + number, numbers);
      layers.push_back(one);
    }
  }
  return layers;
}

/// What words and short forms of a resolved config stand for.
Json spelled_out(Json resolved) {
  resolved.erase("$schema");
  const auto replace = [&resolved](const char* pointer, const Json& from, const Json& to) {
    Json& value = resolved[Json::json_pointer(pointer)];
    if (value == from) value = to;
  };
  replace("/data/directory", nullptr, "");
  replace("/train/epochs", nullptr, 0);
  replace("/record/census", "step", 1);
  replace("/record/probe_every", "step", 1);
  replace("/record/probe", "all", 0);
  replace("/record/evaluate_samples", "all", 0);
  std::map<std::string, int> numbers;
  resolved["network"]["layers"] = expanded(resolved["network"]["layers"], "", numbers);
  return resolved;
}

// ---- the way there

/// A number within the range that neither is the default nor what another `salt` gives.
double number_within(const Param& param, double fallback, int salt) {
  const double share = (static_cast<double>(salt) + 1.0) / 1024.0;
  double value = fallback + 3.0 * share;
  if (std::isfinite(param.min) && std::isfinite(param.max)) value = param.min + (param.max - param.min) * share;
  if (std::isfinite(param.min) && !std::isfinite(param.max)) value = std::max(param.min, fallback) + 3.0 * share;
  if (!std::isfinite(param.min) && std::isfinite(param.max)) value = std::min(param.max, fallback) - 3.0 * share;
  return value == fallback ? value * (1.0 + 1.0 / 4096.0) : value;
}

/// Values for a leaf, its default not among them unless there are no others; the first one differs from leaf to leaf.
std::vector<Json> values_for(const Param& param, int salt) {
  std::vector<Json> values;
  const bool* flag = std::get_if<bool>(&param.fallback);
  const auto* whole = std::get_if<std::int64_t>(&param.fallback);
  const auto* real = std::get_if<double>(&param.fallback);
  switch (param.kind) {
    case ParamKind::boolean:
      values = {flag == nullptr || !*flag, flag != nullptr && *flag};
      break;
    case ParamKind::integer: {
      // Blocks are repeated, and what is in them: few of each.
      if (param.name == "repeat") return {2, 3};
      const auto least = std::isfinite(param.min) ? static_cast<std::int64_t>(param.min) : 0;
      std::int64_t value = std::max(least, whole == nullptr ? 0 : *whole) + 1 + salt;
      if (std::isfinite(param.max)) value = std::min(value, static_cast<std::int64_t>(param.max));
      values = {value, value == least ? least + 1 : value - 1};
      break;
    }
    case ParamKind::number:
      values = {number_within(param, real == nullptr ? 0.0 : *real, salt),
                number_within(param, real == nullptr ? 0.0 : *real, salt + 1)};
      break;
    case ParamKind::text:
      if (param.allowed.empty()) values = {"text" + std::to_string(salt), "text" + std::to_string(salt + 1)};
      break;
    case ParamKind::numbers:
      for (int more = 0; more < 2; ++more) {
        Json list = Json::array();
        for (int at = 0; at < std::max(static_cast<int>(param.count), 2); ++at) {
          const int mixed = salt + more + 40 * at;
          list.push_back(param.whole ? Json(1 + mixed) : Json(number_within(param, 0.1, mixed)));
        }
        values.push_back(list);
      }
      break;
  }
  for (const std::string& word : param.allowed) values.emplace_back(word);
  if (!param.allowed.empty() && param.kind == ParamKind::text)
    std::rotate(values.begin(), values.begin() + (salt % static_cast<int>(values.size())), values.end());
  if (param.optional) values.emplace_back(nullptr);
  return values;
}

struct Leaf {
  std::string pointer;
  std::string place;  ///< the pointer with the options that were chosen on the way
  std::vector<Json> values;
};

/// A config with every leaf set; of each choice the option `round` of it, of a list one element of each kind and one
/// more of the first.
class Filler {
 public:
  explicit Filler(std::size_t round) : round_(round) { config = fill(experiment_layout(), ""); }
  Json config;
  std::vector<Leaf> leaves;

 private:
  Json fill(const LayoutNode& node, const std::string& pointer) {
    switch (node.kind) {
      case LayoutNode::Kind::leaf:
        leaves.push_back({pointer, options_ + pointer, values_for(node.param, static_cast<int>(leaves.size()))});
        return leaves.back().values.front();
      case LayoutNode::Kind::object:
        return fill(node.fields, pointer);
      case LayoutNode::Kind::list: {
        Json list = Json::array();
        const LayoutNode& item = node.items[0];
        // A list within a list has the same items: one of them in each round.
        if (std::count(pointer.begin(), pointer.end(), '/') > 2)
          return Json::array({fill_option(item, item.options[round_ % item.options.size()], pointer + "/0")});
        for (std::size_t at = 0; at <= item.options.size(); ++at)
          list.push_back(fill_option(item, item.options[at % item.options.size()], pointer + "/" + std::to_string(at)));
        return list;
      }
      case LayoutNode::Kind::choice:
        return fill_option(node, node.options[round_ % node.options.size()], pointer);
    }
    return nullptr;
  }
  Json fill(const std::vector<Field>& fields, const std::string& pointer) {
    Json json = Json::object();
    for (const Field& field : fields) json[field.name] = fill(field.node, pointer + "/" + field.name);
    return json;
  }
  Json fill_option(const LayoutNode& choice, const Option& option, const std::string& pointer) {
    const std::string before = options_;
    options_ += option.name + " ";
    Json json = fill(option.fields, pointer);
    options_ = before;
    json[choice.discriminator] = option.name;
    return json;
  }

  std::size_t round_;
  std::string options_;
};

std::size_t most_options(const LayoutNode& node) {
  std::size_t most = node.options.size();
  for (const Field& field : node.fields) most = std::max(most, most_options(field.node));
  for (const Option& option : node.options)
    for (const Field& field : option.fields) most = std::max(most, most_options(field.node));
  for (const LayoutNode& item : node.items) most = std::max(most, most_options(item));
  return most;
}

/// What the config says, words spelled out; and what the experiment says that is bound to it.
struct Both {
  Json config;
  Json bound;
};

Both bound_from(const Json& raw) {
  ConfigIssues issues;
  const nlohmann::ordered_json resolved = resolve(experiment_layout(), raw, issues);
  for (const ConfigIssue& issue : issues)
    FAIL(issue.pointer << ": found " << issue.found << ", expected " << issue.expected);
  ConfigIssues combinations;  // values that do not go together: not what is asked here
  return {spelled_out(Json::parse(resolved.dump())), json_of(bind_experiment(resolved, combinations))};
}

}  // namespace

TEST_CASE("every leaf of the layout reaches its own place in the experiment, and no other") {
  std::set<std::string> done = {"/$schema"};  // which is ignored
  for (std::size_t round = 0; round < most_options(experiment_layout()); ++round) {
    const Filler filler(round);
    const Both all = bound_from(filler.config);
    // The patch between the two names the leaf.
    CHECK_MESSAGE(all.bound == all.config, Json::diff(all.config, all.bound).dump());
    for (const Leaf& leaf : filler.leaves) {
      if (!done.insert(leaf.place).second) continue;
      for (std::size_t at = 1; at < leaf.values.size(); ++at) {
        Json changed = filler.config;
        changed[Json::json_pointer(leaf.pointer)] = leaf.values[at];
        const Both one = bound_from(changed);
        CAPTURE(leaf.pointer);
        CHECK_MESSAGE(one.bound == one.config, Json::diff(one.config, one.bound).dump());
        CHECK(one.config != all.config);
      }
    }
  }
}
