#include "probe/census_groups.hpp"

#include <algorithm>

namespace reluscope {

namespace {

/// At most so many groups: what is kept per unit is one number for each.
constexpr Index kMostGroups = 4096;

}  // namespace

CensusGroups census_groups(Index samples) {
  CensusGroups groups;
  constexpr Index kOneEach = kShardColumns * kMostGroups;  // so many samples take one shard a group
  groups.size = kShardColumns * std::max<Index>(1, (samples + kOneEach - 1) / kOneEach);
  groups.count = (samples + groups.size - 1) / groups.size;
  return groups;
}

Index census_columns(Index samples, Index pass_columns) {
  return std::min(samples, std::max(pass_columns, census_groups(samples).size));
}

}  // namespace reluscope
