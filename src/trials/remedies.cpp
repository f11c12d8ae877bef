#include "trials/remedies.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "experiment/batches.hpp"
#include "nn/activation.hpp"
#include "nn/layer_places.hpp"
#include "nn/loss.hpp"
#include "nn/node_table.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

using Changes = std::vector<std::string>;

/// A layer of the config with weights below the output, and where it stands.
struct HiddenLayer {
  const LayerSpec* spec;
  std::string pointer;  ///< "network.layers.0."
};
void collect_layers(const std::vector<LayerSpec>& layers, std::set<std::string>& seen,
                    std::vector<HiddenLayer>& hidden) {
  for (const LayerSpec& layer : layers) {
    collect_layers(layer.body, seen, hidden);
    collect_layers(layer.shortcut, seen, hidden);
    if (!entry_of(layer).affine || !seen.insert(layer.pointer).second) continue;
    std::string dotted = layer.pointer.substr(1) + "/";
    std::replace(dotted.begin(), dotted.end(), '/', '.');
    hidden.push_back({&layer, dotted});
  }
}
std::vector<HiddenLayer> hidden_layers(const ExperimentSpec& spec) {
  std::vector<HiddenLayer> hidden;
  std::set<std::string> seen = {spec.network.layers.back().pointer};
  collect_layers(spec.network.layers, seen, hidden);
  return hidden;
}

/// `key` = `value` in every hidden layer for which `wants` says so.
template <class Wants>
Changes in_hidden_layers(const ExperimentSpec& spec, const std::string& key, const std::string& value, Wants wants) {
  Changes changes;
  for (const HiddenLayer& layer : hidden_layers(spec)) {
    if (!wants(*layer.spec)) continue;
    std::string change = layer.pointer;
    changes.push_back(change.append(key).append("=").append(value));
  }
  return changes;
}

/// Whether a network with the one activation has other arrays of parameters, or calls them otherwise, than one with the
/// other (trace/weights.hpp): a file has those of one of them alone.
bool changes_arrays(const std::string& one, const std::string& other) {
  const auto kind = [](const std::string& name) {
    const ActivationEntry& entry = *find_entry(activation_table(), name);
    return std::pair(entry.learned_slope, entry.name == "identity");
  };
  return kind(one) != kind(other);
}

/// Layers whose weights file does not fit it are left out.
Changes to_activation(const ExperimentSpec& spec, const std::string& name) {
  return in_hidden_layers(spec, "activation", name, [&](const LayerSpec& layer) {
    return layer.activation && layer.activation->name != name &&
           !(spec.network.init_from && changes_arrays(layer.activation->name, name));
  });
}

// Where the weights come from a file nothing that says how they are drawn changes them.
Changes to_weights(const ExperimentSpec& spec, const std::string& name) {
  if (spec.network.init_from) return {};
  return in_hidden_layers(spec, "init.weights", name,
                          [&](const LayerSpec& layer) { return layer.init->weights.name != name; });
}

Changes to_bias(const ExperimentSpec& spec, double bias) {
  if (spec.network.init_from) return {};
  return in_hidden_layers(spec, "init.bias", format_number(bias), [&](const LayerSpec& layer) {
    if (layer.init->weights.name == "rai" || layer.init->bias.name == "none") return false;  // draws its own, has none
    return layer.init->bias.name != "constant" || layer.init->bias.params.number("value") != bias;
  });
}

double rate_of(const ExperimentSpec& spec) { return spec.train.optimizer.params.number("lr"); }

/// None for a rate of 0, which stays what it is.
Changes to_rate(double lr) {
  if (!(lr > 0.0)) return {};
  constexpr int kDigits = 12;  // a tenth of 1e-5 is 1e-6, not 1.0000000000000002e-6
  std::ostringstream text;
  text.precision(kDigits);
  text << lr;
  return {"train.optimizer.lr=" + text.str()};
}

