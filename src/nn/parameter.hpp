#pragma once

#include <string>

#include "nn/matrix.hpp"

namespace reluscope {

/// A trained array: its value, and the gradient of the batch's mean loss with respect to it.
template <class T>
struct Parameter {
  std::string name;  ///< "weight", "bias" or "slope"
  Matrix<T> value;
  Matrix<T> gradient;  ///< same shape
  bool decays = true;  ///< whether weight_decay applies
};

}  // namespace reluscope
