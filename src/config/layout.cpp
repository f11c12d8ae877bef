#include "config/layout.hpp"

#include <algorithm>

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

Field leaf(Param param) {
  Field field{param.name, param.doc, {}};
  field.node.param = std::move(param);
  return field;
}

Field name_leaf(Param param) {
  Field field = leaf(std::move(param));
  field.node.is_name = true;
  return field;
}

std::vector<Field> leaves(const std::vector<Param>& params) {
  std::vector<Field> fields;
  fields.reserve(params.size());
  for (const Param& param : params) fields.push_back(leaf(param));
  return fields;
}

Field object(std::string name, std::string doc, std::vector<Field> fields) {
  Field field{std::move(name), std::move(doc), {}};
  field.node.kind = LayoutNode::Kind::object;
  field.node.fields = std::move(fields);
  return field;
}

/// A choice among the entries of a table, with `common` fields that every option has.
template <class E>
Field choice(std::string name, std::string doc, std::string discriminator, std::span<const E> table,
             std::string fallback, const std::vector<Field>& common = {}) {
  Field field{std::move(name), std::move(doc), {}};
  LayoutNode& node = field.node;
  node.kind = LayoutNode::Kind::choice;
  node.discriminator = std::move(discriminator);
  node.fallback = std::move(fallback);
  node.string_shorthand = common.empty();
  for (const E& entry : table) {
    Option option{entry.name, entry.aliases, entry.doc, leaves(entry.params)};
    option.fields.insert(option.fields.end(), common.begin(), common.end());
    node.options.push_back(std::move(option));
  }
  return field;
}

Field cadence(std::string name, ParamValue fallback, std::vector<std::string> words, std::string doc) {
  Param param = integer(std::move(name), 1, std::move(doc)).at_least(1).one_of(std::move(words));
  param.fallback = std::move(fallback);
  return leaf(std::move(param));
}

Field data_section() {
  // Three of them can be multiplied.
  constexpr double kMostOfAShape = 1e6;
  const std::vector<Field> common = {
      leaf(unset("directory", ParamKind::text,
                 "where the data files are; a relative path starts at the config file, and null means beside it")
               .path()),
      leaf(unset("shape", ParamKind::numbers,
                 "what a sample is like: channels, height, width, in this order (C × H × W: the last runs fastest); "
                 "null: as the file has it (IDX and NPY arrays of 3 or 4 dimensions, images), else a plain vector")
               .of_length(3)
               .of_integers()
               .at_least(1)
               .at_most(kMostOfAShape)),
      leaf(text("normalize", "none",
                "none; unit: to [0, 1] by one minimum and maximum (u8 images: /255); standard: one mean and standard "
                "deviation; per_feature: one each; per_channel: one each for all positions of a channel, which is "
                "per_feature "
                "for data without positions. Statistics from the training part alone")
               .one_of({"none", "unit", "standard", "per_feature", "per_channel"})),
      leaf(text("normalize_targets", "none",
                "none; per_output: a regression's targets with mean 0 and standard deviation 1 (of the training part) "
                "while it trains: steps.csv has the loss of those. train and test in summary.json are in the data's "
                "units")
               .one_of({"none", "per_output"})),
      leaf(text("target", "labels",
                "what the outputs are compared with: labels; input: the sample itself, as the network gets it (an "
                "autoencoder); labels are then not needed")
               .one_of({"labels", "input"})),
      leaf(unset("limit", ParamKind::integer, "use only the first N training samples; null: all").at_least(1)),
      leaf(number("test_fraction", 0.2, "share split off for testing (seeded) where there is no test file")
               .at_least(0)
               .below(1))};
  return choice("data", "What the network is trained on", "kind", source_table(), "", common);
}

