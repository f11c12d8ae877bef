#include "nn/channel_groups.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

namespace reluscope {

namespace {

/// Disjoint sets of channels, which are numbered node by node. The root of a set is its first channel.
class Channels {
 public:
  template <class T>
  explicit Channels(const Network<T>& network) {
    std::size_t count = 0;
    for (std::size_t at = 0; at < network.depth(); ++at) {
      first_.push_back(count);
      count += static_cast<std::size_t>(network.node(at).units());
    }
    parent_.resize(count);
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
  }
  [[nodiscard]] std::size_t place(std::size_t node, Index channel) const {
    return first_[node] + static_cast<std::size_t>(channel);
  }
  std::size_t root(std::size_t place) {
    while (parent_[place] != place) place = parent_[place] = parent_[parent_[place]];
    return place;
  }
  void tie(std::size_t left, std::size_t right) {
    left = root(left);
    right = root(right);
    parent_[std::max(left, right)] = std::min(left, right);
  }
  [[nodiscard]] std::size_t size() const { return parent_.size(); }

 private:
  std::vector<std::size_t> first_;  ///< of each node
  std::vector<std::size_t> parent_;
};

}  // namespace

template <class T>
std::vector<ChannelGroup> channel_groups(const Network<T>& network) {
  Channels channels(network);
  std::vector<bool> stays(channels.size());
  const auto keep_all = [&](std::size_t node) {
    for (Index channel = 0; channel < network.node(node).units(); ++channel)
      stays[channels.place(node, channel)] = true;
  };
  for (std::size_t at = 0; at < network.depth(); ++at) {
    const Node<T>& node = network.node(at);
    if (node.affine() != nullptr) {
      // Behind it, an activation may still make one channel of several.
      if (node.activation() != nullptr && !node.activation()->channel_sources()) keep_all(at);
      continue;
    }
    const std::optional<std::vector<Index>> sources = node.channel_sources();
    if (!sources) keep_all(at);
    for (const std::size_t input : network.graph().inputs_of(at)) {
      if (input == kNetworkInput) {
        keep_all(at);
      } else if (!sources) {
        keep_all(input);
      } else {
        for (Index channel = 0; channel < node.units(); ++channel)
          channels.tie(channels.place(at, channel),
                       channels.place(input, (*sources)[static_cast<std::size_t>(channel)]));
      }
    }
  }
  keep_all(network.depth() - 1);

  std::vector<ChannelGroup> groups;
  std::vector<std::size_t> group_of(channels.size());
  for (std::size_t at = 0; at < network.depth(); ++at)
    for (Index channel = 0; channel < network.node(at).units(); ++channel) {
      const std::size_t place = channels.place(at, channel);
      const std::size_t root = channels.root(place);
      if (root == place) {
        group_of[root] = groups.size();
        groups.emplace_back();
      }
      ChannelGroup& group = groups[group_of[root]];
      group.members.push_back({at, channel});
      group.stays = group.stays || stays[place];
      std::size_t last = kNetworkInput;
      for (const std::size_t reader : network.graph().readers_of(at)) {
        if (network.node(reader).affine() != nullptr && reader != last)
          group.readers.push_back({{at, channel}, reader});
        last = reader;
      }
    }
  return groups;
}

template std::vector<ChannelGroup> channel_groups(const Network<float>&);
template std::vector<ChannelGroup> channel_groups(const Network<double>&);

}  // namespace reluscope
