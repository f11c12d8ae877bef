#include "experiment/setup.hpp"

#include <algorithm>
#include <cmath>

#include "config/config_error.hpp"
#include "data/data_files.hpp"
#include "data/input_file.hpp"
#include "experiment/batches.hpp"
#include "experiment/initial_network.hpp"
#include "nn/layer_places.hpp"
#include "nn/loss.hpp"
#include "nn/node_table.hpp"
#include "optim/optimizer.hpp"
#include "probe/census_groups.hpp"
#include "probe/sample_runner.hpp"
#include "util/format.hpp"
#include "util/memory.hpp"

namespace reluscope {

namespace {

/// Copies of a layer's values that the examination of deaths makes, of one sample each.
constexpr std::uint64_t kAutopsyColumns = 128;
/// The orders of an epoch and of the probe, and one for what the heap rounds up.
constexpr std::uint64_t kBytesPerSample = 2 * sizeof(Index) + 1;
/// Values per unit and column: output, saved, delta.
constexpr std::uint64_t kValuesPerUnit = 3;
/// Sums per unit and shard: those of ShardSums.
constexpr std::uint64_t kSumsPerUnit = 16;
/// States of the network, each with a shard that may be cut short.
constexpr std::uint64_t kStates = 7;
/// What is known of a unit: its life, its witnesses, its statistics.
constexpr std::uint64_t kBytesPerUnit = 1024;
/// State arrays of the optimiser with the most (rmsprop with momentum, centered), the value and the gradient.
constexpr std::uint64_t kArraysPerParameter = 5;
/// Copies of a parameter in a checkpoint: the value, that of the last census, the optimiser's state.
constexpr std::uint64_t kCopiesInCheckpoint = 5;

/// Whether the network gets nothing outside [0, 1] in training, but for what rounding does.
bool inputs_are_probabilities(const Dataset& dataset) {
  constexpr double kRounding = 1e-6;
  Matrix<double> sample(dataset.features(), 1);
  for (Index index = 0; index < dataset.train.count(); ++index) {
    gather<double>(dataset, dataset.train, std::span(&index, 1), sample);
    if (sample.minCoeff() < -kRounding || sample.maxCoeff() > 1.0 + kRounding) return false;
  }
  return true;
}

std::string pointer_of(const LayerSpec& layer, const std::string& key) { return layer.pointer + "/" + key; }

std::string shape_words(const Shape& shape) {
  return std::to_string(shape.channels) + " × " + std::to_string(shape.height) + " × " + std::to_string(shape.width);
}

/// Refuses a batch of one value where a norm needs its variance.
void refuse_single_values(const ExperimentSpec& spec, const Dataset& dataset) {
  const BatchPlan plan(spec.train, dataset.train.count(), spec.seed);
  if (plan.smallest_batch() > 1) return;
  for (const LayerPlace& place : place_layers(spec.network, dataset.shape())) {
    if (!place.entry->over_batch || place.input.positions() > 1) continue;
    ConfigIssues issues;
    const bool is_rest = spec.train.batch_size > 1 && dataset.train.count() > 1;
    issues.push_back(
        is_rest
            ? ConfigIssue{"/train/drop_last", "false, and a last batch of one sample",
                          "true, or another batch_size: " + place.layer->name +
                              " normalises by the variance of a batch",
                          ""}
            : ConfigIssue{"/train/batch_size", std::to_string(plan.smallest_batch()),
                          "2 or more samples: " + place.layer->name + " normalises by the variance of a batch", ""});
    throw ConfigError(spec.origin, std::move(issues), spec.text);
  }
}

/// Refuses the first layer that cannot stand on what comes before it: what comes after it has no shape.
void refuse_misfits(const ExperimentSpec& spec, const Dataset& dataset) {
  const std::vector<LayerPlace> places = place_layers(spec.network, dataset.shape());
  const auto refuse = [&](const LayerSpec& layer, const NodeMisfit& misfit) {
    ConfigIssues issues;
    issues.push_back({pointer_of(layer, misfit.setting), misfit.found, misfit.expected, ""});
    throw ConfigError(spec.origin, std::move(issues), spec.text);
  };
  for (const LayerPlace& place : places) {
    if (place.entry->misfit != nullptr)
      if (const auto misfit = place.entry->misfit(*place.layer, place.input)) refuse(*place.layer, *misfit);
    if (place.inputs.size() < 2) continue;
    const Shape shortcut = place.inputs[1] == kNetworkInput ? dataset.shape() : places[place.inputs[1]].output;
    if (shortcut != place.input)
      refuse(*place.layer, {"layers", "an output of " + shape_words(place.input),
                            shape_words(shortcut) + ", as the shortcut's: the two are added up"});
  }
}

std::string in_brackets(const Shape& shape) {
  return "[" + std::to_string(shape.channels) + ", " + std::to_string(shape.height) + ", " +
         std::to_string(shape.width) + "]";
}

/// The shape that samples of so many features most likely have: a square, in colour or grey, else a vector.
Shape likely_shape(Index features) {
  for (const Index channels : {Index{1}, Index{3}}) {
    const auto side = static_cast<Index>(std::llround(std::sqrt(static_cast<double>(features / channels))));
    if (features % channels == 0 && side > 1 && side * side == features / channels) return {channels, side, side};
  }
  return {features};
}

void check_shape(const ExperimentSpec& spec, const Dataset& dataset) {
  const Index features = dataset.features();
  if (!spec.data.shape || spec.data.shape->size() == features) return;
  const std::string found = in_brackets(*spec.data.shape) + ", " + std::to_string(spec.data.shape->size()) + " numbers";
  const std::string needed = "channels, height and width whose product is " + std::to_string(features) +
                             (features == 1 ? ", the one feature" : ", the features") + " of a sample";
  const std::string help = "data.shape='" + in_brackets(dataset.image.value_or(likely_shape(features))) + "'" +
                           (dataset.image ? ", as the file has it; null takes that" : "");
  throw ConfigError(spec.origin, {{"/data/shape", found, needed, help}}, spec.text);
}

}  // namespace

void check_against_data(const ExperimentSpec& spec, const Dataset& dataset) {
  check_shape(spec, dataset);
  ConfigIssues issues;
  refuse_misfits(spec, dataset);
  refuse_single_values(spec, dataset);
  const LayerSpec& last = spec.network.layers.back();
  const Index outputs = count_outputs(spec.network, dataset.shape());
  const LossEntry& loss = *find_entry(loss_table(), spec.loss.name);
  const auto wrong_units = [&](const std::string& expected) {
    issues.push_back({pointer_of(last, entry_of(last).units_key), std::to_string(outputs), expected, ""});
  };
  if (dataset.task == Task::classification) {
    const Index classes = dataset.outputs();
    const std::string count = std::to_string(classes);
    if (classes == 1) {
      issues.push_back({"/data", "one class: every label is \"" + dataset.class_names.front() + "\"",
                        "two or more: there is nothing to tell apart",
                        dataset.table.labels.empty() ? "" : "data.label_column, if another column has the labels"});
    } else if (loss.takes_classes) {
      if (outputs != classes) wrong_units(count + ": one output per class of the data");
    } else if (outputs != classes && !(outputs == 1 && classes == 2)) {
      wrong_units(count +
                  (classes == 2 ? ", one output per class of the data, or 1" : ": one output per class of the data"));
    }
  } else if (loss.takes_classes) {
    issues.push_back({"/loss", "cross_entropy", "mse, mae or huber: the data's targets are numbers, not classes",
                      is_one_hot(dataset) ? "data.task=classification: the labels are one-hot" : ""});
  } else {
    if (outputs != dataset.outputs())
      wrong_units(std::to_string(dataset.outputs()) + (dataset.task == Task::reconstruction
                                                           ? ": one output per feature of the data"
                                                           : ": one output per target of the data"));
    const auto outside = [](const Eigen::MatrixXd& targets) {
      return targets.size() > 0 && (targets.minCoeff() < 0.0 || targets.maxCoeff() > 1.0);
    };
    if (loss.takes_probabilities && dataset.target_scale.size() > 0)
      issues.push_back({"/data/normalize_targets", "per_output", "none: bce takes targets in [0, 1]", ""});
    if (loss.takes_probabilities && (outside(dataset.train.targets) || outside(dataset.test.targets)))
      issues.push_back({"/loss", "bce", "mse, mae or huber: the data has targets outside [0, 1]", ""});
    if (loss.takes_probabilities && dataset.task == Task::reconstruction && !inputs_are_probabilities(dataset))
      issues.push_back({"/loss", "bce", "mse, mae or huber: the inputs, which are the targets, are outside [0, 1]",
                        "data.normalize=unit brings them there"});
  }
  if (spec.data.scale_targets && dataset.task != Task::regression)
    issues.push_back({"/data/normalize_targets", "per_output",
                      dataset.task == Task::classification
                          ? "none: the data's targets are classes"
                          : "none: the targets are the inputs; data.normalize scales both",
                      ""});
  if (!issues.empty()) throw ConfigError(spec.origin, std::move(issues), spec.text);
}

std::vector<std::filesystem::path> input_files(const ExperimentSpec& spec) {
  std::vector<std::filesystem::path> files = data_files(spec.data);
  if (spec.network.init_from) files.push_back(*spec.network.init_from);
  return files;
}

void check_initial_weights(const ExperimentSpec& spec, const Dataset& dataset) {
  if (!spec.network.init_from) return;
  if (spec.precision == Precision::float32) {
    initial_network<float>(spec, dataset.shape(), spec.seed);
  } else {
    initial_network<double>(spec, dataset.shape(), spec.seed);
  }
}

std::uint64_t estimate_training_bytes(const ExperimentSpec& spec, const Shape& input, std::uint64_t samples) {
  const std::uint64_t scalar = spec.precision == Precision::float32 ? 4 : 8;
  const auto batch = std::min(static_cast<std::uint64_t>(spec.train.batch_size), samples);
  const auto count = static_cast<Index>(samples);
  const std::vector<LayerPlace> places = place_layers(spec.network, input);
  std::uint64_t values_of_sample = 0;
  Index most_values = 0;
  for (const LayerPlace& place : places) {
    values_of_sample = saturating_sum(values_of_sample, static_cast<std::uint64_t>(place.output.size()));
    if (place.output.positions() > 1) most_values = std::max(most_values, place.output.size());
  }
  const Index at_once = pass_columns(values_of_sample);
  const auto shard = static_cast<std::uint64_t>(shard_columns(most_values));
  // The batch, the census, its look at a part of the network, the probe, evaluations on the way and at the end,
  // autopsies.
  const std::uint64_t columns = batch + 2 * static_cast<std::uint64_t>(census_columns(count, at_once)) +
                                3 * static_cast<std::uint64_t>(std::min(at_once, count)) + kAutopsyColumns;
  const std::uint64_t values = columns * kValuesPerUnit + (columns / shard + kStates) * kSumsPerUnit;
  const auto probe = static_cast<std::uint64_t>(spec.record.probe);
  const std::uint64_t probed = probe == 0 ? samples : std::min(probe, samples);
  const std::uint64_t bytes_of_levels = static_cast<std::uint64_t>(census_groups(count).count) * sizeof(float);
  std::uint64_t bytes =
      saturating_sum(saturating_product(saturating_product(static_cast<std::uint64_t>(input.size()), columns), scalar),
                     saturating_product(samples, kBytesPerSample));
  for (const LayerPlace& place : places) {
    const std::uint64_t parameters = place.entry->parameters(*place.layer, place.input);
    // The initial values are drawn in float64 first.
    bytes = saturating_sum(bytes, saturating_product(parameters, kArraysPerParameter * scalar + sizeof(double)));
    if (spec.record.checkpoint_every.kind != Cadence::Kind::off)
      bytes = saturating_sum(bytes, saturating_product(parameters, kCopiesInCheckpoint * scalar));
    // An activation that is a node of its own has values of its own.
    const bool has_own = place.activation != nullptr && !place.entry->affine && place.entry->make_float != nullptr;
    const auto outputs = static_cast<std::uint64_t>(place.output.size()) * (has_own ? 2 : 1);
    if (place.activation != nullptr) {
      const auto units = static_cast<std::uint64_t>(place.output.channels);
      bytes = saturating_sum(bytes,
                             saturating_product(saturating_product(units, probed), sizeof(double)));  // effective rank
      bytes = saturating_sum(bytes, saturating_product(units, kBytesPerUnit + bytes_of_levels));
    }
    bytes = saturating_sum(bytes, saturating_product(outputs, values * scalar));
    if (place.entry->room != nullptr)
      bytes = saturating_sum(bytes, saturating_product(place.entry->room(*place.layer, place.input),
                                                       scalar * (columns / shard + kStates)));
  }
  return bytes;
}

namespace {

/// `training`: bytes besides the data.
void refuse_too_much(const ExperimentSpec& spec, std::uint64_t training) {
  const std::uint64_t data_bytes = estimate_dataset_bytes(spec.data, spec.seed);
  const std::uint64_t needed = saturating_sum(data_bytes, training);
  const std::uint64_t available = available_memory_bytes();
  if (needed <= available) return;
  throw UserError(spec.origin + ": this run needs about " + format_bytes(needed) + " of memory (" +
                      format_bytes(data_bytes) + " for the data, " + format_bytes(training) +
                      " for network, gradients, optimiser and batch), this machine has " + format_bytes(available) +
                      ": make /network/layers, /train/batch_size or /data smaller",
                  kBadUsage);
}

}  // namespace

void check_memory(const ExperimentSpec& spec) { refuse_too_much(spec, 0); }

void check_memory(const ExperimentSpec& spec, const Shape& input, std::uint64_t samples) {
  refuse_too_much(spec, estimate_training_bytes(spec, input, samples));
}

Dataset load_for_training(const ExperimentSpec& spec) {
  check_memory(spec);
  Dataset dataset = load_dataset(spec.data, spec.seed);
  check_against_data(spec, dataset);
  check_memory(spec, dataset.shape(), static_cast<std::uint64_t>(dataset.train.count()));
  check_initial_weights(spec, dataset);
  return dataset;
}

}  // namespace reluscope
