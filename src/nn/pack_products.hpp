#pragma once
// Products of packs of networks: what is a number in a matrix product is here one number of each network, side by side
// in the lanes of a block. Every element is the chain of small_product() (gemm_small.hpp), so that each network gets
// the bits that it gets alone.

#include "nn/block.hpp"

namespace reluscope {

/// out(i, c) = Σ_k a(i, k)·b(k, c), all elements blocks. `b` and `out` have `columns` neighbouring columns in a row and
/// `row_stride` blocks between rows; a(i, k) is at a[i·a_row + k·a_inner].
template <class T>
struct PackProduct {
  const Block<T>* a = nullptr;
  Index a_row = 0;
  Index a_inner = 0;
  const Block<T>* b = nullptr;
  Block<T>* out = nullptr;
  Index row_stride = 0;
  Index rows = 0;
  Index columns = 0;
  Index inner = 0;
};
template <class T>
void pack_product(const PackProduct<T>& product);

/// out(i, k) = scale · Σ_c delta(i, c)·h(k, c) over `columns` columns, `row_stride` blocks between the rows of delta
/// and of h; out(i, k) is at out[k·rows + i].
template <class T>
struct PackGradient {
  const Block<T>* delta = nullptr;
  const Block<T>* h = nullptr;
  Block<T>* out = nullptr;
  Index row_stride = 0;
  Index rows = 0;
  Index inputs = 0;
  Index columns = 0;
  T scale = T(1);
};
template <class T>
void pack_gradient(const PackGradient<T>& product);

}  // namespace reluscope
