#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "nn/matrix.hpp"

namespace reluscope {

/// What a parameter is to its layer.
enum class ParameterRole : std::uint8_t { weight, bias, scale, shift, slope };
inline constexpr std::size_t kParameterRoles = 5;
inline constexpr std::array<std::string_view, kParameterRoles> kParameterNames = {"weight", "bias", "scale", "shift",
                                                                                  "slope"};
/// Something for each role.
template <class V>
using ByRole = std::array<V, kParameterRoles>;
constexpr std::size_t place_of(ParameterRole role) { return static_cast<std::size_t>(role); }
constexpr std::string_view parameter_name(ParameterRole role) { return kParameterNames[place_of(role)]; }

/// A trained array. Its gradient is made tile by tile and used up at once (training_step.hpp).
template <class T>
struct Parameter {
  ParameterRole role = ParameterRole::weight;
  Matrix<T> value;
  bool decays = true;  ///< whether weight_decay applies
};

/// An array that training changes without a gradient: a running statistic.
template <class T>
struct Buffer {
  std::string_view name;  ///< as PyTorch has it
  Matrix<T> value;        ///< a column
  bool is_count = false;  ///< one whole number, which files have as an integer without dimensions
};

}  // namespace reluscope
