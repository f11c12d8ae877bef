#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "config/config_error.hpp"
#include "config/spec.hpp"

namespace reluscope {

/// A resolved config as an ExperimentSpec, `repeat` expanded and layers named. What no single value shows to be wrong
/// (a combination that cannot be trained) is appended to `issues`.
ExperimentSpec bind_experiment(const nlohmann::ordered_json& resolved, ConfigIssues& issues);

}  // namespace reluscope
