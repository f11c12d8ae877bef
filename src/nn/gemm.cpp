#include "nn/gemm.hpp"

namespace reluscope {

template <class T>
void gemm(Transposed transposed, T scale, const ConstView<T>& a, const ConstView<T>& b, View<T> c) {
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

template void gemm<float>(Transposed, float, const ConstView<float>&, const ConstView<float>&, View<float>);
template void gemm<double>(Transposed, double, const ConstView<double>&, const ConstView<double>&, View<double>);

std::string_view gemm_backend() { return "eigen"; }

}  // namespace reluscope
