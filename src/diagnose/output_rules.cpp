// Rules about the output layer and the loss that reads it, and what came of it all.
#include <cmath>
#include <initializer_list>

#include "diagnose/rule_support.hpp"

namespace reluscope {

namespace {

/// What an output that passes no gradient on, or next to none, leads to.
std::vector<std::string> symptoms_of_output(std::initializer_list<const char*> more = {}) {
  std::vector<std::string> symptoms = {"unchanged-weights", "vanishing-gradient",      "loss-not-decreasing",
                                       "too-few-steps",     "no-better-than-constant", kSlowUpdates};
  symptoms.insert(symptoms.end(), more.begin(), more.end());
  return symptoms;
}

/// Targets out of the output's reach that are worth a word.
constexpr double kNotableShare = 0.05;

/// A loss on logits applies a sigmoid or softmax of its own. On outputs that lie in [0, 1] already, what comes out of
/// it is bounded: e/(e + K − 1) at most for one of K classes, σ(0) to σ(1) for a label.
void check_double_softmax(const RunTables& run, const ParamValues& /*limits*/, std::vector<Finding>& findings) {
  if (!run.loss || !run.loss->takes_logits) return;
  for (const std::int64_t layer : output_layers(run)) {
    const auto rows = by_layer(run.layers.rows);
    const auto found = rows.find(layer);
    if (found == rows.end()) continue;
    const LayerRecord& row = *found->second.front();
    if (row.activation != "softmax" && row.activation != "sigmoid") continue;
    const double e = std::exp(1.0);
    const bool labels = run.loss->name == "bce";
    const double most = labels ? e / (e + 1.0) : e / (e + static_cast<double>(row.units) - 1.0);
    const std::string bound = labels ? "no probability can leave the range from 50 to " + percent(most)
                                     : "no class can get more than " + percent(most) + " of the probability";
    findings.push_back(
        at_layer(Severity::warning, row, most, 1.0,
                 layer_text(row.name) + " ends in a " + row.activation + ", and the loss (" + run.loss->name +
                     " on logits) applies " + (labels ? "a sigmoid" : "a softmax") + " of its own to that: " + bound +
                     ", and gradients are small. Give the layer no activation, or the loss from_logits=false."));
  }
}

RuleEntry double_softmax_rule() {
  RuleEntry rule =
      own_rule("double-softmax", "the loss applies a sigmoid or softmax to outputs that went through one", {},
               {"layers.activation", "layers.units"}, {"linear_output", "loss_on_probabilities"}, check_double_softmax);
  rule.needs_output = true;
  rule.needs_loss = true;
  rule.explains = symptoms_of_output({"saturated-output"});
  return rule;
}

/// "All 10 units", "1 of 3 units".
std::string units_text(std::int64_t some, std::int64_t all) {
  if (some < all) return std::to_string(some) + " of " + std::to_string(all) + " units";
  return all == 1 ? "The unit" : "All " + std::to_string(all) + " units";
}

/// ": relu yields nothing below 0, and 38 % of the targets lie there (they go down to -3)"; nothing where no more than
/// `least` of the targets are out of reach.
std::string reach_text(const RunTables& run, const std::string& activation, double least) {
  if (!run.targets || !(run.targets->outside >= least)) return "";
  const TargetFacts& targets = *run.targets;
  const bool below = targets.min < targets.output_low;
  const bool above = targets.max > targets.output_high;
  std::string bounds;
  if (below) bounds = "below " + format_short(targets.output_low);
  if (above) bounds += std::string(below ? " or " : "") + "above " + format_short(targets.output_high);
  return ": " + (activation.empty() ? "it" : activation) + " yields nothing " + bounds + ", and " +
         percent(targets.outside) + " of the targets lie there (they go " +
         (below ? "down to " + format_short(targets.min) : "") + (below && above ? " and " : "") +
         (above ? "up to " + format_short(targets.max) : "") + ")";
}

/// An output that is dead yields one value for every sample, and passes no gradient on: relu where targets are below 0,
/// or where a step threw it there. With some outputs dead the network may have learned what the others can say.
void check_dead_output(const RunTables& run, const ParamValues& /*limits*/, std::vector<Finding>& findings) {
  const auto layers = by_layer(run.census.rows);
  for (const std::int64_t output : output_layers(run)) {
    const auto found = layers.find(output);
    if (found == layers.end()) continue;
    const Rows<CensusRecord>& rows = found->second;
    const CensusRecord& last = *rows.back();
    if (last.dead < 1 || last.units < 1) continue;
    const CensusRecord* since = &last;
    for (auto row = rows.rbegin(); row != rows.rend() && (*row)->dead >= last.dead; ++row) since = *row;
    const bool all = last.dead == last.units;
    const Severity severity = all ? Severity::critical : has_learned(run) ? Severity::info : Severity::warning;
    const std::string activation = activation_of(run, output);
    const std::string reach = reach_text(run, activation, kNotableShare);
    findings.push_back(
        at_layer(severity, *since, static_cast<double>(last.dead) / static_cast<double>(last.units), 0.0,
                 units_text(last.dead, last.units) + " of the output layer '" + last.name + "'" +
                     (activation.empty() ? "" : " (" + activation + ")") + (last.dead == 1 ? " is" : " are") + " dead" +
                     (step_of(*since) == 0 ? " from the start" : at_step_text(*since)) + ": " +
                     (all ? "the network yields the same for every training sample, and no layer gets a gradient."
                          : "the same value for every training sample, and no gradient.") +
                     (activation.empty() ? "" : " Without an activation no output can die.") +
                     (reach.empty() ? "" : " Besides" + reach + ".")));
  }
}

RuleEntry dead_output_rule() {
  RuleEntry rule = own_rule(
      "dead-output", "units of the output that are dead: one value for every sample, and no gradient", {},
      {"census.dead", "census.units"}, {"linear_output", "smaller_lr", "he_normal", "adam"}, check_dead_output);
  rule.needs_output = true;
  rule.explains = symptoms_of_output({"zero-gradient", "targets-out-of-range"});
  return rule;
}

/// Whatever the weights are: where no target is met, each sample pulls the output to the same end, and there it dies or
/// saturates.
void check_targets_in_range(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const std::set<std::int64_t> outputs = output_layers(run);
  if (outputs.size() != 1) return;
  const std::string activation = activation_of(run, *outputs.begin());
  const std::string reach = reach_text(run, activation, limits.number("share"));
  if (reach.empty()) return;
  findings.push_back(at_step(severity_of_data(run), 0, run.targets->outside, limits.number("share"),
                             "The output cannot yield the targets" + reach + "."));
}

RuleEntry targets_out_of_range_rule() {
  RuleEntry rule =
      own_rule("targets-out-of-range", "targets that the output's activation cannot yield, whatever its weights are",
               {number("share", 0.05, "such targets, as a share of all").above(0)}, {"steps.loss"},
               {"linear_output", "scale_targets"}, check_targets_in_range);
  rule.explains = symptoms_of_output({"saturated-output"});
  return rule;
}

/// Outputs so far out that their derivative is next to 0 on every sample: where the network has learned, they have made
/// up their mind.
void check_saturated_output(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  if (!run.train || has_learned(run) || run.train->constant_loss == 0.0) return;
  const auto layers = by_layer(run.census.rows);
  for (const std::int64_t output : output_layers(run)) {
    const auto found = layers.find(output);
    if (found == layers.end()) continue;
    const CensusRecord& last = *found->second.back();
    if (!last.saturated || last.units < 1) continue;
    const double share = static_cast<double>(*last.saturated - last.dead) / static_cast<double>(last.units);
    if (share < limits.number("fraction")) continue;
    findings.push_back(
        at_layer(Severity::warning, last, share, limits.number("fraction"),
                 units_text(*last.saturated - last.dead, last.units) + " of the output layer '" + last.name + "' (" +
                     activation_of(run, output) + ") " + (*last.saturated - last.dead == 1 ? "has" : "have") +
                     " a derivative of next to 0 on every sample that was looked at: the loss cannot move " +
                     (*last.saturated - last.dead == 1 ? "it." : "them.")));
  }
}

RuleEntry saturated_output_rule() {
  RuleEntry rule =
      own_rule("saturated-output", "an output without a derivative, in a network that has learned nothing",
               {number("fraction", 0.5, "saturated units that are not dead, as a share of the output").above(0)},
               {"census.saturated", "census.dead", "census.units"},
               {"linear_output", "smaller_lr", "standardize", "glorot_normal"}, check_saturated_output);
  rule.needs_output = true;
  rule.needs_end = true;
  rule.explains = symptoms_of_output();
  return rule;
}

void check_zero_gradient(const RunTables& run, const ParamValues& /*limits*/, std::vector<Finding>& findings) {
  const auto layers = by_layer(run.layers.rows);
  const Rows<LayerRecord>* output = find_silent_output(run, layers);
  if (output == nullptr) return;
  // A dead output is named as such (output_rules.cpp).
  for (const CensusRecord& row : run.census.rows)
    if (measured(row, &CensusRecord::layer) == output->front()->layer && is_extinct(row)) return;
  findings.push_back(at_layer(Severity::critical, *output->front(), 0.0, 0.0,
                              "The loss has no gradient at the output, at any recorded step: look at the loss and the "
                              "output layer (a softmax over one unit has none), not at the hidden units."));
}

RuleEntry zero_gradient_rule() {
  RuleEntry rule = own_rule("zero-gradient", "the loss itself has no gradient: hidden units are not to blame", {},
                            {"layers.delta_rms"}, {}, check_zero_gradient);
  rule.needs_output = true;
  rule.explains = symptoms_of_output({"saturated-output"});
  return rule;
}

}  // namespace

std::vector<RuleEntry> output_rules() {
  return {dead_output_rule(), targets_out_of_range_rule(), saturated_output_rule(), double_softmax_rule(),
          zero_gradient_rule()};
}

}  // namespace reluscope
