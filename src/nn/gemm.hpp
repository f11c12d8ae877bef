#pragma once
// The one front for matrix products. Every product of the project goes through here.

#include <string_view>

#include "nn/matrix.hpp"

namespace reluscope {

template <class T>
using ConstView = Eigen::Ref<const Matrix<T>, 0, Eigen::OuterStride<>>;
template <class T>
using View = Eigen::Ref<Matrix<T>, 0, Eigen::OuterStride<>>;

enum class Transposed { none, left, right };

/// c = scale · op(a) · op(b), where `transposed` says which factor enters transposed. c must not overlap a or b.
/// The bits of the result depend on the operands' shapes and values alone.
template <class T>
void gemm(Transposed transposed, T scale, const ConstView<T>& a, const ConstView<T>& b, View<T> c);

/// Name of the product back end, for the manifest.
std::string_view gemm_backend();

}  // namespace reluscope
