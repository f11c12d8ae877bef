#include "probe/activity.hpp"

namespace reluscope {

template <class T>
BatchActivity<T>::BatchActivity(const Network<T>& network, bool training) {
  bool exact = true;
  for (std::size_t at = 0; at < network.depth(); ++at) {
    const Node<T>& node = network.node(at);
    if (node.activation() != nullptr) {
      const Index units = node.units();
      layers.push_back({Vector<T>::Zero(units), Vector<T>::Zero(units)});
      if (exact) ++exact_layers;
    }
    if (training && !node.same_in_training()) exact = false;
  }
  exact_outputs_ = exact;
  seen_layers = layers.size();
}

template <class T>
void BatchActivity<T>::collect(const Network<T>& network, const NetworkState<T>& state, std::span<const Shard> shards,
                               std::span<const Index> batch) {
  samples = batch;
  outputs_differ = false;
  if (exact_outputs_ && exact_layers == layers.size())
    for (std::size_t column = 1; column < samples.size() && !outputs_differ; ++column)
      outputs_differ = (state.output().col(static_cast<Index>(column)).array() != state.output().col(0).array()).any();
  for (std::size_t at = 0; at < seen_layers; ++at) {
    const NodeState<T>& layer = state.node(network.sites()[at]);
    LayerActivity<T>& seen = layers[at];
    seen.margin = layer.shards.front().activity.margin;
    seen.column = layer.shards.front().activity.column;
    for (const Shard& shard : shards.subspan(1)) {
      const ActivitySums<T>& sums = layer.shards[static_cast<std::size_t>(shard.index)].activity;
      for (Index unit = 0; unit < seen.margin.size(); ++unit) {
        const T margin = seen.margin[unit];
        const T other = sums.margin[unit];
        const bool take = is_nearer(other, margin);
        seen.margin[unit] = take ? other : margin;
        seen.column[unit] = take ? sums.column[unit] : seen.column[unit];
      }
    }
  }
}

template struct BatchActivity<float>;
template struct BatchActivity<double>;

}  // namespace reluscope
