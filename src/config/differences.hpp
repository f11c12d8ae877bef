#pragma once
// What tells the configs of several runs apart: what a table of all of them has a column for, and a chart a label.

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

namespace reluscope {

/// A place at which configs differ.
struct ConfigDifference {
  /// Dotted; "*" stands for the places of a list that differ in the same way: network.layers.*.activation.name.
  std::string key;
  /// Of each config: strings bare, the rest as JSON; empty where it has no such place.
  std::vector<std::string> values;
};

/// In the order of the configs. One that is no object (null, where a run has none) differs from nothing. `name`, `seed`
/// and `$schema` are no differences. Where a choice differs (activation.name), a parameter that not all of its options
/// have (activation.negative_slope) is one only if runs of the same option differ in it. A list of plain values is one
/// value.
std::vector<ConfigDifference> config_differences(std::span<const nlohmann::ordered_json> configs);

}  // namespace reluscope
