#pragma once
// What the published rules of other tools are written with, and the tools that have files of their own.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "diagnose/rule_support.hpp"

namespace reluscope {

/// The first recorded row of each layer in `layers` that `broken` says is so becomes a finding.
template <class Layers, class Broken, class Value>
void first_rows(const Layers& layers, double threshold, Broken broken, Value value, const std::string& what,
                std::vector<Finding>& findings, Severity severity = Severity::warning) {
  for (const auto& [layer, rows] : layers) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const auto* row) { return broken(*row); });
    if (found == rows.end()) continue;
    findings.push_back(at_layer(severity, **found, value(**found), threshold,
                                layer_text((*found)->name) + ": " + what + at_step_text(**found) + "."));
  }
}

/// The same for a share of the layer that is too large.
template <class Layers, class Value>
void too_large(const Layers& layers, double threshold, Value value, const std::string& what,
               std::vector<Finding>& findings) {
  first_rows(
      layers, threshold, [&](const LayerRecord& row) { return value(row) > threshold; }, value, what, findings);
}

inline double share_of(std::optional<std::int64_t> count, std::int64_t units) {
  return static_cast<double>(count.value_or(0)) / static_cast<double>(units);
}

/// All features as one: what a tool sees to which a batch is one array.
inline FeatureRecord all_features(const std::vector<FeatureRecord>& rows) {
  const auto count = static_cast<double>(rows.size());
  FeatureRecord all = rows.front();
  all.mean = 0.0;
  for (const FeatureRecord& row : rows) {
    all.mean += row.mean / count;
    all.min = std::min(all.min, row.min);
    all.max = std::max(all.max, row.max);
  }
  double variance = 0.0;
  for (const FeatureRecord& row : rows)
    variance += (row.std * row.std + (row.mean - all.mean) * (row.mean - all.mean)) / count;
  all.std = std::sqrt(variance);
  return all;
}

/// A row of the table: the rule `set`-`name`. It has no remedies.
inline RuleEntry published_rule(const char* set, const char* name, std::vector<Param> thresholds,
                                std::vector<std::string> needs, const char* doc,
                                void (*check)(const RunTables&, const ParamValues&, std::vector<Finding>&)) {
  return make_rule(set, std::string(set) + "-" + name, std::move(thresholds), std::move(needs), {}, doc, check);
}

/// TheDeepChecker (published_deepchecker.cpp).
std::vector<RuleEntry> deepchecker_rules();
/// torch-audit (published_audit.cpp).
std::vector<RuleEntry> torch_audit_rules();

}  // namespace reluscope
