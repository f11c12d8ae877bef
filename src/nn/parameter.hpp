#pragma once

#include <string>

#include "nn/matrix.hpp"

namespace reluscope {

/// A trained array. Its gradient is made tile by tile and used up at once (training_step.hpp).
template <class T>
struct Parameter {
  std::string name;  ///< "weight", "bias" or "slope"
  Matrix<T> value;
  bool decays = true;  ///< whether weight_decay applies
};

}  // namespace reluscope
