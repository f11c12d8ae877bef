#include "probe/activity.hpp"

#include <cmath>

namespace reluscope {

template <class T>
BatchActivity<T>::BatchActivity(const Network<T>& network, bool training) {
  bool exact = true;
  for (std::size_t layer = 0; layer < network.depth(); ++layer) {
    if (network.layer(layer).activation() != nullptr) {
      const Index units = network.layer(layer).outputs();
      layers.push_back({Vector<T>::Zero(units), std::vector<Index>(static_cast<std::size_t>(units))});
      if (exact) ++exact_layers;
    }
    if (training && network.layer(layer).random_in_training()) exact = false;
  }
}

template <class T>
void BatchActivity<T>::collect(const Network<T>& network, const NetworkState<T>& state, std::span<const Shard> shards,
                               std::span<const Index> samples) {
  outputs_differ = false;
  if (exact_layers == layers.size())
    for (std::size_t column = 1; column < samples.size() && !outputs_differ; ++column)
      outputs_differ = (state.output().col(static_cast<Index>(column)).array() != state.output().col(0).array()).any();
  for (std::size_t at = 0; at < exact_layers; ++at) {
    const LayerState<T>& layer = state.layer(network.unit_layers()[at]);
    LayerActivity<T>& seen = layers[at];
    for (const Shard& shard : shards) {
      const ActivitySums<T>& sums = layer.shards[static_cast<std::size_t>(shard.index)].activity;
      for (Index unit = 0; unit < seen.margin.size(); ++unit) {
        T& margin = seen.margin[unit];
        // A NaN wins and stays.
        if (shard.index != shards.front().index && !(sums.margin[unit] < margin) && !std::isnan(sums.margin[unit]))
          continue;
        if (shard.index != shards.front().index && std::isnan(margin)) continue;
        margin = sums.margin[unit];
        seen.sample[static_cast<std::size_t>(unit)] = samples[static_cast<std::size_t>(sums.column[unit])];
      }
    }
  }
}

template struct BatchActivity<float>;
template struct BatchActivity<double>;

}  // namespace reluscope
