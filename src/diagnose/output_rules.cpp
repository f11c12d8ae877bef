// Rules about the output layer and the loss that reads it.
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

}  // namespace

std::vector<RuleEntry> output_rules() {
  std::vector<RuleEntry> table;
  table.push_back(make_rule(kOwnRules, "double-softmax", {}, {"layers.activation", "layers.units"},
                            {"linear_output", "loss_on_probabilities"},
                            "the loss applies a sigmoid or softmax to outputs that went through one",
                            check_double_softmax));
  table.back().needs_output = true;
  table.back().needs_loss = true;
  return table;
}

}  // namespace reluscope
