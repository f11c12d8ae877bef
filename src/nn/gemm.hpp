#pragma once
// The one front for matrix products. Every product of the project goes through here.

#include <span>
#include <string>

#include "nn/matrix.hpp"

namespace reluscope {

enum class Transposed { none, left, right };

/// A *forward product* (Transposed::none) of so many columns, or a multiple of it, has columns that do not depend on
/// each other: the bits of c's column j are a function of a and of b's column j alone, wherever they stand and however
/// many there are. That is what lets a sample's pre-activation, seen in any batch, stand for the one over the whole
/// data set (probe/exact_census.hpp). Kernels take columns in groups, and all groups are alike if none is short;
/// `nn.gemm_test` holds every back end to it.
inline constexpr Index kColumnGroup = 4;
constexpr Index whole_groups(Index columns) { return (columns + kColumnGroup - 1) / kColumnGroup * kColumnGroup; }

/// c = scale · op(a) · op(b), where `transposed` says which factor enters transposed. c must not overlap a or b.
/// The bits of the result depend on the operands' shapes and values alone. Runs on the calling thread.
template <class T>
void gemm(Transposed transposed, T scale, const ConstView<T>& a, const ConstView<T>& b, View<T> c);

/// A product back end. Those that are built in, the preferred one first; small products do not use any
/// (gemm_small.hpp).
struct GemmBackend {
  std::string name;  ///< "onednn" or "eigen"
  std::string version;
  /// Instruction set that it chooses at run time, by the CPU and its environment (DNNL_MAX_CPU_ISA); another one gives
  /// other last bits. Empty where it was chosen when this was built.
  std::string instruction_set;
  void (*product_float)(Transposed, float scale, const ConstView<float>& a, const ConstView<float>& b, View<float> c);
  /// nullptr where the back end has no float64: the next one in the table serves it.
  void (*product_double)(Transposed, double scale, const ConstView<double>& a, const ConstView<double>& b,
                         View<double> c);
};
std::span<const GemmBackend> gemm_backends();

/// "onednn 2.6.3 avx512_core": all that the last bits of a product depend on, besides the build.
std::string full_name(const GemmBackend& backend);

/// The one that serves products of T.
template <class T>
const GemmBackend& gemm_backend();

}  // namespace reluscope
