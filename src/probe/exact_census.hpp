#pragma once
// The census at a fraction of the cost of a pass over D, with the same verdict on every unit.
//
// Alive is shown by one sample. In order: the training batch at the same parameters; each unit's witness, the sample
// that activated it most when last seen; some random samples.
// Dead is proved, for the units that all of that leaves open:
//   invariance  It was dead, and neither its parameters nor its inputs changed by a bit: same numbers, same result.
//   margin      D is cut into groups. When a group g was last run, the unit's largest −margin over it was ℓ. Since
//               then its z moved by at most the sum of the drift bounds in between (nn/bounds.hpp), and the margin is a
//               1-Lipschitz function of z. With c(t) the sum of all drift bounds up to census t, the unit is dead on g
//               now if ℓ − c(then) + c(now) ≤ 0. So one number per unit and group is kept, ℓ − c(then), rounded up.
//   sign, interval   Bounds over the box of D's inputs, where units that are dead on D pass on exactly 0.
//   scan        The groups that are left open are run, those first in which a unit came nearest to its live region,
//               until each open unit was seen active or has no open group left.
// Everything that a network's units feed on must be bounded as well: for a hidden layer's output, max ‖h(x)‖ is kept
// group by group in the same way.

#include <cstdint>
#include <memory>

#include "probe/census.hpp"

namespace reluscope {

/// All references must outlive it. `seed` chooses the random samples; no verdict depends on it.
template <class T>
std::unique_ptr<Census<T>> make_exact_census(const Network<T>& network, const Dataset& dataset, LazyExtent<T>& extent,
                                             ThreadPool& pool, std::uint64_t seed);

}  // namespace reluscope
