#pragma once
// What a network is made of, as plain values: the config room fills these, `Network` is built from them.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "nn/matrix.hpp"
#include "util/param.hpp"

namespace reluscope {

/// How the parameters of a layer with weights start.
struct InitSpec {
  Choice weights;  ///< from weight_init_table()
  Choice bias;     ///< from bias_init_table(); "auto": what goes with the weights' initialiser; "none": no biases
};

/// One layer after `repeat` was expanded.
struct LayerSpec {
  std::string name;                  ///< unique in the network
  Choice type;                       ///< from node_table(), with its settings
  std::optional<InitSpec> init;      ///< of a layer with weights
  std::optional<Choice> activation;  ///< from activation_table(), of a layer that ends in one: its outputs are units
  std::size_t config_index = 0;      ///< place in the config's `network.layers`, with all that is nested there
  std::string pointer = {};          ///< where the config says it: a JSON Pointer
  std::vector<LayerSpec> norm = {};  ///< none or one: what stands between its map and its activation
  std::vector<LayerSpec> body = {};  ///< of a residual block: what is added to the shortcut
  std::vector<LayerSpec> shortcut = {};  ///< empty: the block's input as it is

  [[nodiscard]] bool has_bias() const { return init && init->bias.name != "none"; }
};

struct NetworkSpec {
  std::vector<LayerSpec> layers;
  std::optional<std::filesystem::path> init_from;  ///< a file with the initial parameters, instead of drawn ones
};

}  // namespace reluscope
