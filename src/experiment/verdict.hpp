#pragma once

#include <string>

#include "experiment/network_census.hpp"
#include "experiment/run.hpp"

namespace reluscope {

/// One sentence: what a person should take away from a run.
std::string verdict(const RunSummary& summary);

/// The same of a census of given parameters.
std::string census_verdict(const NetworkCensus& census, DataPart part);

}  // namespace reluscope
