#pragma once
// A run is judged: the rules of one set are applied to its records.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/finding.hpp"
#include "diagnose/rules.hpp"
#include "diagnose/run_tables.hpp"
#include "diagnose/thresholds.hpp"

namespace reluscope {

/// A rule that could not be applied.
struct SkippedRule {
  std::string rule;
  std::string missing;  ///< "layers.delta_rms", or "output layer"
};

struct Diagnosis {
  /// Causes before symptoms: a cause, then all that is a symptom of it, then the next cause. Of two causes the one goes
  /// first that has, itself or in its symptoms, the more severe finding; then the one that stands first in the table of
  /// rules. Information stands at the end.
  std::vector<Finding> findings;
  std::vector<SkippedRule> skipped;
  std::vector<std::string> applied;  ///< rules that were applied
  [[nodiscard]] std::optional<Severity> worst() const;
};

/// Applies the rules of one set. Where the weights came from a file, remedies that draw them anew are left out.
Diagnosis diagnose(const RunTables& run, const Thresholds& thresholds = {}, std::string_view set = kOwnRules);

}  // namespace reluscope
