// The published rules of torch-audit.
//
// github.com/RMalkiv/torch-audit (0.3) at 4cf5ab6, src/torch_audit/validators/builtin/: stability.py (TA100 to TA104),
// activation.py (TA105), data.py (TA3xx). Its INFO, WARN and ERROR are info, warning and critical. Gradients are those
// before clipping, as in its Auditor.backward().
//
// Left out, with what the records lack:
//   TA104                        a run without gradients: there are always some
//   TA200 to TA203, TA300        devices, memory layouts and number formats
//   TA303                        the shape of image batches
//   TA304, TA400                 batch normalisation
//   TA305                        integer inputs
//   TA401, TA402, TA403          the optimiser's parameters
//   TA404, TA405                 convolutions
//   TA500, TA501                 layers that are not called, or twice
#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "diagnose/published_support.hpp"

namespace reluscope {

namespace {

/// TA100. The biases' own values are not recorded.
void check_torch_audit_finite(const RunTables& run, const ParamValues& /*limits*/, std::vector<Finding>& findings) {
  const auto sum = [](const LayerRecord& row) {
    return row.weight_norm + row.grad_norm_w + row.grad_norm_b.value_or(0.0);
  };
  first_rows(
      by_layer(run.layers.rows), 0.0, [&](const LayerRecord& row) { return !std::isfinite(sum(row)); }, sum,
      "weights or gradients are not finite", findings, Severity::critical);
}

RuleEntry torch_audit_non_finite_rule() {
  return published_rule("torch-audit", "non-finite", {}, {"layers.weight_norm", "layers.grad_norm_w"},
                        "weights or gradients that are not finite (TA100)", check_torch_audit_finite);
}

/// TA102. Gradients that are not finite do not count.
void check_torch_audit_exploding(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const double most = limits.number("norm");
  const auto found = std::find_if(run.steps.rows.begin(), run.steps.rows.end(), [&](const StepRecord& row) {
    return std::isfinite(row.grad_norm) && row.grad_norm > most;
  });
  if (found == run.steps.rows.end()) return;
  findings.push_back(at_step(Severity::warning, step_of(*found), found->grad_norm, most,
                             "The gradient's norm is large" + at_step_text(*found) + "."));
}

RuleEntry torch_audit_gradient_explosion_rule() {
  return published_rule("torch-audit", "gradient-explosion",
                        {number("norm", 100.0, "norm of the gradient (stability.py: max_grad_norm)")},
                        {"steps.grad_norm"}, "a large gradient (TA102)", check_torch_audit_exploding);
}

/// TA103.
void check_torch_audit_zero_gradient(const RunTables& run, const ParamValues& /*limits*/,
                                     std::vector<Finding>& findings) {
  first_rows(
      by_layer(run.layers.rows), 0.0,
      [](const LayerRecord& row) { return row.grad_norm_w == 0.0 || row.grad_norm_b == 0.0; },
      [](const LayerRecord&) { return 0.0; }, "the gradient of the weights, or of the biases, is 0", findings,
      Severity::info);
}

RuleEntry torch_audit_zero_gradient_rule() {
  return published_rule("torch-audit", "zero-gradient", {}, {"layers.grad_norm_w"},
                        "a parameter's gradient is exactly 0 (TA103; info)", check_torch_audit_zero_gradient);
}

/// TA105: the activations that it hooks, as far as there are such.
void check_torch_audit_collapse(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  static constexpr std::array<std::string_view, 13> kHooked = {
      "relu", "relu6", "leaky_relu", "lrelu",      "prelu", "rrelu", "selu",
      "celu", "elu",   "hardswish",  "hard_swish", "silu",  "swish"};
  auto layers = by_layer(run.layers.rows);
  std::erase_if(layers, [](const auto& layer) {
    return std::find(kHooked.begin(), kHooked.end(), layer.second.front()->activation) == kHooked.end();
  });
  too_large(
      layers, limits.number("share"), [](const LayerRecord& row) { return row.zero_fraction; },
      "most activations are 0", findings);
}

RuleEntry torch_audit_activation_collapse_rule() {
  return published_rule(
      "torch-audit", "activation-collapse",
      {number("share", 0.9, "share of a layer's activations that are 0, in one batch (activation.py: threshold)")},
      {"layers.zero_fraction", "layers.activation"}, "most activations 0 (TA105)", check_torch_audit_collapse);
}

/// TA301, over the training set in place of a batch.
void check_torch_audit_range(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const double largest = all_features(run.features.rows).max;
  if (!(largest > limits.number("max"))) return;
  findings.push_back(at_step(Severity::critical, 0, largest, limits.number("max"), "The inputs are large."));
}

RuleEntry torch_audit_data_range_rule() {
  return published_rule("torch-audit", "data-range", {number("max", 50.0, "largest input (data.py: _check_quality)")},
                        {"features.max"}, "large inputs (TA301)", check_torch_audit_range);
}

/// TA302, over the training set in place of a batch.
void check_torch_audit_flat(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const double spread = all_features(run.features.rows).std;
  if (!(spread < limits.number("std"))) return;
  findings.push_back(at_step(Severity::warning, 0, spread, limits.number("std"), "The inputs are all the same."));
}

RuleEntry torch_audit_flat_data_rule() {
  return published_rule(
      "torch-audit", "flat-data", {number("std", 1e-5, "standard deviation of the inputs (data.py: _check_quality)")},
      {"features.mean", "features.std"}, "inputs that are all the same (TA302)", check_torch_audit_flat);
}

}  // namespace

std::vector<RuleEntry> torch_audit_rules() {
  return {torch_audit_non_finite_rule(),    torch_audit_gradient_explosion_rule(),
          torch_audit_zero_gradient_rule(), torch_audit_activation_collapse_rule(),
          torch_audit_data_range_rule(),    torch_audit_flat_data_rule()};
}

}  // namespace reluscope
