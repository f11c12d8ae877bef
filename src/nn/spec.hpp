#pragma once
// What a network is made of, as plain values: the config room fills these, `Network` is built from them.

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "nn/matrix.hpp"
#include "util/param.hpp"

namespace reluscope {

struct DenseSpec {
  Index units = 1;
  Choice activation;   ///< from activation_table()
  Choice weight_init;  ///< from weight_init_table()
  Choice bias_init;    ///< from bias_init_table(); "auto": what goes with the weights' initialiser; "none": no biases
};

struct DropoutSpec {
  double p = 0.5;  ///< probability that an element is zeroed while training, in [0, 1)
};

/// One layer after `repeat` was expanded.
struct LayerSpec {
  std::string name;  ///< unique in the network
  std::variant<DenseSpec, DropoutSpec> kind;
  std::size_t config_index = 0;  ///< place in the config's `network.layers`, for error messages
};

struct NetworkSpec {
  std::vector<LayerSpec> layers;
  std::optional<std::filesystem::path> init_from;  ///< a file with the initial parameters, instead of drawn ones
};

}  // namespace reluscope
