#pragma once
// The table of rules: what each needs of a run, and the function that looks for what it warns of.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/finding.hpp"
#include "diagnose/run_tables.hpp"
#include "util/param.hpp"

namespace reluscope {

/// When what a rule warns of is information: where the network has learned all the same.
enum class Mild { never, learned, learned_well };

struct RuleEntry : Entry {
  std::string set;  ///< of whom: "reluscope", or the tool whose published rule it is
  /// Columns it cannot do without, as table.column. It is given the rows alone in which all of them were measured; of
  /// an optional one (records.hpp) it must see for itself.
  std::vector<std::string> needs;
  bool needs_output = false;  ///< it speaks of the output layer, which has to be known
  bool needs_loss = false;    ///< and of the loss
  bool needs_end = false;     ///< and of how the run did at its end
  Mild mild = Mild::never;
  /// Rules, or effects (Finding), that are symptoms of what this one warns of.
  std::vector<std::string> explains;
  std::vector<std::string> remedies;  ///< names of remedies (trials/remedies.hpp)
  /// Adds what it finds; the rule, and remedies unless the check has given some, are filled in by the caller.
  void (*check)(const RunTables& run, const ParamValues& thresholds, std::vector<Finding>& findings) = nullptr;
};

/// dead-on-arrival, dying-units, …, and the published rules of other tools.
std::span<const RuleEntry> rule_table();

/// Whether a remedy changes how weights are drawn, or what arrays there are of them: it can do nothing where they come
/// from a file.
bool needs_drawn_weights(std::string_view remedy);

/// The rule set that is applied unless another is asked for.
inline constexpr const char* kOwnRules = "reluscope";
/// The names of all rule sets, the own one first.
std::vector<std::string> rule_sets();

}  // namespace reluscope
