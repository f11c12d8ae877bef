#pragma once
// Which channels leave a network with its dead units, and the network without them.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nn/network.hpp"

namespace reluscope {

/// Why a dead unit stays.
enum class Obstacle : std::uint8_t {
  coupled,  ///< what it is added to, or what else reads it, needs the channel
  mixed,    ///< a node that makes a channel of several ones stands on it, or it is an output
  varies,   ///< its output is not the same everywhere where it is read
  padded,   ///< its constant output is not 0, and a convolution reads it that pads with zeros
  no_bias,  ///< its constant output is not 0, and what reads it has no biases to take it in
  last,     ///< a layer keeps one unit
};
inline constexpr std::array<std::string_view, 6> kObstacleNames = {"coupled", "mixed",   "varies",
                                                                   "padded",  "no_bias", "last"};

struct PrunedLayer {
  std::string name;
  std::int64_t units = 0;
  std::int64_t removed = 0;
  std::array<std::int64_t, kObstacleNames.size()> kept = {};  ///< dead units that stay, by what hinders them
};

/// Smallest and largest value of each channel of a node's output, at whatever position.
template <class T>
struct ValueRange {
  Vector<T> low;
  Vector<T> high;
};

template <class T>
struct PrunePlan {
  /// The network in its own shape, with the weights of what leaves set to 0, and constant outputs in the biases above.
  Network<T> masked;
  std::vector<std::vector<Index>> kept;  ///< channels of each node
  std::vector<PrunedLayer> layers;       ///< the sites, from the input side
  std::int64_t folded = 0;               ///< groups of channels that left with a constant output other than 0
};

/// Removes groups of channels (nn/channel_groups.hpp). One goes if all that reads it, affine maps, reads what
/// `removable` units yield (or what nodes make of that, each channel by itself), everywhere the same value by `ranges`,
/// and either 0, or one that goes into biases: W·c is added to them, which a map that pads with zeros cannot do, since
/// it sees less of c at the edge. Then each of them computes what it did. What only such units read goes with them.
/// `removable`: of each site's units; `ranges`: of each node.
template <class T>
PrunePlan<T> plan_pruning(const Network<T>& network, const std::vector<std::vector<bool>>& removable,
                          const std::vector<ValueRange<T>>& ranges);

}  // namespace reluscope
