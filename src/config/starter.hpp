#pragma once

#include <string>

namespace reluscope {

/// A commented config to start from: what `reluscope init` writes. It runs as it stands.
std::string starter_config();

}  // namespace reluscope
