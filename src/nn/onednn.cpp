#ifdef RELUSCOPE_ONEDNN
#include "nn/onednn.hpp"

#include <dlfcn.h>
#include <dnnl.h>

#include <new>

#include "util/error.hpp"

namespace reluscope {

namespace {

#define RELUSCOPE_TEXT(token) #token
#define RELUSCOPE_TEXT_OF(macro) RELUSCOPE_TEXT(macro)
/// The name that stands for its binary interface.
constexpr const char* kLibrary = "libdnnl.so." RELUSCOPE_TEXT_OF(DNNL_VERSION_MAJOR);

/// By its own name, which is also what DNNL_MAX_CPU_ISA takes, in small letters.
std::string name_of(dnnl_cpu_isa_t isa) {
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

/// The library, and what is called in it. Never unloaded: its threads' objects are destroyed by its own code.
class Library {
 public:
  Library() : handle_(dlopen(kLibrary, RTLD_LAZY | RTLD_LOCAL)) {
    if (handle_ == nullptr) refuse();
    find(product, "dnnl_sgemm");
    find(set_threads, "omp_set_num_threads");
    decltype(&dnnl_version) version = nullptr;
    decltype(&dnnl_get_effective_cpu_isa) isa = nullptr;
    find(version, "dnnl_version");
    find(isa, "dnnl_get_effective_cpu_isa");
    const dnnl_version_t& numbers = *version();
    about.version =
        std::to_string(numbers.major) + "." + std::to_string(numbers.minor) + "." + std::to_string(numbers.patch);
    about.instruction_set = name_of(isa());
  }

  [[nodiscard]] void* symbol(const char* name) const {
    void* const found = dlsym(handle_, name);
    if (found == nullptr) refuse();
    return found;
  }

  OneDnn about;
  decltype(&dnnl_sgemm) product = nullptr;
  void (*set_threads)(int) = nullptr;

 private:
  template <class Function>
  void find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(symbol(name));
  }

  [[noreturn]] static void refuse() {
    const char* why = dlerror();
    throw IoError("oneDNN, which this build takes its matrix products from, cannot be loaded: " +
                  std::string(why != nullptr ? why : "no memory") +
                  "; install it (Debian: apt-get install libdnnl2), or build with -DONEDNN=OFF");
  }

  void* handle_;
};

const Library& library() {
  static const Library loaded;
  return loaded;
}

}  // namespace

const OneDnn& onednn() { return library().about; }

void* onednn_symbol(const char* name) { return library().symbol(name); }

void onednn_on_one_thread() {
  // Its own default is each thread's to set.
  thread_local const bool alone = (library().set_threads(1), true);
  (void)alone;
}

void onednn_product(Transposed transposed, float scale, const ConstView<float>& a, const ConstView<float>& b,
                    View<float> c) {
  const Library& onednn = library();
  onednn_on_one_thread();
  const Index inner = transposed == Transposed::left ? a.rows() : a.cols();
  // Its matrices are row-major: the same memory read as transposes, cᵀ = op(b)ᵀ op(a)ᵀ.
  const dnnl_status_t status = onednn.product(
      transposed == Transposed::right ? 'T' : 'N', transposed == Transposed::left ? 'T' : 'N', c.cols(), c.rows(),
      inner, scale, b.data(), b.outerStride(), a.data(), a.outerStride(), 0.0F, c.data(), c.outerStride());
  // Another back end would serve the product with other last bits.
  if (status != dnnl_success) throw std::bad_alloc();
}

}  // namespace reluscope
#endif
