#include "nn/gemm.hpp"

#include <type_traits>
#include <vector>

#include "nn/gemm_small.hpp"

#ifdef RELUSCOPE_ONEDNN
#include <dnnl.h>
#include <omp.h>
#endif

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

#ifdef RELUSCOPE_ONEDNN

/// oneDNN shares its work between OpenMP threads unless the calling thread says otherwise; the pool's threads are the
/// only ones here. Its own default is each thread's to set.
void stay_on_this_thread() {
  thread_local const bool done = (omp_set_num_threads(1), true);
  (void)done;
}

/// oneDNN's matrices are row-major: the same memory read as transposes, cᵀ = op(b)ᵀ op(a)ᵀ.
void onednn_product(Transposed transposed, float scale, const ConstView<float>& a, const ConstView<float>& b,
                    View<float> c) {
  stay_on_this_thread();
  const Index inner = transposed == Transposed::left ? a.rows() : a.cols();
  const dnnl_status_t status = dnnl_sgemm(
      transposed == Transposed::right ? 'T' : 'N', transposed == Transposed::left ? 'T' : 'N', c.cols(), c.rows(),
      inner, scale, b.data(), b.outerStride(), a.data(), a.outerStride(), 0.0F, c.data(), c.outerStride());
  // It refuses what it cannot allocate its packing buffers for; the product is still due.
  if (status != dnnl_success) eigen_product<float>(transposed, scale, a, b, c);
}

/// By its own name, which is also what DNNL_MAX_CPU_ISA takes, in small letters.
std::string instruction_set() {
  const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
  switch (isa) {
    case dnnl_cpu_isa_sse41:
      return "sse41";
    case dnnl_cpu_isa_avx:
      return "avx";
    case dnnl_cpu_isa_avx2:
      return "avx2";
    case dnnl_cpu_isa_avx2_vnni:
      return "avx2_vnni";
    case dnnl_cpu_isa_avx512_core:
      return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16:
      return "avx512_core_bf16";
    case dnnl_cpu_isa_avx512_core_amx:
      return "avx512_core_amx";
    default:  // a later oneDNN knows more
      return "isa" + std::to_string(static_cast<int>(isa));
  }
}

#endif

std::string version_text(int major, int minor, int patch) {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

std::vector<GemmBackend> make_table() {
  std::vector<GemmBackend> table;
#ifdef RELUSCOPE_ONEDNN
  const dnnl_version_t* version = dnnl_version();
  table.push_back({"onednn", version_text(version->major, version->minor, version->patch), instruction_set(),
                   onednn_product, nullptr});
#endif
  table.push_back({"eigen", version_text(EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION), "",
                   eigen_product<float>, eigen_product<double>});
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
