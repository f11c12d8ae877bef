#pragma once
// The sites of a network: what its tables are about, one activation in one place each.

#include <vector>

#include "nn/spec.hpp"
#include "trace/site_record.hpp"

namespace reluscope {

/// One row a site, from the input side. `features`: inputs of the network.
std::vector<SiteRecord> describe_sites(const NetworkSpec& network, Index features);

}  // namespace reluscope
