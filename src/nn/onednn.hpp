#pragma once
// oneDNN's product, in the builds that have it (RELUSCOPE_ONEDNN). The library is loaded when the first product or the
// first manifest needs it: its 38 MiB take longer to load than most commands take to do their work.

#include <string>

#include "nn/gemm.hpp"

namespace reluscope {

struct OneDnn {
  std::string version;  ///< "2.6.3"
  /// What it chose for this CPU and its environment, as DNNL_MAX_CPU_ISA names it, in small letters.
  std::string instruction_set;
};
/// Loads it at the first call. Throws IoError where it is no longer installed, or cannot be loaded.
const OneDnn& onednn();

/// One of its functions, by name. Throws what onednn() throws.
void* onednn_symbol(const char* name);
/// It shares its work between OpenMP threads unless the calling thread says otherwise, as this does; the pool's threads
/// are the only ones here.
void onednn_on_one_thread();

/// c = scale · op(a) · op(b), as gemm() has it, on the calling thread. Throws std::bad_alloc if oneDNN has no memory
/// for its own buffers, and what onednn() throws.
void onednn_product(Transposed transposed, float scale, const ConstView<float>& a, const ConstView<float>& b,
                    View<float> c);

}  // namespace reluscope
