#include "experiment/prune_plan.hpp"

#include <optional>

#include "nn/channel_groups.hpp"

namespace reluscope {

namespace {

/// Of each node's channels: whether what it yields is that of removable units, or made of that alone.
template <class T>
std::vector<std::vector<bool>> find_gone(const Network<T>& network, const std::vector<std::vector<bool>>& removable) {
  std::vector<std::vector<bool>> gone;
  std::size_t site = 0;
  for (std::size_t at = 0; at < network.depth(); ++at) {
    const Node<T>& node = network.node(at);
    if (node.activation() != nullptr) {
      gone.push_back(removable[site++]);
      continue;
    }
    const std::optional<std::vector<Index>> sources = node.channel_sources();
    std::vector<bool>& mine = gone.emplace_back(static_cast<std::size_t>(node.units()), sources.has_value());
    if (!sources) continue;
    for (const std::size_t input : network.graph().inputs_of(at))
      for (std::size_t channel = 0; channel < mine.size(); ++channel)
        mine[channel] =
            mine[channel] && input != kNetworkInput && gone[input][static_cast<std::size_t>((*sources)[channel])];
  }
  return gone;
}

/// The map's columns for a channel leave; what they made of a constant goes into its biases.
template <class T>
void take_out(Node<T>& node, Index channel, T constant) {
  const Index count = node.affine()->inputs_per_channel();
  Matrix<T>& weights = node.parameter(ParameterRole::weight)->value;
  for (Index column = channel * count; column < (channel + 1) * count; ++column) {
    if (constant != T(0)) node.parameter(ParameterRole::bias)->value.col(0) += weights.col(column) * constant;
    weights.col(column).setZero();
  }
}

template <class T>
class Planner {
 public:
  Planner(const Network<T>& network, const std::vector<std::vector<bool>>& removable,
          const std::vector<ValueRange<T>>& ranges)
      : network_(network), ranges_(ranges), gone_(find_gone(network, removable)) {
    for (std::size_t at = 0; at < network.depth(); ++at) left_.push_back(network.node(at).units());
  }

  PrunePlan<T> plan() {
    PrunePlan<T> plan{network_, {}, {}, 0};
    std::vector<std::vector<bool>> leaves;
    for (const Index units : left_) leaves.emplace_back(static_cast<std::size_t>(units));
    std::vector<PrunedLayer> of_node(network_.depth());
    for (const ChannelGroup& group : channel_groups(network_)) {
      if (!holds_removable(group)) continue;
      const std::optional<Obstacle> obstacle = find_obstacle(group);
      for (const NodeChannel& one : group.members) {
        if (obstacle) {
          of_node[one.node].kept[static_cast<std::size_t>(*obstacle)] += is_removable_unit(one) ? 1 : 0;
        } else {
          leaves[one.node][static_cast<std::size_t>(one.channel)] = true;
          --left_[one.node];
        }
      }
      if (obstacle) continue;
      bool folds = false;
      for (const ChannelGroup::Reader& reader : group.readers) {
        const T constant = ranges_[reader.from.node].low[reader.from.channel];
        take_out(plan.masked.node(reader.map), reader.from.channel, constant);
        folds = folds || constant != T(0);
      }
      plan.folded += folds ? 1 : 0;
    }
    for (std::size_t at = 0; at < network_.depth(); ++at) {
      std::vector<Index>& kept = plan.kept.emplace_back();
      for (Index channel = 0; channel < network_.node(at).units(); ++channel)
        if (!leaves[at][static_cast<std::size_t>(channel)]) kept.push_back(channel);
    }
    for (const std::size_t at : network_.sites()) {
      PrunedLayer& layer = plan.layers.emplace_back(of_node[at]);
      layer.name = network_.node(at).name();
      layer.units = network_.node(at).units();
      layer.removed = layer.units - left_[at];
    }
    return plan;
  }

 private:
  [[nodiscard]] bool is_gone(const NodeChannel& one) const {
    return gone_[one.node][static_cast<std::size_t>(one.channel)];
  }
  [[nodiscard]] bool is_removable_unit(const NodeChannel& one) const {
    return network_.node(one.node).activation() != nullptr && is_gone(one);
  }
  [[nodiscard]] bool holds_removable(const ChannelGroup& group) const {
    for (const NodeChannel& one : group.members)
      if (is_removable_unit(one)) return true;
    return false;
  }

  [[nodiscard]] std::optional<Obstacle> find_obstacle(const ChannelGroup& group) const {
    if (group.stays) return Obstacle::mixed;
    for (const ChannelGroup::Reader& reader : group.readers)
      if (!is_gone(reader.from)) return Obstacle::coupled;
    for (const ChannelGroup::Reader& reader : group.readers) {
      const Node<T>& map = network_.node(reader.map);
      const ValueRange<T>& range = ranges_[reader.from.node];
      const T constant = range.low[reader.from.channel];
      // Dead is not yet constant: relu6 may be 0 on one sample and 6 on another.
      if (!(constant == range.high[reader.from.channel])) return Obstacle::varies;
      if (constant == T(0)) continue;
      if (map.affine()->pads()) return Obstacle::padded;
      if (map.parameter(ParameterRole::bias) == nullptr) return Obstacle::no_bias;
    }
    std::vector<Index> leaving(network_.depth());
    for (const NodeChannel& one : group.members)
      if (++leaving[one.node] == left_[one.node]) return Obstacle::last;
    return std::nullopt;
  }

  const Network<T>& network_;
  const std::vector<ValueRange<T>>& ranges_;
  std::vector<std::vector<bool>> gone_;  ///< find_gone()
  std::vector<Index> left_;              ///< channels of each node
};

}  // namespace

template <class T>
PrunePlan<T> plan_pruning(const Network<T>& network, const std::vector<std::vector<bool>>& removable,
                          const std::vector<ValueRange<T>>& ranges) {
  return Planner<T>(network, removable, ranges).plan();
}

template PrunePlan<float> plan_pruning(const Network<float>&, const std::vector<std::vector<bool>>&,
                                       const std::vector<ValueRange<float>>&);
template PrunePlan<double> plan_pruning(const Network<double>&, const std::vector<std::vector<bool>>&,
                                        const std::vector<ValueRange<double>>&);

}  // namespace reluscope
