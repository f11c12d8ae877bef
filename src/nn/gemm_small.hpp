#pragma once
// Products too small for a library call to pay: no packing, no allocation, no dispatch.

#include "nn/gemm.hpp"

namespace reluscope {

/// Whether a product of rows × inner by inner × columns is faster here than in a back end.
bool is_small_product(Index rows, Index columns, Index inner);

/// c = scale · op(a) · op(b). Each element is one chain c ← c + a·b over the inner index, from 0 and in its order,
/// scaled at the end: the same bits as a network pack has (network_pack.hpp). For small products only.
template <class T>
void small_product(Transposed transposed, T scale, const ConstView<T>& a, const ConstView<T>& b, View<T> c);

}  // namespace reluscope