Changes leaky_relu(const ExperimentSpec& spec, const PatientFacts& /*data*/) {
  return to_activation(spec, "leaky_relu");
}
Changes prelu(const ExperimentSpec& spec, const PatientFacts& /*data*/) { return to_activation(spec, "prelu"); }
Changes elu(const ExperimentSpec& spec, const PatientFacts& /*data*/) { return to_activation(spec, "elu"); }
Changes gelu(const ExperimentSpec& spec, const PatientFacts& /*data*/) { return to_activation(spec, "gelu"); }
Changes relu(const ExperimentSpec& spec, const PatientFacts& /*data*/) { return to_activation(spec, "relu"); }
Changes he_normal(const ExperimentSpec& spec, const PatientFacts& /*data*/) { return to_weights(spec, "he_normal"); }
Changes glorot_normal(const ExperimentSpec& spec, const PatientFacts& /*data*/) {
  return to_weights(spec, "glorot_normal");
}
Changes rai(const ExperimentSpec& spec, const PatientFacts& /*data*/) {
  if (spec.network.init_from) return {};
  Changes changes = to_weights(spec, "rai");
  const Changes biases = in_hidden_layers(spec, "init.bias", "auto",
                                          [](const LayerSpec& layer) { return layer.init->weights.name != "rai"; });
  changes.insert(changes.end(), biases.begin(), biases.end());
  return changes;
}
Changes positive_bias(const ExperimentSpec& spec, const PatientFacts& /*data*/) { return to_bias(spec, 0.1); }
Changes zero_bias(const ExperimentSpec& spec, const PatientFacts& /*data*/) { return to_bias(spec, 0.0); }
Changes smaller_lr(const ExperimentSpec& spec, const PatientFacts& /*data*/) { return to_rate(rate_of(spec) / 10.0); }
Changes much_smaller_lr(const ExperimentSpec& spec, const PatientFacts& /*data*/) {
  return to_rate(rate_of(spec) / 100.0);
}
Changes larger_lr(const ExperimentSpec& spec, const PatientFacts& /*data*/) {
  return to_rate(rate_of(spec) > 0.0 ? 10.0 * rate_of(spec) : 0.01);
}

Changes warmup(const ExperimentSpec& spec, const PatientFacts& data) {
  if (spec.train.warmup_steps > 0) return {};
  const std::int64_t steps = BatchPlan(spec.train, data.train_samples, 0).total_steps() / 10;
  return steps > 0 ? Changes{"train.warmup_steps=" + std::to_string(steps)} : Changes{};
}

Changes clip_norm(const ExperimentSpec& spec, const PatientFacts& /*data*/) {
  return spec.train.clip_norm && *spec.train.clip_norm <= 1.0 ? Changes{} : Changes{"train.clip_norm=1"};
}

Changes adam(const ExperimentSpec& spec, const PatientFacts& /*data*/) {
  return spec.train.optimizer.name == "adam" ? Changes{} : Changes{R"(train.optimizer={"name":"adam","lr":0.001})"};
}

/// What works most often, whatever there was before.
Changes recipe(const ExperimentSpec& spec, const PatientFacts& data) {
  if (spec.network.init_from) return {};
  Changes changes;
  for (const auto part : {relu, he_normal, adam}) {
    const Changes some = part(spec, data);
    changes.insert(changes.end(), some.begin(), some.end());
  }
  return changes;
}

Changes no_momentum(const ExperimentSpec& spec, const PatientFacts& /*data*/) {
  const Choice& optimizer = spec.train.optimizer;
  const bool has = optimizer.name == "sgd" && optimizer.params.number("momentum") > 0.0;
  return has && !optimizer.params.flag("nesterov") ? Changes{"train.optimizer.momentum=0"} : Changes{};
}

Changes no_decay(const ExperimentSpec& spec, const PatientFacts& /*data*/) {
  Changes changes;
  if (spec.train.optimizer.params.number("weight_decay") > 0.0) changes.emplace_back("train.optimizer.weight_decay=0");
  if (spec.train.penalty.l1_weights > 0.0) changes.emplace_back("train.penalty.l1_weights=0");
  if (spec.train.penalty.l2_weights > 0.0) changes.emplace_back("train.penalty.l2_weights=0");
  return changes;
}