Field network_section() {
  const Param repeat = integer("repeat", 1, "this many such layers in a row").at_least(1).at_most(10000);
  Field bias = choice("bias", "Initial biases; a number is short for constant, false for none", "name",
                      bias_init_table(), "auto");
  bias.node.number_shorthand = "constant";
  bias.node.false_shorthand = "none";
  const Param name = unset("name", ParamKind::text, "name in the traces; null: dense1, dense2, …");
  const Field activation = choice("activation", "φ", "name", activation_table(), "identity");
  const Field init =
      object("init", "Initial parameters",
             {choice("weights", "Initial weights", "name", weight_init_table(), "pytorch"), std::move(bias)});
  Field norm = choice("norm", "A layer that normalises z before φ gets it", "name", norm_table(), "none");
  norm.node.false_shorthand = "none";
  // What a residual block is made of has no residual blocks in it.
  const auto layer_list = [&](const char* list_name, const char* doc, const std::vector<Field>& of_block) {
    LayoutNode layer;
    layer.kind = LayoutNode::Kind::choice;
    layer.discriminator = "type";
    layer.fallback = "dense";
    for (const NodeEntry& entry : node_table()) {
      if (entry.is_block && of_block.empty()) continue;
      Option option{entry.name, entry.aliases, entry.doc, {name_leaf(name)}};
      for (Field& setting : leaves(entry.params)) option.fields.push_back(std::move(setting));
      if (entry.is_block) option.fields.insert(option.fields.end(), of_block.begin(), of_block.end());
      if (entry.affine) option.fields.push_back(norm);
      if (entry.affine || entry.takes_activation) option.fields.push_back(activation);
      if (entry.affine) option.fields.push_back(init);
      option.fields.push_back(leaf(repeat));
      layer.options.push_back(std::move(option));
    }
    Field list{list_name, doc, {}};
    list.node.kind = LayoutNode::Kind::list;
    list.node.items = {std::move(layer)};
    return list;
  };
  Field shortcut = layer_list("shortcut", "What the block's input goes through before it is added; null: nothing", {});
  shortcut.node.may_be_null = true;
  const std::vector<Field> of_block = {layer_list("layers", "The block's layers", {}), std::move(shortcut)};
  Field layers = layer_list(
      "layers", "From the input to the output; the last one is dense and gives the network's output", of_block);
  Field init_from = leaf(unset("init_from", ParamKind::text,
                               "a safetensors file with the initial parameters, named as in a PyTorch nn.Sequential "
                               "`layers`; null: they are drawn")
                             .path());
  return object("network", "The layers", {std::move(layers), std::move(init_from)});
}

/// Bounds that keep every count of steps, and sums of them, within int64.
constexpr double kMostEpochs = 1e9;
constexpr double kMostSteps = 1e15;

Field train_section() {
  return object(
      "train", "How it is trained",
      {leaf(integer("epochs", 10, "passes over the training set; null where steps is given")
                .at_least(1)
                .at_most(kMostEpochs)
                .or_null()),
       leaf(unset("steps", ParamKind::integer, "number of updates, instead of epochs").at_least(1).at_most(kMostSteps)),
       leaf(integer("batch_size", 32, "samples per update").at_least(1)),
       leaf(boolean("shuffle", true, "a new order in every epoch, from the seed")),
       leaf(boolean("drop_last", false, "leave out the last batch of an epoch if it is short")),
       choice("optimizer", "Update rule", "name", optimizer_table(), "sgd"),
       choice("schedule", "Learning rate over time, after the warm-up", "name", schedule_table(), "constant"),
       leaf(integer("warmup_steps", 0, "steps of linear warm-up before the schedule starts")
                .at_least(0)
                .at_most(kMostSteps)),
       leaf(number("warmup_start_factor", 0.0, "the rate's factor at the first warm-up step").at_least(0).at_most(1)),
       leaf(unset("clip_norm", ParamKind::number, "limit of the global L2 norm of the gradient; null: none").above(0)),
       leaf(unset("clip_value", ParamKind::number, "limit of each gradient element; null: none").above(0)),
       object(
           "penalty", "What is added to the loss, and to its gradient",
           {leaf(number("l1_weights", 0.0, "times Σ|w| over the weights of all layers, biases not").at_least(0)),
            leaf(number("l2_weights", 0.0, "times Σ w² over the same (Keras' L2; PyTorch's weight_decay is twice it)")
                     .at_least(0)),
            leaf(number("l1_activations", 0.0,
                        "times Σ|a| over the units of the hidden layers, mean over the batch (Keras' "
                        "activity_regularizer)")
                     .at_least(0))})});
}

