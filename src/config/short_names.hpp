#pragma once
// Names of config keys that other programs can take as they are: a dot breaks pandas' query, R's names and Miller's
// nested JSON, and nobody writes a dotted key on an axis.

#include <span>
#include <string>
#include <vector>

namespace reluscope {

/// A name of letters, digits and '_' for each key, all of them different and none of them in `taken`: the key's last
/// word ("train.optimizer.lr" is lr, "network.layers.*.activation.name" is activation), with words before it where that
/// is not enough ("layers_0_units" beside "layers_1_units").
std::vector<std::string> short_names(std::span<const std::string> keys, std::span<const std::string> taken = {});

}  // namespace reluscope
