#pragma once
// The sites of a network: what its tables are about, one activation in one place each.

#include <vector>

#include "nn/shape.hpp"
#include "nn/spec.hpp"
#include "trace/site_record.hpp"

namespace reluscope {

/// One row a site, from the input side. `input`: of a sample.
std::vector<SiteRecord> describe_sites(const NetworkSpec& network, const Shape& input);

}  // namespace reluscope
