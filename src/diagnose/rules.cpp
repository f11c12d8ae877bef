// The table of rules. Thresholds that other tools or papers use carry their source in the parameter's line; the others
// were set on the runs that scripts/bench_rules.sh makes: no warning on healthy ones, the right one on sick ones.
#include <algorithm>
#include <array>

#include "diagnose/rule_support.hpp"

namespace reluscope {

bool needs_drawn_weights(std::string_view remedy) {
  static constexpr std::array kNames = {"he_normal",  "glorot_normal", "rai",     "positive_bias",
                                        "zero_bias",  "recipe",        "prelu",   "wider",
                                        "batch_norm", "layer_norm",    "residual"};
  return std::find(kNames.begin(), kNames.end(), remedy) != kNames.end();
}

std::span<const RuleEntry> rule_table() {
  static const std::vector<RuleEntry> table = [] {
    std::vector<RuleEntry> rules;
    // The cause before its symptoms: data, output and loss, initialisation, rate, death, and what came of it.
    for (const auto part :
         {data_rules, output_rules, signal_rules, rate_rules, death_rules, learning_rules, published_rules})
      for (RuleEntry& entry : part()) rules.push_back(std::move(entry));
    return rules;
  }();
  return table;
}

std::vector<std::string> rule_sets() {
  std::vector<std::string> sets;
  for (const RuleEntry& rule : rule_table())
    if (std::find(sets.begin(), sets.end(), rule.set) == sets.end()) sets.push_back(rule.set);
  return sets;
}

}  // namespace reluscope