Changes standardize(const ExperimentSpec& spec, const PatientFacts& /*data*/) {
  const Normalization now = spec.data.normalize;
  const bool has_it = now == Normalization::per_feature || now == Normalization::per_channel;
  return has_it ? Changes{} : Changes{"data.normalize=per_feature"};
}

Changes scale_targets(const ExperimentSpec& spec, const PatientFacts& data) {
  const bool wants_shares = find_entry(loss_table(), spec.loss.name)->takes_probabilities;
  const bool has_numbers = data.task == Task::regression && !wants_shares;
  return spec.data.scale_targets || !has_numbers ? Changes{} : Changes{"data.normalize_targets=per_output"};
}

/// Four times as many, however they are counted.
Changes more_steps(const ExperimentSpec& spec, const PatientFacts& /*data*/) {
  constexpr std::int64_t kMost = 1'000'000'000;
  const std::int64_t now = spec.train.steps.value_or(spec.train.epochs);
  if (now < 1 || now > kMost / 4) return {};
  return {(spec.train.steps ? "train.steps=" : "train.epochs=") + std::to_string(4 * now)};
}

Changes wider(const ExperimentSpec& spec, const PatientFacts& /*data*/) {
  if (spec.network.init_from) return {};  // the file has arrays of this width
  Changes changes;
  for (const HiddenLayer& layer : hidden_layers(spec))
    if (const NodeEntry& entry = entry_of(*layer.spec); !entry.units_key.empty())
      changes.push_back(layer.pointer + entry.units_key + "=" +
                        std::to_string(4 * layer.spec->type.params.integer(entry.units_key)));
  return changes;
}

Changes larger_batch(const ExperimentSpec& spec, const PatientFacts& data) {
  const std::int64_t batch = std::min<std::int64_t>(4 * spec.train.batch_size, data.train_samples);
  return batch > spec.train.batch_size ? Changes{"train.batch_size=" + std::to_string(batch)} : Changes{};
}

Changes linear_output(const ExperimentSpec& spec, const PatientFacts& /*data*/) {
  const LayerSpec& last = spec.network.layers.back();
  const std::string& now = last.activation->name;
  const bool other_arrays = find_entry(activation_table(), now)->learned_slope;
  if (now == "identity" || (spec.network.init_from && other_arrays)) return {};
  const auto is_repeated = [&](const LayerSpec& layer) { return layer.config_index == last.config_index; };
  if (std::count_if(spec.network.layers.begin(), spec.network.layers.end(), is_repeated) > 1) return {};
  return {"network.layers." + std::to_string(last.config_index) + ".activation=identity"};
}

Changes loss_on_probabilities(const ExperimentSpec& spec, const PatientFacts& /*data*/) {
  return takes_logits(spec.loss) ? Changes{"loss.from_logits=false"} : Changes{};
}

bool has_norms(const std::vector<LayerSpec>& layers) {
  return std::any_of(layers.begin(), layers.end(), [](const LayerSpec& layer) {
    return !layer.norm.empty() || entry_of(layer).is_norm || has_norms(layer.body) || has_norms(layer.shortcut);
  });
}
Changes to_norm(const ExperimentSpec& spec, const std::string& name) {
  if (spec.network.init_from || has_norms(spec.network.layers)) return {};
  return in_hidden_layers(spec, "norm", name, [](const LayerSpec& /*layer*/) { return true; });
}

/// A batch of one sample has no statistics to speak of, and none at all where a unit has one position.
Changes batch_norm(const ExperimentSpec& spec, const PatientFacts& data) {
  const std::int64_t batch = std::min(spec.train.batch_size, data.train_samples);
  const bool has_one = batch < 2 || (data.train_samples % batch == 1 && !spec.train.drop_last);
  return has_one ? Changes{} : to_norm(spec, "batch_norm");
}
Changes layer_norm(const ExperimentSpec& spec, const PatientFacts& /*data*/) { return to_norm(spec, "layer_norm"); }

