// The published rules of other tools, so that they can be judged on the same records as ours. Thresholds are theirs.
// Where a tool looks at every step or batch, its rule looks at every recorded one. Sources: Amazon SageMaker Debugger's
// built-in rules; AUTOTRAINER (Zhang et al. 2021, table 2); DeepDiagnosis (Wardat et al. 2022); keras-contrib's
// DeadReluDetector; and, in files of their own, TheDeepChecker and torch-audit.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "diagnose/published_support.hpp"

namespace reluscope {

namespace {

void check_sagemaker_dead_relu(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  auto layers = hidden_layers(run, run.layers.rows);
  std::erase_if(layers, [](const auto& layer) { return layer.second.front()->activation != "relu"; });
  too_large(
      layers, limits.number("layer"), [](const LayerRecord& row) { return share_of(row.batch_rare, row.units); },
      "too many units are active in less than 1 % of cases", findings);
}

RuleEntry sagemaker_dead_relu_rule() {
  return published_rule("sagemaker", "dead-relu", {number("layer", 0.5, "share of a layer")},
                        {"layers.batch_rare", "layers.activation", "layers.units"},
                        "units active in less than 1 % of cases", check_sagemaker_dead_relu);
}

void check_sagemaker_vanishing(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const double least = limits.number("mean");
  first_rows(
      by_layer(run.layers.rows), least, [&](const LayerRecord& row) { return row.grad_mean < least; },
      [](const LayerRecord& row) { return row.grad_mean; }, "the gradient's mean size is next to 0", findings);
}

RuleEntry sagemaker_vanishing_gradient_rule() {
  return published_rule("sagemaker", "vanishing-gradient", {number("mean", 1e-7, "mean |g| of a layer")},
                        {"layers.grad_mean"}, "gradients next to 0", check_sagemaker_vanishing);
}

void check_sagemaker_exploding(const RunTables& run, const ParamValues& /*limits*/, std::vector<Finding>& findings) {
  first_rows(
      by_layer(run.layers.rows), 0.0, [](const LayerRecord& row) { return !std::isfinite(row.grad_norm_w); },
      [](const LayerRecord& row) { return row.grad_norm_w; }, "the gradient is not finite", findings);
}

RuleEntry sagemaker_exploding_tensor_rule() {
  return published_rule("sagemaker", "exploding-tensor", {}, {"layers.grad_norm_w"}, "gradients that are not finite",
                        check_sagemaker_exploding);
}

void check_sagemaker_update(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const double largest = limits.number("largest");
  const double smallest = limits.number("smallest");
  first_rows(
      by_layer(run.layers.rows), largest,
      [&](const LayerRecord& row) { return row.update_ratio > largest || row.update_ratio < smallest; },
      [](const LayerRecord& row) { return row.update_ratio; }, "updates are out of proportion to the weights",
      findings);
}

RuleEntry sagemaker_update_ratio_rule() {
  return published_rule("sagemaker", "update-ratio",
                        {number("largest", 10.0, "‖Δθ‖/‖θ‖"), number("smallest", 1e-8, "the same, too small")},
                        {"layers.update_ratio"}, "updates out of proportion", check_sagemaker_update);
}

void check_sagemaker_tanh(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  auto layers = by_layer(run.layers.rows);
  std::erase_if(layers, [](const auto& layer) { return layer.second.front()->activation != "tanh"; });
  too_large(
      layers, limits.number("z"), [](const LayerRecord& row) { return row.z_max; }, "tanh is saturated", findings);
}

RuleEntry sagemaker_tanh_saturation_rule() {
  return published_rule("sagemaker", "tanh-saturation", {number("z", 9.5, "|z| of a tanh unit")},
                        {"layers.z_max", "layers.activation"}, "tanh far out", check_sagemaker_tanh);
}

/// The last rows of the epochs, and the mean accuracy over the rows of each.
std::map<std::int64_t, double> accuracy_by_epoch(const RunTables& run) {
  std::map<std::int64_t, std::pair<double, int>> sums;
  for (const StepRecord& row : run.steps.rows)
    if (row.accuracy) {
      sums[row.epoch].first += *row.accuracy;
      ++sums[row.epoch].second;
    }
  std::map<std::int64_t, double> means;
  for (const auto& [epoch, sum] : sums) means[epoch] = sum.first / sum.second;
  return means;
}

void check_autotrainer_dying(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const std::map<std::int64_t, double> accuracy = accuracy_by_epoch(run);
  auto layers = hidden_layers(run, run.layers.rows);
  std::erase_if(layers, [](const auto& layer) { return layer.second.front()->activation != "relu"; });
  first_rows(
      layers, limits.number("zeros"),
      [&](const LayerRecord& row) {
        const auto reached = accuracy.find(row.epoch);
        // In the first epoch the accuracy of any run is low.
        return row.epoch > 0 && reached != accuracy.end() && reached->second < limits.number("accuracy") &&
               row.grad_zero_fraction >= limits.number("zeros");
      },
      [](const LayerRecord& row) { return row.grad_zero_fraction; },
      "most gradient entries are 0, and it does not learn", findings);
}

RuleEntry autotrainer_dying_relu_rule() {
  return published_rule(
      "autotrainer", "dying-relu",
      {number("zeros", 0.7, "share of a layer's gradient entries"), number("accuracy", 0.6, "mean over an epoch")},
      {"layers.grad_zero_fraction", "layers.activation", "layers.epoch", "steps.accuracy", "steps.epoch"},
      "zero gradients and low accuracy", check_autotrainer_dying);
}

/// The ratio ‖dW₁‖/‖dW_last‖ at each recorded step becomes a finding at the first one for which `broken` says so.
template <class Broken>
void check_first_over_last(const RunTables& run, double threshold, Broken broken, const std::string& what,
                           std::vector<Finding>& findings) {
  const auto layers = by_layer(run.layers.rows);
  if (layers.size() < 2) return;
  const Rows<LayerRecord>& first = layers.begin()->second;
  const Rows<LayerRecord>& last = layers.rbegin()->second;
  // Where a cell is empty a step may be in one of the two alone.
  std::map<std::int64_t, const LayerRecord*> at_last;
  for (const LayerRecord* row : last) at_last.emplace(row->step, row);
  for (const LayerRecord* row : first) {
    const auto other = at_last.find(row->step);
    if (other == at_last.end()) continue;
    const double ratio = row->grad_norm_w / other->second->grad_norm_w;
    if (!broken(ratio, row->grad_norm_w)) continue;
    findings.push_back(at_layer(Severity::warning, *row, ratio, threshold, what + at_step_text(*row) + "."));
    return;
  }
}

void check_autotrainer_vanishing(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  check_first_over_last(
      run, limits.number("ratio"),
      [&](double ratio, double first) { return ratio < limits.number("ratio") && first < limits.number("norm"); },
      "The gradient of the first layer is next to nothing beside that of the last", findings);
}

RuleEntry autotrainer_vanishing_gradient_rule() {
  return published_rule("autotrainer", "vanishing-gradient",
                        {number("ratio", 1e-3, "‖dW₁‖/‖dW_last‖"), number("norm", 1e-4, "and ‖dW₁‖")},
                        {"layers.grad_norm_w", "layers.step"}, "first layer's gradient against the last one's",
                        check_autotrainer_vanishing);
}

void check_autotrainer_exploding(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  check_first_over_last(
      run, limits.number("ratio"),
      [&](double ratio, double first) { return ratio > limits.number("ratio") || !std::isfinite(first); },
      "The gradient of the first layer is many times that of the last, or not a number", findings);
}

RuleEntry autotrainer_exploding_gradient_rule() {
  return published_rule("autotrainer", "exploding-gradient", {number("ratio", 70.0, "‖dW₁‖/‖dW_last‖")},
                        {"layers.grad_norm_w", "layers.step"}, "the same, too large, or not a number",
                        check_autotrainer_exploding);
}

void check_deepdiagnosis(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const double share = limits.number("share");
  first_rows(
      hidden_layers(run, run.layers.rows), share,
      [&](const LayerRecord& row) { return row.nonpositive_fraction.value_or(0.0) >= share; },
      [](const LayerRecord& row) { return *row.nonpositive_fraction; }, "most activations are not positive", findings);
}

RuleEntry deepdiagnosis_dead_node_rule() {
  return published_rule("deepdiagnosis", "dead-node",
                        {number("share", 0.7, "share of a layer's activations that are ≤ 0, in one batch")},
                        {"layers.nonpositive_fraction"}, "most activations ≤ 0", check_deepdiagnosis);
}

// ---- hooks and callbacks

void check_zero_fraction(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  too_large(
      hidden_layers(run, run.layers.rows), limits.number("share"),
      [](const LayerRecord& row) { return row.tiny_fraction.value_or(0.0); }, "most activations are 0", findings);
}

RuleEntry zero_fraction_monitor_rule() {
  return published_rule(
      "zero-fraction", "monitor", {number("share", 0.5, "share of a layer's activations below 1e-6, in one batch")},
      {"layers.tiny_fraction"}, "most activations 0, as hooks for PyTorch count them", check_zero_fraction);
}

void check_keras_contrib(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  // Only layers of relu are looked at, at the ends of epochs. The census does not say which they are.
  std::map<std::int64_t, std::string> activations;
  for (const auto& [layer, rows] : by_layer(run.layers.rows)) activations[layer] = rows.front()->activation;
  auto layers = hidden_layers(run, run.census.rows);
  std::erase_if(layers, [&](const auto& layer) { return activations[layer.first] != "relu"; });
  first_rows(
      layers, limits.number("share"),
      [&](const CensusRecord& row) { return row.step > 0 && row.dead_fraction > limits.number("share"); },
      [](const CensusRecord& row) { return row.dead_fraction; }, "units are 0 for the whole training set", findings);
}

RuleEntry keras_contrib_dead_relu_rule() {
  return published_rule("keras-contrib", "dead-relu",
                        {number("share", 0.1, "dead share of a layer of relu, over the training set")},
                        {"census.dead_fraction", "census.step", "layers.activation"},
                        "units that are 0 on the whole training set", check_keras_contrib);
}

}  // namespace

std::vector<RuleEntry> published_rules() {
  std::vector<RuleEntry> table = {sagemaker_dead_relu_rule(),
                                  sagemaker_vanishing_gradient_rule(),
                                  sagemaker_exploding_tensor_rule(),
                                  sagemaker_update_ratio_rule(),
                                  sagemaker_tanh_saturation_rule(),
                                  autotrainer_dying_relu_rule(),
                                  autotrainer_vanishing_gradient_rule(),
                                  autotrainer_exploding_gradient_rule(),
                                  deepdiagnosis_dead_node_rule()};
  for (const auto part : {deepchecker_rules, torch_audit_rules})
    for (RuleEntry& entry : part()) table.push_back(std::move(entry));
  table.push_back(zero_fraction_monitor_rule());
  table.push_back(keras_contrib_dead_relu_rule());
  return table;
}

}  // namespace reluscope
