#pragma once
// Which channels of a network's nodes can only go together. A node that computes each channel from one channel alone
// ties the two, a sum ties a channel of all its inputs; an affine map ties nothing, since it reads what it likes. What
// leaves a network leaves it as such a group.

#include <vector>

#include "nn/network.hpp"

namespace reluscope {

/// A channel of a node's output.
struct NodeChannel {
  std::size_t node = 0;
  Index channel = 0;
};

struct ChannelGroup {
  std::vector<NodeChannel> members;  ///< in the order of the nodes
  /// Of the members: those that an affine map reads, and which node that is. Nothing else outside the group reads any.
  struct Reader {
    NodeChannel from;
    std::size_t map = 0;
  };
  std::vector<Reader> readers;
  /// Whether one of them has to stay, whatever it yields: it is an output of the network, or comes from its input, or a
  /// node that makes a channel of several ones reads it or has made it.
  bool stays = false;
};

/// All groups, by their first members.
template <class T>
std::vector<ChannelGroup> channel_groups(const Network<T>& network);

}  // namespace reluscope