/// A block of two such layers (He et al. 2016): the second one's activation comes after the sum.
nlohmann::ordered_json block_of(const nlohmann::ordered_json& first, nlohmann::ordered_json second,
                                std::int64_t repeat) {
  nlohmann::ordered_json block = {{"type", "residual"}, {"repeat", repeat}, {"activation", second.at("activation")}};
  second["activation"] = "identity";
  block["layers"] = {first, std::move(second)};
  for (nlohmann::ordered_json& layer : block["layers"]) layer["repeat"] = 1;
  return block;
}

/// Hidden layers of the top level that follow on each other and keep the shape of what they get, two to a block.
Changes residual(const ExperimentSpec& spec, const PatientFacts& data) {
  const std::vector<LayerSpec>& layers = spec.network.layers;
  const auto is_block = [](const LayerSpec& layer) { return !layer.body.empty(); };
  if (spec.network.init_from || std::any_of(layers.begin(), layers.end(), is_block)) return {};
  const nlohmann::ordered_json listed = nlohmann::ordered_json::parse(spec.resolved_json).at("network").at("layers");
  std::vector<bool> keeps(listed.size(), true);
  for (const LayerPlace& place : place_layers(spec.network, data.input))
    if (!place.entry->affine || !(place.input == place.output) || place.layer == &layers.back())
      keeps[place.layer->config_index] = false;
  nlohmann::ordered_json made = nlohmann::ordered_json::array();
  bool any = false;
  for (std::size_t at = 0; at < listed.size(); ++at) {
    const auto repeat = listed[at].at("repeat").get<std::int64_t>();
    if (keeps[at] && repeat >= 2) {
      made.push_back(block_of(listed[at], listed[at], repeat / 2));
      if (repeat % 2 == 1) {
        made.push_back(listed[at]);
        made.back()["repeat"] = 1;
      }
      any = true;
    } else if (keeps[at] && at + 1 < listed.size() && keeps[at + 1] && listed[at + 1].at("repeat") == 1) {
      made.push_back(block_of(listed[at], listed[at + 1], 1));
      ++at;
      any = true;
    } else {
      made.push_back(listed[at]);
    }
  }
  return any ? Changes{"network.layers=" + made.dump()} : Changes{};
}

std::vector<RemedyEntry> make_table() {
  std::vector<RemedyEntry> table;
  const auto add = [&table](const char* name, const char* doc, auto changes) {
    RemedyEntry& entry = table.emplace_back();
    entry.name = name;
    entry.doc = doc;
    entry.changes = changes;
  };
  add("leaky_relu", "hidden layers with leaky ReLU (Maas et al. 2013)", leaky_relu);
  add("prelu", "hidden layers with parametric ReLU (He et al. 2015)", prelu);
  add("elu", "hidden layers with ELU (Clevert et al. 2016)", elu);
  add("gelu", "hidden layers with GELU (Hendrycks and Gimpel 2016)", gelu);
  add("relu", "hidden layers with ReLU", relu);
  add("he_normal", "hidden weights after He et al. 2015", he_normal);
  add("glorot_normal", "hidden weights after Glorot and Bengio 2010", glorot_normal);
  add("rai", "hidden weights and biases drawn asymmetrically (Lu et al. 2019)", rai);
  add("positive_bias", "hidden biases start from 0.1", positive_bias);
  add("zero_bias", "hidden biases start from 0", zero_bias);
  add("smaller_lr", "a tenth of the learning rate", smaller_lr);
  add("much_smaller_lr", "a hundredth of the learning rate", much_smaller_lr);
  add("larger_lr", "ten times the learning rate", larger_lr);
  add("warmup", "linear warm-up over the first tenth of the steps", warmup);
  add("clip_norm", "gradients clipped to a global norm of 1 (Pascanu et al. 2013)", clip_norm);
  add("adam", "Adam with its default rate, 0.001 (Kingma and Ba 2015)", adam);
  add("recipe", "the three together: ReLU, weights after He, Adam", recipe);
  add("no_momentum", "SGD without momentum", no_momentum);
  add("no_decay", "no weight decay, and no penalty on weights", no_decay);
  add("standardize", "each input feature with mean 0 and standard deviation 1", standardize);
  add("scale_targets", "a regression's targets with mean 0 and standard deviation 1 while it trains", scale_targets);
  add("more_steps", "four times as many steps", more_steps);
  add("wider", "hidden layers four times as wide", wider);
  add("batch_norm", "hidden layers with batch norm (Ioffe and Szegedy 2015)", batch_norm);
  add("layer_norm", "hidden layers with layer norm (Ba et al. 2016)", layer_norm);
  add("residual", "hidden layers that keep their shape in residual blocks of two (He et al. 2016)", residual);
  add("larger_batch", "batches four times as large", larger_batch);
  add("linear_output", "an output layer without an activation", linear_output);
  add("loss_on_probabilities", "a loss that takes the outputs for probabilities", loss_on_probabilities);
  return table;
}

