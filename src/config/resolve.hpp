#pragma once
// Validation: raw JSON against the layout. Yields the resolved config, every default filled in, and every issue.

#include <nlohmann/json.hpp>
#include <vector>

#include "config/config_error.hpp"
#include "config/layout.hpp"

namespace reluscope {

/// The resolved form of `raw`: aliases replaced by their names, shorthands by objects, keys in the layout's order.
/// Appends to `issues` all that is wrong; the result is complete only if nothing is.
nlohmann::ordered_json resolve(const LayoutNode& layout, const nlohmann::json& raw, ConfigIssues& issues);

/// A parameter's default as JSON.
nlohmann::ordered_json to_json(const ParamValue& value);
/// What a parameter takes, in words: "a number ≥ 0 and < 1".
std::string expectation(const Param& param);

}  // namespace reluscope
