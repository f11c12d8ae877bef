// Rules about the output layer and the loss that reads it, and what came of it all.
#include <cmath>

#include "diagnose/rule_support.hpp"

namespace reluscope {

namespace {

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

/// "All 10 units", "1 of 3 units".
std::string units_text(std::int64_t some, std::int64_t all) {
  if (some < all) return std::to_string(some) + " of " + std::to_string(all) + " units";
  return all == 1 ? "The unit" : "All " + std::to_string(all) + " units";
}

/// The activation of a layer, or nothing.
std::string activation_of(const RunTables& run, std::int64_t layer) {
  for (const LayerRecord& row : run.layers.rows)
    if (measured(row, &LayerRecord::layer) == layer && is_measured(row, &LayerRecord::activation))
      return row.activation;
  return "";
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
    findings.push_back(
        at_layer(severity, *since, static_cast<double>(last.dead) / static_cast<double>(last.units), 0.0,
                 units_text(last.dead, last.units) + " of the output layer '" + last.name + "'" +
                     (activation.empty() ? "" : " (" + activation + ")") + (last.dead == 1 ? " is" : " are") + " dead" +
                     (step_of(*since) == 0 ? " from the start" : at_step_text(*since)) + ": " +
                     (all ? "the network yields the same for every training sample, and no layer gets a gradient."
                          : "the same value for every training sample, and no gradient.") +
                     (activation.empty() ? "" : " Without an activation no output can die.")));
  }
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
                     activation_of(run, output) +
                     ") have a derivative of next to 0 on every sample that was looked at: the loss cannot "
                     "move them."));
  }
}

void check_better_than_constant(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  if (run.train->constant_loss == 0.0) return;  // one class, or one value: there is nothing to learn
  const auto step = run.steps.rows.empty() ? std::nullopt : step_of(run.steps.rows.back());
  const auto told = [](const PartFacts& part) {
    return format_short(part.loss) + ", that of the best constant output " + format_short(part.constant_loss);
  };
  if (!is_better(*run.train, limits.number("errors"))) {
    findings.push_back(
        at_step(Severity::warning, step, run.train->gain, 0.0,
                "The network has learned nothing: its loss over the training set is " + told(*run.train) + "."));
  } else if (run.test && !is_better(*run.test, limits.number("errors"))) {
    findings.push_back(at_step(Severity::info, step, run.test->gain, 0.0,
                               "What the network has learned holds for the training set alone: its loss over the test "
                               "set is " +
                                   told(*run.test) + "."));
  }
}

}  // namespace

std::vector<RuleEntry> output_rules() {
  std::vector<RuleEntry> table;
  table.push_back(make_rule(kOwnRules, "dead-output", {}, {"census.dead", "census.units"},
                            {"linear_output", "smaller_lr", "he_normal", "adam"},
                            "units of the output that are dead: one value for every sample, and no gradient",
                            check_dead_output));
  table.back().needs_output = true;
  table.push_back(
      make_rule(kOwnRules, "saturated-output",
                {number("fraction", 0.5, "saturated units that are not dead, as a share of the output").above(0)},
                {"census.saturated", "census.dead", "census.units"},
                {"linear_output", "smaller_lr", "standardize", "glorot_normal"},
                "an output without a derivative, in a network that has learned nothing", check_saturated_output));
  table.back().needs_output = true;
  table.back().needs_end = true;
  table.push_back(make_rule(kOwnRules, "double-softmax", {}, {"layers.activation", "layers.units"},
                            {"linear_output", "loss_on_probabilities"},
                            "the loss applies a sigmoid or softmax to outputs that went through one",
                            check_double_softmax));
  table.back().needs_output = true;
  table.back().needs_loss = true;
  return table;
}

std::vector<RuleEntry> learning_rules() {
  std::vector<RuleEntry> table;
  table.push_back(make_rule(
      kOwnRules, "no-better-than-constant",
      {number("errors", 2.58,
              "standard errors by which the mean loss has to be better: 99 % of a normal distribution lie "
              "within so many")
           .above(0)},
      {"steps.loss"}, {"smaller_lr", "adam", "standardize", "recipe", "larger_lr", "linear_output", "he_normal"},
      "the network is no better than a constant output, by the paired differences of the single samples",
      check_better_than_constant));
  table.back().needs_end = true;
  return table;
}

}  // namespace reluscope
