#pragma once
// KEY=VALUE on the command line: changes to the raw config, before it is validated.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/config_error.hpp"

namespace reluscope {

/// Applies `text`, a dotted path and a value ("train.optimizer.lr=0.05"). The value is JSON if it parses as such and
/// the place is none for text, else a string. `*` stands for every list element that has the next key; a path without
/// it may create objects. A layer goes by its index, negative from the end, or by its name in the traces (dense2). A
/// shorthand on the way ("optimizer": "sgd") becomes an object; naming another option of a choice drops the settings
/// that it does not have; train.steps replaces train.epochs and the other way round. Appends an issue for a path that
/// leads nowhere.
void apply_override(nlohmann::json& config, const std::string& text, std::vector<OverrideTrace>& traces,
                    ConfigIssues& issues);

/// Where a key stands in a config, as the path of an override: "lr" is train.optimizer.lr, and so are "optimizer.lr"
/// and "learning-rate". Case, underscores and hyphens do not matter; other names count where none is the same. Of
/// several places the one that is least deep; nothing where there is none, or no one such.
std::optional<std::string> place_of_key(const std::string& key);

}  // namespace reluscope
