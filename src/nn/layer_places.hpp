#pragma once
// From the layers of a config to the nodes of its network, one after the other.

#include <string>
#include <vector>

#include "nn/graph.hpp"
#include "nn/node_table.hpp"
#include "nn/shape.hpp"
#include "nn/spec.hpp"

namespace reluscope {

/// A node to be: of a layer, of its norm, or one that a layer needs before it to get its input in the order that it
/// wants.
struct LayerPlace {
  const LayerSpec* layer = nullptr;
  const NodeEntry* entry = nullptr;
  Shape input;  ///< as one layer sees it
  Shape output;
  std::vector<std::size_t> inputs;     ///< places, or kNetworkInput
  bool is_own = true;                  ///< the layer's own node
  const Choice* activation = nullptr;  ///< that stands on it; nullptr: none
  bool data_order = false;             ///< values are still as the data have them: a vector to the node
  std::string module;                  ///< the PyTorch module that it is; empty: none
  std::string activation_module;       ///< of the activation on it

  [[nodiscard]] Shape node_input() const { return data_order ? Shape(input.size()) : input; }
};
/// In an order in which each comes after its inputs: a residual block's body, its shortcut, the sum of both. The spec
/// must outlive it.
std::vector<LayerPlace> place_layers(const NetworkSpec& network, const Shape& input);
/// Of the last layer.
Index count_outputs(const NetworkSpec& network, const Shape& input);

}  // namespace reluscope
