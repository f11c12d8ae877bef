// Compiled with contraction on, like every product kernel.
#include "nn/pack_products.hpp"

namespace reluscope {

namespace {

/// kRows × kColumns elements from (row, column) on.
template <int kRows, int kColumns, class T>
void product_tile(const PackProduct<T>& product, Index row, Index column) {
  Block<T> sums[static_cast<std::size_t>(kRows)][static_cast<std::size_t>(kColumns)] = {};
  for (Index k = 0; k < product.inner; ++k) {
    const Block<T>* b = product.b + k * product.row_stride + column;
    for (int i = 0; i < kRows; ++i) {
      const Block<T> a = product.a[(row + i) * product.a_row + k * product.a_inner];
      for (int c = 0; c < kColumns; ++c) sums[i][c] += a * b[c];
    }
  }
  for (int i = 0; i < kRows; ++i)
    for (int c = 0; c < kColumns; ++c) product.out[(row + i) * product.row_stride + column + c] = sums[i][c];
}

template <int kRows, class T>
void product_rows(const PackProduct<T>& product, Index row) {
  Index column = 0;
  for (; column + 4 <= product.columns; column += 4) product_tile<kRows, 4>(product, row, column);
  for (; column < product.columns; ++column) product_tile<kRows, 1>(product, row, column);
}

/// kRows × kInputs elements from (row, input) on.
template <int kRows, int kInputs, class T>
void gradient_tile(const PackGradient<T>& product, Index row, Index input) {
  Block<T> sums[static_cast<std::size_t>(kRows)][static_cast<std::size_t>(kInputs)] = {};
  for (Index c = 0; c < product.columns; ++c)
    for (int i = 0; i < kRows; ++i) {
      const Block<T> delta = product.delta[(row + i) * product.row_stride + c];
      for (int k = 0; k < kInputs; ++k) sums[i][k] += delta * product.h[(input + k) * product.row_stride + c];
    }
  for (int i = 0; i < kRows; ++i)
    for (int k = 0; k < kInputs; ++k) product.out[(input + k) * product.rows + row + i] = product.scale * sums[i][k];
}

template <int kRows, class T>
void gradient_rows(const PackGradient<T>& product, Index row) {
  Index input = 0;
  for (; input + 4 <= product.inputs; input += 4) gradient_tile<kRows, 4>(product, row, input);
  for (; input + 2 <= product.inputs; input += 2) gradient_tile<kRows, 2>(product, row, input);
  for (; input < product.inputs; ++input) gradient_tile<kRows, 1>(product, row, input);
}

}  // namespace

template <class T>
void pack_product(const PackProduct<T>& product) {
  Index row = 0;
  for (; row + 4 <= product.rows; row += 4) product_rows<4>(product, row);
  for (; row + 2 <= product.rows; row += 2) product_rows<2>(product, row);
  for (; row < product.rows; ++row) product_rows<1>(product, row);
}

template <class T>
void pack_gradient(const PackGradient<T>& product) {
  Index row = 0;
  for (; row + 4 <= product.rows; row += 4) gradient_rows<4>(product, row);
  for (; row + 2 <= product.rows; row += 2) gradient_rows<2>(product, row);
  for (; row < product.rows; ++row) gradient_rows<1>(product, row);
}

template void pack_product<float>(const PackProduct<float>&);
template void pack_product<double>(const PackProduct<double>&);
template void pack_gradient<float>(const PackGradient<float>&);
template void pack_gradient<double>(const PackGradient<double>&);

}  // namespace reluscope
