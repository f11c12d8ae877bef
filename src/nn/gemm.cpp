#include "nn/gemm.hpp"

#include <type_traits>
#include <vector>

#include "nn/gemm_small.hpp"
#include "nn/onednn.hpp"

namespace reluscope {

namespace {

/// Columns that the choice between the ways of a forward product assumes: those of a whole shard.
constexpr Index kWholeColumns = 64;

template <class T>
void eigen_product(Transposed transposed, T scale, const ConstView<T>& a, const ConstView<T>& b, View<T> c) {
  switch (transposed) {
    case Transposed::none:
      c.noalias() = scale * (a * b);
      break;
    case Transposed::left:
      c.noalias() = scale * (a.transpose() * b);
      break;
    case Transposed::right:
      c.noalias() = scale * (a * b.transpose());
      break;
  }
}

std::vector<GemmBackend> make_table() {
  std::vector<GemmBackend> table;
#ifdef RELUSCOPE_ONEDNN
  table.push_back({"onednn", onednn().version, onednn().instruction_set, onednn_product, nullptr});
#endif
  const std::string version = std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
                              std::to_string(EIGEN_MINOR_VERSION);
  table.push_back({"eigen", version, "", eigen_product<float>, eigen_product<double>});
  return table;
}

}  // namespace

std::span<const GemmBackend> gemm_backends() {
  static const std::vector<GemmBackend> table = make_table();
  return table;
}

std::string full_name(const GemmBackend& backend) {
  return backend.name + " " + backend.version + (backend.instruction_set.empty() ? "" : " " + backend.instruction_set);
}

template <class T>
const GemmBackend& gemm_backend() {
  for (const GemmBackend& backend : gemm_backends())
    if (std::is_same_v<T, float> || backend.product_double != nullptr) return backend;
  return gemm_backends().back();
}

template <class T>
void gemm(Transposed transposed, T scale, const ConstView<T>& a, const ConstView<T>& b, View<T> c) {
  // A forward product takes the same way however many columns it has: the way decides about the last bits.
  const Index columns = transposed == Transposed::none ? kWholeColumns : c.cols();
  if (is_small_product(c.rows(), columns, transposed == Transposed::left ? a.rows() : a.cols())) {
    small_product<T>(transposed, scale, a, b, c);
    return;
  }
  static const GemmBackend& backend = gemm_backend<T>();
  if constexpr (std::is_same_v<T, float>) {
    backend.product_float(transposed, scale, a, b, c);
  } else {
    backend.product_double(transposed, scale, a, b, c);
  }
}

template void gemm<float>(Transposed, float, const ConstView<float>&, const ConstView<float>&, View<float>);
template void gemm<double>(Transposed, double, const ConstView<double>&, const ConstView<double>&, View<double>);
template const GemmBackend& gemm_backend<float>();
template const GemmBackend& gemm_backend<double>();

}  // namespace reluscope
