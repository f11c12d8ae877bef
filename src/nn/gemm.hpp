#pragma once
// The one front for matrix products. Every product of the project goes through here.

#include <span>
#include <string>

#include "nn/matrix.hpp"

namespace reluscope {

template <class T>
using ConstView = Eigen::Ref<const Matrix<T>, 0, Eigen::OuterStride<>>;
template <class T>
using View = Eigen::Ref<Matrix<T>, 0, Eigen::OuterStride<>>;

enum class Transposed { none, left, right };

/// c = scale · op(a) · op(b), where `transposed` says which factor enters transposed. c must not overlap a or b.
/// The bits of the result depend on the operands' shapes and values alone. Runs on the calling thread.
template <class T>
void gemm(Transposed transposed, T scale, const ConstView<T>& a, const ConstView<T>& b, View<T> c);

/// A product back end. Those that are built in, the preferred one first; small products do not use any
/// (gemm_small.hpp).
struct GemmBackend {
  std::string name;  ///< "onednn" or "eigen"
  std::string version;
  void (*product_float)(Transposed, float scale, const ConstView<float>& a, const ConstView<float>& b, View<float> c);
  /// nullptr where the back end has no float64: the next one in the table serves it.
  void (*product_double)(Transposed, double scale, const ConstView<double>& a, const ConstView<double>& b,
                         View<double> c);
};
std::span<const GemmBackend> gemm_backends();

/// The one that serves products of T.
template <class T>
const GemmBackend& gemm_backend();

}  // namespace reluscope
