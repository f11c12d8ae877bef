#pragma once
// Units proved dead without a look at D: by the margin that is left since the last census, and by the box of D's
// inputs.

#include <vector>

#include "probe/census_book.hpp"
#include "probe/census_draft.hpp"
#include "probe/extent.hpp"

namespace reluscope {

/// Proves dead what can be proved dead, layer by layer from the input, and measures how far the layers have moved since
/// the network as of the last census. `last`: that one, or nullptr where nothing was dead then.
/// `all`: tries intervals on every open unit, otherwise only on those that were dead.
template <class T>
void prove_dead(const Network<T>& network, const Network<T>* last, const std::vector<LayerBook>& books,
                LazyExtent<T>& extent, bool all, CensusDraft& draft);

/// The levels of the last census become bounds at the parameters for which the draft has drifts.
void move_levels(std::vector<LayerBook>& books, const CensusDraft& draft);

}  // namespace reluscope
