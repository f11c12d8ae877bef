// The published rules of TheDeepChecker (Ben Braiek and Khomh 2023): of layers and data; those of the loss are in
// published_deepchecker_loss.cpp.
//
// Conditions: github.com/thedeepchecker/thedeepchecker at d6a7e72, deep_checker/hooks.py (Overfit…Hook) and checkers.py
// (PreCheck). Defaults: its settings.yaml, as rached1997/RLDebugger has kept it (debugger/utils/config/settings.yaml at
// caebd9d); its own logs (clean_base_programs/logs and buggy_synthetic_programs/wrong_augmentation/logs) show the same
// 1e-6 of Vanishing, 0.5 and 2.0 of Distribution and 0.5 of Representativeness.
// It trains on one batch of 50 samples for 200 iterations; here the recorded rows of the run stand for these.
//
// Left out, by the names of its messages, with what the records lack:
//   act_sat                      a histogram of each unit's activations
//   act_ltn, act_gtn             nothing: Range is disabled in its settings
//   out_cons, output_invalid, lack_of_magnitude_express, lack_of_negative_express   the single outputs' values
//   w_sign, w_dead               the shares of weights below 0, and next to 0
//   w_div, b_div                 mean |w| and mean |b|
//   b_nan, b_inf                 the biases
//   overwhelm_reg_loss           the norm of the penalty's gradient
//   unbalanced_labels, last_bias, ineff_bias_cls, ineff_bias_regr   the shares of all classes; the biases
//   poor_init, need_he, need_glorot, need_lecun, need_init_well   the variance of the weights that were drawn
//   need_bias, zero_bias         the biases
//   poor_reduction_loss, grad_err, underfitting_single_batch, zero_loss, data_dep, op_dep   runs of its own (PreCheck)
//   corrupted_data, wrong_augm, switch_mode_…   runs of its own (PostCheck)
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "diagnose/deepchecker_support.hpp"

