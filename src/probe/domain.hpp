#pragma once
// Death by interval arithmetic: dead for every input in the box around D's inputs, not for D alone.

#include "probe/bounds.hpp"
#include "probe/census.hpp"

namespace reluscope {

/// Whether a unit of this layer can be dead at all: by its activation, or by a learned slope of exactly 0.
template <class T>
bool can_die(const Layer<T>& layer) {
  return layer.activation_shape().mortal() || layer.activation()->learned_slope;
}

/// Sets dead_on_domain of the dead units, by interval bounds from the data's box on: evaluation mode.
template <class T>
void mark_dead_on_domain(const Network<T>& network, LazyExtent<T>& extent, CensusResult& result) {
  std::size_t layers = 0;
  for (std::size_t at = 0; at < result.layers.size(); ++at)
    if (result.layers[at].dead() > 0) layers = at + 1;
  if (layers == 0) return;
  Box inputs = extent.get().box;
  for (std::size_t at = 0; at < layers; ++at) {
    const Layer<T>& layer = network.layer(network.unit_layers()[at]);
    const PreActivationBox bound = bound_pre_activations(layer, inputs);
    const ActivationShape shape = layer.activation_shape();
    std::vector<UnitCensus>& units = result.layers[at].units;
    for (std::size_t unit = 0; unit < units.size(); ++unit)
      units[unit].dead_on_domain = units[unit].dead && dead_between(shape, bound.z.low[static_cast<Index>(unit)],
                                                                    bound.z.high[static_cast<Index>(unit)]);
    if (at + 1 < layers) inputs = bound_activations(layer, bound.z);
  }
}

}  // namespace reluscope