Field record_section() {
  return object(
      "record", "What is written, and how often",
      {cadence("every", std::int64_t{10}, {"log"},
               "rows of steps.csv and layers.csv: every N steps, or log (every step below 32, then 16 per doubling)"),
       cadence("census", std::string("epoch"), {"step", "epoch", "log", "off"},
               "exact census of dead units over the training set: every N steps, or one of the words"),
       leaf(number("saturation_epsilon", 0.01, "a unit is saturated if |φ'| ≤ this on every sample").at_least(0)),
       leaf(number("dormant_tau", 0.025, "a unit is dormant if its mean |a| ≤ τ times its layer's (Sokar et al. 2023)")
                .at_least(0)),
       cadence("probe", std::int64_t{192}, {"all"},
               "training samples that saturated, dormant and effective_rank are measured on"),
       cadence("probe_every", std::string("epoch"), {"step", "epoch", "log"},
               "censuses that measure the probe: those at every N steps, or one of the words"),
       cadence("evaluate", std::string("epoch"), {"epoch", "log", "off"},
               "rows of evaluation.csv, loss and accuracy on the training and the test set: every N steps, log, or "
               "epoch (of a run of more than 200 epochs every second one, or third, …, so that there are 200 at most); "
               "each costs a forward pass over evaluate_samples of both"),
       cadence("evaluate_samples", std::int64_t{10000}, {"all"},
               "samples of each set that an evaluation looks at, evenly spaced; the end looks at all of them"),
       leaf(boolean("monitors", false,
                    "also the columns that the rules of other tools need (diagnose --rules), by a pass of its own")),
       cadence("checkpoint_every", std::string("minute"), {"minute", "epoch", "off"},
               "what a run resumes from if it is killed: after every N steps, every epoch, or about once a minute")});
}

/// Every rule of ours that has thresholds.
Field diagnose_section() {
  std::vector<Field> rules;
  for (const RuleEntry& rule : rule_table())
    if (rule.set == kOwnRules && !rule.params.empty())
      rules.push_back(object(rule.name, rule.doc, leaves(rule.params)));
  return object("diagnose", "Thresholds of the rules that judge the run", std::move(rules));
}

LayoutNode make_layout() {
  return object(
             "", "An experiment of reluscope",
             {leaf(unset("$schema", ParamKind::text, "for editors; ignored")),
              name_leaf(text("name", "run", "names the run directory")),
              leaf(integer("seed", 0, "of every random number in the run").at_least(0)),
              leaf(text("precision", "float32", "arithmetic of network and training").one_of({"float32", "float64"})),
              data_section(), network_section(),
              choice("loss", "What is minimised", "name", loss_table(), "cross_entropy"), train_section(),
              record_section(), diagnose_section()})
      .node;
}

}  // namespace

bool is_name(std::string_view text) {
  const auto is_allowed = [](char character) {
    return (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z') ||
           (character >= '0' && character <= '9') || character == '-' || character == '_' || character == '.';
  };
  return !text.empty() && text.size() <= 100 && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), is_allowed);
}

const LayoutNode& experiment_layout() {
  static const LayoutNode layout = make_layout();
  return layout;
}

const Option* find_option(const LayoutNode& choice, const std::string& name) {
  for (const Option& option : choice.options)
    if (option.name == name || std::find(option.aliases.begin(), option.aliases.end(), name) != option.aliases.end())
      return &option;
  return nullptr;
}

const Field* find_field(const std::vector<Field>& fields, const std::string& name) {
  for (const Field& field : fields)
    if (field.name == name) return &field;
  return nullptr;
}

}  // namespace reluscope
