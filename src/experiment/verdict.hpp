#pragma once

#include <string>

#include "experiment/run.hpp"

namespace reluscope {

/// One sentence: what a person should take away from a run.
std::string verdict(const RunSummary& summary);

}  // namespace reluscope
