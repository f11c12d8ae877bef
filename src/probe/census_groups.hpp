#pragma once
// How the exact census (exact_census.hpp) cuts D.

#include "nn/network.hpp"

namespace reluscope {

/// D in groups of consecutive samples.
struct CensusGroups {
  Index size = 0;   ///< samples in each but the last, a multiple of kShardColumns
  Index count = 0;  ///< bounded, since one number is kept for each unit and group
};
CensusGroups census_groups(Index samples);
/// Samples that the census runs at once, at most, of a network with these pass_columns().
Index census_columns(Index samples, Index pass_columns);

}  // namespace reluscope
