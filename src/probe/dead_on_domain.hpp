#pragma once
// Death by interval arithmetic: dead for every input in the box around D's inputs, not for D alone.

#include "nn/activation_node.hpp"
#include "probe/census.hpp"
#include "probe/reach.hpp"

namespace reluscope {

/// Sets dead_on_domain of the dead units, by interval bounds from the data's box on: evaluation mode.
template <class T>
void mark_dead_on_domain(const Network<T>& network, LazyExtent<T>& extent, CensusResult& result) {
  std::size_t layers = 0;
  for (std::size_t at = 0; at < result.layers.size(); ++at)
    if (result.layers[at].dead() > 0) layers = at + 1;
  if (layers == 0) return;
  BoxReach<T> reach(network, extent.get().box);
  for (std::size_t at = 0; at < layers; ++at) {
    const Box z = reach.next().z;
    const ActivationShape& function = network.site(at).activation()->function();
    std::vector<UnitCensus>& units = result.layers[at].units;
    for (std::size_t unit = 0; unit < units.size(); ++unit)
      units[unit].dead_on_domain = units[unit].dead && function.is_dead_between(z.low[static_cast<Index>(unit)],
                                                                                z.high[static_cast<Index>(unit)]);
    if (at + 1 < layers) reach.pass_on(z);
  }
}

}  // namespace reluscope
