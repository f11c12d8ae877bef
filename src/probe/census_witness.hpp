#pragma once
// Units shown alive by samples that are likely to activate them, so that few are left to prove dead.

#include <vector>

#include "probe/census_book.hpp"
#include "probe/census_draft.hpp"
#include "probe/census_pass.hpp"
#include "util/random.hpp"

namespace reluscope {

/// For each open unit the sample that a batch showed last, then its witnesses at censuses, the latest first.
template <class T>
void try_witnesses(const Network<T>& network, const std::vector<LayerBook>& books, CensusPass<T>& pass,
                   CensusDraft& draft);

/// Random samples of the `count` in D for units that were alive and have no witness left: most still are.
template <class T>
void look_around(const Network<T>& network, const std::vector<LayerBook>& books, Index count, Rng rng,
                 CensusPass<T>& pass, CensusDraft& draft);

}  // namespace reluscope
