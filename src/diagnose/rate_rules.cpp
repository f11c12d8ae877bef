// Rules about steps: updates and gradients that are too large, too small, or mostly noise.
#include <algorithm>
#include <cmath>

#include "diagnose/rule_support.hpp"

namespace reluscope {

namespace {

/// What causes of slow steps call them; those of large ones go by the rule's name.
Finding slow(Finding finding) {
  finding.effect = kSlowUpdates;
  finding.explains = {"loss-not-decreasing", "too-few-steps", "no-better-than-constant"};
  finding.remedies = {"larger_lr", "adam", "he_normal", "glorot_normal", "standardize", "more_steps"};
  return finding;
}

/// A shorter run says nothing about where it would lead.
constexpr double kStepsToJudge = 100.0;

void check_update_ratio(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  for (const auto& [layer, all] : by_layer(run.layers.rows)) {
    // From 0, where the last map of a residual branch may start, any step is infinitely large.
    const Rows<LayerRecord> rows(
        std::find_if(all.begin(), all.end(), [](const LayerRecord* row) { return !std::isinf(row->update_ratio); }),
        all.end());
    if (rows.empty()) continue;
    const double usual = median_at_start(
        rows, [](const LayerRecord& row) { return row.update_ratio; }, limits.number("start"));
    if (usual > limits.number("largest"))
      findings.push_back(at_layer(Severity::warning, *rows.front(), usual, limits.number("largest"),
                                  "Updates of layer '" + rows.front()->name + "' are " + format_short(usual) +
                                      " × the size of its parameters in a usual step at the start: the learning rate "
                                      "is too large for it."));
    // A median hides the one step that threw a network out.
    const LayerRecord* wildest = rows.front();
    // From 0 any step is infinitely large.
    const auto ratio = [](const LayerRecord& row) { return std::isfinite(row.update_ratio) ? row.update_ratio : 0.0; };
    for (std::size_t at = 0; at < first_part(rows, limits.number("start")); ++at)
      if (ratio(*rows[at]) > ratio(*wildest)) wildest = rows[at];
    if (!(usual > limits.number("largest")) && run.train && !has_learned(run) &&
        ratio(*wildest) > limits.number("single"))
      findings.push_back(at_layer(Severity::warning, *wildest, wildest->update_ratio, limits.number("single"),
                                  "The update" + at_step_text(*wildest) + " changed layer '" + wildest->name + "' by " +
                                      format_short(wildest->update_ratio) +
                                      " × the size of its parameters: the learning rate is too large for it."));
    const auto steps = static_cast<double>(step_of(*rows.back()).value_or(0) + 1);
    const double travel = travel_of(rows).value_or(0.0);
    if (steps >= kStepsToJudge && usual >= limits.number("smallest") && travel < limits.number("travel"))
      findings.push_back(slow(at_layer(Severity::warning, *rows.front(), travel, limits.number("travel"),
                                       "Even at its fastest pace layer '" + rows.front()->name + "' would move by " +
                                           format_short(travel) +
                                           " × the size of its parameters in the whole run: it hardly learns.")));
    if (usual > 0.0 && usual < limits.number("smallest"))
      findings.push_back(slow(at_layer(Severity::warning, *rows.front(), usual, limits.number("smallest"),
                                       "Updates of layer '" + rows.front()->name + "' are " + format_short(usual) +
                                           " × the size of its parameters a step: it hardly learns.")));
  }
}

RuleEntry update_ratio_rule() {
  RuleEntry rule = own_rule(
      "update-ratio", "updates are too large or too small for the parameters",
      {number("largest", 0.3, "median ‖Δθ‖/‖θ‖ at the start").above(0),
       number("single", 3.0, "the largest at the start, of a network that has learned nothing").above(0),
       number("smallest", 1e-8, "the same, too small (SageMaker Debugger: 1e-8)").above(0),
       number("travel", 1e-3, "the largest one times the steps, of a run of 100 or more: too little in all").above(0),
       start_share()},
      {"layers.update_ratio"}, {"smaller_lr", "adam", "warmup", "standardize", "much_smaller_lr"}, check_update_ratio);
  rule.explains = {"exploding-gradient", "exploding-activation", "collapsed-network",
                   "dying-units",        "saturation",           "dead-output",
                   "saturated-output",   "loss-not-decreasing",  "no-better-than-constant",
                   "loss-oscillating"};
  return rule;
}

/// Weight decay and penalties draw the weights to 0; where they outweigh the loss nothing else happens.
void check_decay(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  if (!run.loss || !run.loss->decays || has_learned(run)) return;
  const StepRecord& first = run.steps.rows.front();
  const StepRecord& last = run.steps.rows.back();
  const double left = last.param_norm / first.param_norm;
  if (!(left < limits.number("left"))) return;
  findings.push_back(at_step(Severity::warning, step_of(last), left, limits.number("left"),
                             "Weight decay, or a penalty, outweighs the loss: the parameters have shrunk to " +
                                 percent(left) + " of their size, and the network has learned nothing."));
}

RuleEntry too_much_decay_rule() {
  RuleEntry rule =
      own_rule("too-much-decay", "weight decay or a penalty shrinks the weights of a network that learns nothing",
               {number("left", 0.3, "norm of all parameters at the end, as a share of that at the start").above(0)},
               {"steps.param_norm", "steps.step"}, {"no_decay", "adam"}, check_decay);
  rule.needs_loss = true;
  rule.needs_end = true;
  rule.explains = {
      "update-ratio",        "exploding-gradient", "vanishing-gradient",      "collapsed-network", "dying-units",
      "saturation",          "dormant-layer",      "loss-oscillating",        "unchanged-weights", "saturated-output",
      "loss-not-decreasing", "too-few-steps",      "no-better-than-constant", kSlowUpdates};
  return rule;
}

void check_unchanged_weights(const RunTables& run, const ParamValues& /*limits*/, std::vector<Finding>& findings) {
  // Without a gradient at the output, and at and below a layer that was dead from the start, nothing can change: that
  // is said elsewhere.
  const auto all = by_layer(run.layers.rows);
  if (find_silent_output(run, all) != nullptr) return;
  std::int64_t explained = 0;
  for (const auto& [layer, rows] : hidden_layers(run, run.census.rows))
    if (is_extinct(*rows.front())) explained = layer;
  for (const auto& [layer, rows] : all) {
    if (rows.size() < 2 || layer <= explained) continue;
    if (std::all_of(rows.begin(), rows.end(), [](const LayerRecord* row) { return row->update_ratio == 0.0; }))
      findings.push_back(at_layer(Severity::warning, *rows.front(), 0.0, 0.0,
                                  "The parameters of layer '" + rows.front()->name + "' never change."));
  }
}

RuleEntry unchanged_weights_rule() {
  RuleEntry rule = own_rule("unchanged-weights", "a layer's parameters never change", {}, {"layers.update_ratio"},
                            {"larger_lr", "adam"}, check_unchanged_weights);
  rule.explains = {"loss-not-decreasing", "too-few-steps", "no-better-than-constant"};
  return rule;
}

/// The step from which on a hidden layer is wholly dead for good: what is left of the gradient then depends on which
/// samples are in the batch, and its rises say nothing.
std::optional<std::int64_t> collapse(const RunTables& run) {
  for (const auto& [layer, rows] : hidden_layers(run, run.census.rows))
    if (const CensusRecord* since = extinct_since(rows)) return step_of(*since);
  return std::nullopt;
}

/// The gradient's norm in the last tenth of the rows, the median.
double norm_at_end(const std::vector<StepRecord>& rows) {
  constexpr double kEnd = 0.1;
  std::vector<double> norms;
  for (std::size_t at = rows.size() - first_part(rows, kEnd); at < rows.size(); ++at)
    norms.push_back(rows[at].grad_norm);
  return median(norms);
}

void check_exploding_gradient(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const std::vector<StepRecord>& rows = run.steps.rows;
  const std::optional<std::int64_t> collapsed = collapse(run);
  std::vector<double> start;
  for (std::size_t at = 0; at < first_part(rows, limits.number("start")); ++at) start.push_back(rows[at].grad_norm);
  // Gradients fall from the first step on where all is well: that is no rise.
  const double usual = std::max(median(start), rows.front().grad_norm);
  const StepRecord* worst = nullptr;
  for (const StepRecord& row : rows) {
    if (!std::isfinite(row.grad_norm) || !std::isfinite(row.loss)) {
      findings.push_back(at_step(Severity::critical, step_of(row), row.grad_norm, limits.number("growth"),
                                 "Loss or gradient is not finite" + at_step_text(row) + "."));
      return;
    }
    if (collapsed && step_of(row).value_or(0) >= *collapsed) continue;
    if (worst == nullptr || row.grad_norm > worst->grad_norm) worst = &row;
  }
  for (const auto& [layer, layer_rows] : by_layer(run.layers.rows)) {
    const TheoryRecord* theory = theory_of(run, layer);
    const LayerRecord& first = *layer_rows.front();
    if (theory == nullptr || !theory->delta_rms || step_of(first) != 0 || !(*theory->delta_rms > 0.0)) continue;
    const double ratio = first.delta_rms / *theory->delta_rms;
    if (!(ratio > limits.number("theory"))) continue;
    findings.push_back(at_layer(Severity::warning, first, ratio, limits.number("theory"),
                                "At the start the loss gradient at layer '" + first.name + "' is " +
                                    format_short(ratio) + " times what theory predicts for this network."));
    break;
  }
  if (worst == nullptr || !(worst->grad_norm > limits.number("growth") * usual)) return;
  // From next to nothing to an ordinary size is no explosion: a step along it could take no more than a part of the
  // loss.
  if (is_measured(*worst, &StepRecord::param_norm) &&
      worst->grad_norm * worst->param_norm < limits.number("size") * rows.front().loss)
    return;
  // What came back down, and left a network that has learned, did no lasting harm.
  const bool passed = has_learned(run) && norm_at_end(rows) <= limits.number("growth") * usual;
  findings.push_back(at_step(
      passed ? Severity::info : Severity::warning, step_of(*worst), worst->grad_norm / usual, limits.number("growth"),
      "The gradient's norm rises to " + format_short(worst->grad_norm) + at_step_text(*worst) + ", from " +
          format_short(usual) + " at the start" + (passed ? ", and comes back down." : ".")));
}

RuleEntry exploding_gradient_rule() {
  RuleEntry rule = own_rule(
      "exploding-gradient", "the gradient's norm leaves its usual size, or theory's, or is not finite",
      {number("growth", 100.0, "norm, as a multiple of its median at the start").above(1), start_share(),
       number("theory", 100.0, "delta RMS at step 0, as a multiple of what theory predicts").above(1),
       number("size", 1.0, "norm times that of the parameters, as a multiple of the first loss: less is no explosion")
           .at_least(0)},
      {"steps.grad_norm", "steps.loss"},
      {"smaller_lr", "clip_norm", "he_normal", "recipe", "glorot_normal", "much_smaller_lr", "warmup", "standardize",
       "batch_norm", "layer_norm"},
      check_exploding_gradient);
  rule.mild = Mild::learned_well;
  rule.explains = {"exploding-activation", "collapsed-network",      "dying-units", "saturation", "loss-not-decreasing",
                   "too-few-steps",        "no-better-than-constant"};
  return rule;
}

/// Whether every step is an epoch: the batch is the whole training set, and there is no noise to speak of.
bool takes_full_batches(const RunTables& run) {
  const std::vector<StepRecord>& rows = run.steps.rows;
  return rows.size() > 1 && rows.back().step > rows.front().step &&
         std::all_of(rows.begin(), rows.end(), [](const StepRecord& row) {
           return is_measured(row, &StepRecord::step) && is_measured(row, &StepRecord::epoch) && row.epoch == row.step;
         });
}

constexpr std::int64_t kFewestBatches = 3;

/// The ratio of averages, as the noise scale is to be taken (McCandlish et al. 2018, appendix A.1).
void check_noisy_gradient(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  if (takes_full_batches(run)) return;
  double trace = 0.0;
  double signal = 0.0;
  std::int64_t batches = 0;
  for (std::size_t at = 0; at < first_part(run.steps.rows, limits.number("start")); ++at) {
    const StepRecord& row = run.steps.rows[at];
    if (!row.grad_trace || !row.grad_signal) continue;
    trace += *row.grad_trace;
    signal += *row.grad_signal;
    ++batches;
  }
  const double most = limits.number("samples");
  if (!std::isfinite(trace) || !std::isfinite(signal) || trace <= 0.0 || trace <= most * signal) return;
  const std::string steps = std::to_string(batches) + (batches == 1 ? " recorded step" : " recorded steps");
  const double scale = trace / signal;
  if (signal > 0.0 && std::isfinite(scale)) {
    findings.push_back(
        at_step(Severity::info, 0, scale, most,
                "Early gradients are noisy: over " + steps + " their noise scale is " + format_short(scale) +
                    " samples (McCandlish et al. 2018); batches much smaller than that average little."));
    return;
  }
  // No figure: it is beyond what these batches can tell. A few of them tell nothing at all.
  if (batches < kFewestBatches) return;
  Finding finding = at_step(Severity::info, 0, 0.0, most,
                            "Early gradients cannot be told from noise: over " + steps +
                                " their mean is no larger than noise alone would make it (McCandlish et al. 2018). "
                                "Batches of this size average little.");
  finding.value.reset();
  findings.push_back(finding);
}

RuleEntry noisy_gradient_rule() {
  return own_rule("noisy-gradient", "gradients are mostly noise (McCandlish et al. 2018)",
                  {number("samples", 1e4, "noise scale in samples").above(0), start_share()},
                  {"steps.grad_trace", "steps.grad_signal"}, {"larger_batch"}, check_noisy_gradient);
}

double mean_loss(const std::vector<StepRecord>& rows, std::size_t from, std::size_t to) {
  double sum = 0.0;
  for (std::size_t at = from; at < to; ++at) sum += rows[at].loss;
  return sum / static_cast<double>(to - from);
}

void check_loss_oscillating(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const std::vector<StepRecord>& rows = run.steps.rows;
  if (rows.size() < 20) return;
  const std::size_t half = rows.size() / 2;
  const double mean = mean_loss(rows, half, rows.size());
  double square = 0.0;
  for (std::size_t at = half; at < rows.size(); ++at) square += (rows[at].loss - mean) * (rows[at].loss - mean);
  const double spread = std::sqrt(square / static_cast<double>(rows.size() - half));
  if (mean > 0.0 && spread > limits.number("share") * mean && mean > limits.number("level") * rows.front().loss)
    findings.push_back(at_step(Severity::info, step_of(rows.back()), spread / mean, limits.number("share"),
                               "In the second half of training the loss varies by " + format_short(spread) +
                                   " around a mean of " + format_short(mean) + "."));
}

RuleEntry loss_oscillating_rule() {
  return own_rule("loss-oscillating", "the loss does not settle",
                  {number("share", 0.5, "spread over mean in the second half").above(0),
                   number("level", 0.2, "only above this share of the first loss").above(0)},
                  {"steps.loss"}, {"smaller_lr", "larger_batch"}, check_loss_oscillating);
}

}  // namespace

std::vector<RuleEntry> rate_rules() {
  return {update_ratio_rule(),      too_much_decay_rule(),   exploding_gradient_rule(),
          unchanged_weights_rule(), loss_oscillating_rule(), noisy_gradient_rule()};
}

}  // namespace reluscope