namespace reluscope {

namespace {

/// The first row that ends ten in a row for which `broken` holds.
template <class Layers, class Broken, class Value>
void ten_in_a_row(const Layers& layers, double threshold, Broken broken, Value value, const std::string& what,
                  std::vector<Finding>& findings) {
  for (const auto& [layer, rows] : layers) {
    int streak = 0;
    for (const LayerRecord* row : rows) {
      streak = broken(*row) ? streak + 1 : 0;
      if (streak < 10) continue;
      findings.push_back(at_layer(Severity::warning, *row, value(*row), threshold,
                                  layer_text(row->name) + ": " + what + at_step_text(*row) + "."));
      break;
    }
  }
}

void check_deepchecker_dead(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const auto share = [](const LayerRecord& row) { return share_of(row.batch_faint, row.units); };
  ten_in_a_row(
      hidden_layers(run, run.layers.rows), limits.number("layer"),
      [&](const LayerRecord& row) { return share(row) > limits.number("layer"); }, share,
      "most units are next to silent in ten batches", findings);
}

RuleEntry thedeepchecker_dead_layer_rule() {
  return published_rule(
      "thedeepchecker", "dead-layer",
      {number("layer", 0.5, "share of units whose 95th percentile of |a| is < 1e-5, ten batches in a row")},
      {"layers.batch_faint", "layers.units"}, "most units next to silent", check_deepchecker_dead);
}

void check_deepchecker_update(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  ten_in_a_row(
      by_layer(run.layers.rows), limits.number("high"),
      [&](const LayerRecord& row) {
        const double size = std::log10(row.update_ratio);
        return !(size >= limits.number("low") && size <= limits.number("high"));
      },
      [](const LayerRecord& row) { return row.update_ratio; }, "updates are out of proportion to the weights",
      findings);
}

RuleEntry thedeepchecker_update_ratio_rule() {
  return published_rule(
      "thedeepchecker", "update-ratio",
      {number("low", -4.0, "log10 ‖Δθ‖/‖θ‖, ten batches in a row"), number("high", -1.0, "the same, too large")},
      {"layers.update_ratio"}, "updates out of proportion", check_deepchecker_update);
}

/// `broken(rows up to one that is looked at)` gives the value to report, or nothing. The first of each layer is a
/// finding.
template <class Broken>
void deepchecker_layers(const RunTables& run, const std::map<std::int64_t, Rows<LayerRecord>>& layers, double threshold,
                        Broken broken, const std::string& what, std::vector<Finding>& findings) {
  const std::int64_t end = deepchecker_end(run);
  for (const auto& [layer, rows] : layers)
    for (std::size_t at = kDeepCheckerPeriod; at < rows.size(); at += kDeepCheckerPeriod) {
      const LayerRecord& row = *rows[at];
      if (step_of(row).value_or(0) > end) break;
      const std::optional<double> value = broken(std::span<const LayerRecord* const>(rows).first(at + 1));
      if (!value) continue;
      findings.push_back(at_layer(Severity::warning, row, *value, threshold,
                                  layer_text(row.name) + ": " + what + at_step_text(row) + "."));
      break;
    }
}

double gradient_of(const LayerRecord* row) { return row->grad_mean; }

/// Theirs is the mean over the weights alone, ours over weights and biases.
void check_deepchecker_vanishing(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const double least = limits.number("mean");
  const double rate = limits.number("rate");
  deepchecker_layers(
      run, by_layer(run.layers.rows), least,
      [&](std::span<const LayerRecord* const> rows) -> std::optional<double> {
        const double mean = gradient_of(rows.back());
        const auto falls = [&](double now, double before) { return now / before <= rate; };
        if (mean < least || (std::isfinite(mean) && all_in_window(rows, gradient_of, falls))) return mean;
        return std::nullopt;
      },
      "the gradient's mean size is next to 0, or falls by half from each step to the next,", findings);
}

RuleEntry thedeepchecker_vanishing_gradient_rule() {
  return published_rule(
      "thedeepchecker", "vanishing-gradient",
      {number("mean", 1e-6, "mean |g| of a layer (Gradient.Vanishing.mav_min_thresh)"),
       number("rate", 0.5, "or its ratio to that of the step before, four times in a row (dec_rate_min_thresh)")},
      {"layers.grad_mean"}, "gradients next to 0, or on their way there (gw_van)", check_deepchecker_vanishing);
}

void check_deepchecker_exploding(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const double most = limits.number("mean");
  const double rate = limits.number("rate");
  deepchecker_layers(
      run, by_layer(run.layers.rows), most,
      [&](std::span<const LayerRecord* const> rows) -> std::optional<double> {
        const double mean = gradient_of(rows.back());
        if (!std::isfinite(mean)) return std::nullopt;
        const auto grows = [&](double now, double before) { return now / before >= rate; };
        if (mean > most || all_in_window(rows, gradient_of, grows)) return mean;
        return std::nullopt;
      },
      "the gradient's mean size is beyond measure, or doubles from each step to the next,", findings);
}

RuleEntry thedeepchecker_exploding_gradient_rule() {
  return published_rule(
      "thedeepchecker", "exploding-gradient",
      {number("mean", 1e6, "mean |g| of a layer (Gradient.Exploding.mav_max_thresh)"),
       number("rate", 2.0, "or its ratio to that of the step before, four times in a row (inc_rate_max_thresh)")},
      {"layers.grad_mean"}, "gradients beyond measure, or on their way there (gw_exp)", check_deepchecker_exploding);
}

/// The spread of a layer's activations in its buffer of ten batches, against a bound that an F test has to confirm.
void check_deepchecker_spread(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const double low = limits.number("low");
  const double high = limits.number("high");
  const double critical = limits.number("f");
  deepchecker_layers(
      run, hidden_layers(run, run.layers.rows), low,
      [&](std::span<const LayerRecord* const> rows) -> std::optional<double> {
        double mean = 0.0;
        double square = 0.0;
        for (const LayerRecord* row : rows.last(kDeepCheckerPeriod)) {
          mean += row->a_mean / static_cast<double>(kDeepCheckerPeriod);
          square += row->a_rms * row->a_rms / static_cast<double>(kDeepCheckerPeriod);
        }
        const double variance = square - mean * mean;
        const bool narrow = variance < low * low && low * low > critical * variance;
        const bool wide = variance > high * high && variance > critical * high * high;
        if (!std::isfinite(variance) || !(narrow || wide)) return std::nullopt;
        return std::sqrt(std::max(0.0, variance));
      },
      "the activations vary too little, or too much,", findings);
  for (Finding& finding : findings)
    if (*finding.value > high) finding.threshold = high;
}

RuleEntry thedeepchecker_unstable_activation_rule() {
  return published_rule(
      "thedeepchecker", "unstable-activation",
      {number("low", 0.5, "standard deviation of a layer's activations in ten batches (std_acts_min_thresh)"),
       number("high", 2.0, "the same, too large (std_acts_max_thresh)"),
       number("f", 2.70554, "and the ratio of the variances: of metrics.pure_f_test for f_test_alpha 0.1")},
      {"layers.a_mean", "layers.a_rms"}, "activations too narrow or too wide (act_unstable)", check_deepchecker_spread);
}

void check_deepchecker_finite(const RunTables& run, const ParamValues& /*limits*/, std::vector<Finding>& findings) {
  const auto sum = [](const LayerRecord& row) { return row.weight_norm + row.grad_norm_w + row.a_rms; };
  first_rows(
      by_layer(run.layers.rows), 0.0, [&](const LayerRecord& row) { return !std::isfinite(sum(row)); }, sum,
      "weights, activations or gradients are not finite", findings);
}

RuleEntry thedeepchecker_non_finite_rule() {
  return published_rule("thedeepchecker", "non-finite", {},
                        {"layers.weight_norm", "layers.grad_norm_w", "layers.a_rms"},
                        "weights, activations or gradients that are not finite (w_nan, act_nan, gw_nan, …_inf)",
                        check_deepchecker_finite);
}

/// How far off a mean of 0 and a deviation of 1; nothing where the range is [0, 1] or [−1, 1].
template <class Facts>
std::optional<double> off_normal(const Facts& facts, double tolerance) {
  const auto is_near = [=](double value, double wanted) { return std::abs(value - wanted) <= tolerance; };
  if (is_near(facts.max, 1.0) && (is_near(facts.min, 0.0) || is_near(facts.min, -1.0))) return std::nullopt;
  return std::max(std::abs(facts.mean), std::abs(facts.std - 1.0));
}

/// Columns of a table one by one, up to the first in a range that is right; what has no names (as images) all together.
/// A constant is not normalised either (features_constant).
void check_deepchecker_inputs(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const double tolerance = limits.number("off");
  std::vector<FeatureRecord> features = run.features.rows;
  if (!features.front().source) features = {all_features(features)};
  for (const FeatureRecord& row : features) {
    const std::optional<double> off = off_normal(row, tolerance);
    if (!off) return;
    if (*off <= tolerance) continue;
    findings.push_back(at_step(Severity::warning, 0, *off, tolerance, "The inputs are not normalised."));
    return;
  }
}

RuleEntry thedeepchecker_unnormalized_inputs_rule() {
  return published_rule(
      "thedeepchecker", "unnormalized-inputs",
      {number("off", 0.01, "of the mean from 0, the deviation from 1, or the ends from 0 or −1 and 1 (almost_equal)")},
      {"features.mean", "features.std", "features.min", "features.max"},
      "inputs without mean 0 and deviation 1, or one of two ranges (features_unnormalized)", check_deepchecker_inputs);
}

/// Of several outputs' targets the records have the numbers of all together.
void check_deepchecker_targets(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  if (!run.targets) return;
  const double tolerance = limits.number("off");
  const std::optional<double> off = off_normal(*run.targets, tolerance);
  if (!off || *off <= tolerance) return;
  findings.push_back(at_step(Severity::warning, 0, *off, tolerance, "The targets are not normalised."));
}

RuleEntry thedeepchecker_unnormalized_targets_rule() {
  return published_rule("thedeepchecker", "unnormalized-targets",
                        {number("off", 0.01, "the same of a regression's targets")}, {"steps.loss"},
                        "the same of targets (targets_unnormalized)", check_deepchecker_targets);
}

}  // namespace

std::int64_t deepchecker_end(const RunTables& run) {
  int streak = 0;
  for (const StepRecord& row : run.steps.rows) {
    const std::optional<double> loss = measured(row, &StepRecord::loss);
    const bool fitted = row.accuracy ? *row.accuracy == 1.0 : loss && *loss < 1e-4;
    streak = fitted ? streak + 1 : 0;
    if (streak == 5) return step_of(row).value_or(std::numeric_limits<std::int64_t>::max());
  }
  return std::numeric_limits<std::int64_t>::max();
}

std::vector<RuleEntry> deepchecker_rules() {
  std::vector<RuleEntry> table = {thedeepchecker_dead_layer_rule(),         thedeepchecker_update_ratio_rule(),
                                  thedeepchecker_non_finite_rule(),         thedeepchecker_vanishing_gradient_rule(),
                                  thedeepchecker_exploding_gradient_rule(), thedeepchecker_unstable_activation_rule()};
  for (RuleEntry& rule : deepchecker_loss_rules()) table.push_back(std::move(rule));
  table.push_back(thedeepchecker_unnormalized_inputs_rule());
  table.push_back(thedeepchecker_unnormalized_targets_rule());
  return table;
}

}  // namespace reluscope
