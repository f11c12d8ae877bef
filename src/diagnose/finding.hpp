#pragma once
// A finding: what is wrong with a run, or notable about it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reluscope {

enum class Severity { info, warning, critical };
std::string_view severity_name(Severity severity);

/// Finding::effect of updates that are too small: what stops a signal makes them so, while large ones are a cause.
inline constexpr const char* kSlowUpdates = "slow-updates";

/// What a rule found, with its evidence.
struct Finding {
  std::string rule;
  Severity severity = Severity::info;
  std::optional<std::int64_t> layer;  ///< counted from 1 at the input
  std::string name;                   ///< the layer's
  std::optional<std::int64_t> step;
  std::optional<double> value;
  std::optional<double> threshold;
  std::string sentence;               ///< for people
  std::vector<std::string> remedies;  ///< what may help, the likeliest first
  /// KEY=VALUE of each remedy, where the config is known (trials/remedies.hpp); else empty.
  std::vector<std::vector<std::string>> changes;
  /// Rules whose findings are symptoms of it: the rule's, unless the check knows better.
  std::optional<std::vector<std::string>> explains;
  std::string effect;      ///< what rules that explain it call it; empty: by its rule
  std::string symptom_of;  ///< the rule whose finding explains this one; empty: none does
};

}  // namespace reluscope