std::string key_of(const std::string& change) { return change.substr(0, change.find('=')); }

/// Whether one key is the other, or lies within it.
bool overlap(const std::string& left, const std::string& right) {
  return left == right || left.starts_with(right + '.') || right.starts_with(left + '.');
}

}  // namespace

std::vector<std::string> activation_changes(const ExperimentSpec& spec, const std::string& name) {
  return to_activation(spec, name);
}

bool fits_weights_file(const ExperimentSpec& spec, const std::string& name) {
  if (!spec.network.init_from) return true;
  const std::vector<HiddenLayer> hidden = hidden_layers(spec);
  return std::none_of(hidden.begin(), hidden.end(),
                      [&](const HiddenLayer& layer) { return changes_arrays(layer.spec->activation->name, name); });
}

std::span<const RemedyEntry> remedy_table() {
  static const std::vector<RemedyEntry> table = make_table();
  return table;
}

std::string Treatment::name() const { return joined(remedies, " + "); }

PatientFacts facts_of(const Dataset& dataset) { return {dataset.train.count(), dataset.task, dataset.shape()}; }

std::vector<Treatment> treatments(std::span<const std::string> names, const ExperimentSpec& spec,
                                  const PatientFacts& data) {
  std::vector<Treatment> found;
  std::set<std::string> seen;
  for (const std::string& name : names) {
    const RemedyEntry* remedy = find_entry(remedy_table(), name);
    if (remedy == nullptr) throw std::logic_error("no remedy is called " + name);
    if (!seen.insert(name).second) continue;
    Treatment treatment{{name}, remedy->changes(spec, data)};
    const bool is_known = std::any_of(found.begin(), found.end(),
                                      [&](const Treatment& other) { return other.changes == treatment.changes; });
    if (!treatment.changes.empty() && !is_known) found.push_back(std::move(treatment));
  }
  return found;
}

void advise(Diagnosis& diagnosis, const ExperimentSpec& spec, const PatientFacts& data) {
  for (Finding& finding : diagnosis.findings) {
    const std::vector<Treatment> fitting = treatments(finding.remedies, spec, data);
    finding.remedies.clear();
    finding.changes.clear();
    for (const Treatment& treatment : fitting) {
      finding.remedies.push_back(treatment.remedies.front());
      finding.changes.push_back(treatment.changes);
    }
  }
}

std::optional<Treatment> combine(const Treatment& first, const Treatment& second) {
  for (const std::string& one : first.changes)
    for (const std::string& other : second.changes)
      if (overlap(key_of(one), key_of(other))) return std::nullopt;
  Treatment both = first;
  both.remedies.insert(both.remedies.end(), second.remedies.begin(), second.remedies.end());
  both.changes.insert(both.changes.end(), second.changes.begin(), second.changes.end());
  return both;
}

}  // namespace reluscope
