// Compiled with contraction on, like every product kernel: a chain's links are fused multiply-adds where the CPU has
// them.
#include "nn/gemm_small.hpp"

#include <algorithm>
#include <array>

#include "nn/block.hpp"

namespace reluscope {

namespace {

/// Longest inner dimension: a block of rows of a transposed factor is copied to the stack.
constexpr Index kMostInner = 256;
/// Above it a back end is faster, measured on AVX-512 against oneDNN.
constexpr Index kMostMultiplications = 300000;

/// Where the elements of the right factor are.
template <class T>
struct Right {
  const T* data;
  Index inner_stride;
  Index column_stride;
  [[nodiscard]] Right from(Index column) const { return {data + column * column_stride, inner_stride, column_stride}; }
};

/// kColumns columns of c for one block of rows; `a` points at the block's rows of the first inner index.
template <int kColumns, class T, class Count>
void multiply_tile(const T* a, Index stride, const Right<T>& b, Index inner, T scale, T* c, Index c_stride,
                   Count count) {
  Block<T> sums[static_cast<std::size_t>(kColumns)] = {};
  for (Index k = 0; k < inner; ++k) {
    const Block<T> rows = load_block(a + k * stride, count);
    for (int column = 0; column < kColumns; ++column)
      sums[column] += rows * b.data[k * b.inner_stride + column * b.column_stride];
  }
  for (int column = 0; column < kColumns; ++column) store_block<T>(scale * sums[column], c + column * c_stride, count);
}

template <class T, class Count>
void multiply_rows(const T* a, Index stride, const Right<T>& b, Index inner, Index columns, T scale, T* c,
                   Index c_stride, Count count) {
  Index column = 0;
  for (; column + 8 <= columns; column += 8)
    multiply_tile<8>(a, stride, b.from(column), inner, scale, c + column * c_stride, c_stride, count);
  for (; column + 4 <= columns; column += 4)
    multiply_tile<4>(a, stride, b.from(column), inner, scale, c + column * c_stride, c_stride, count);
  for (; column < columns; ++column)
    multiply_tile<1>(a, stride, b.from(column), inner, scale, c + column * c_stride, c_stride, count);
}

/// copied[k·kLanes + lane] = a(k, first column + lane): a block of columns, turned into rows.
template <class T, class Count>
void copy_transposed(const T* a, Index stride, Index inner, T* copied, Count count) {
  using Packet = typename Eigen::internal::packet_traits<T>::type;
  static_assert(sizeof(Packet) == kBlockBytes);
  Index k = 0;
  if (count == kLanes<T>) {
    for (; k + kLanes<T> <= inner; k += kLanes<T>) {
      Eigen::internal::PacketBlock<Packet, kLanes<T>> square;
      for (int lane = 0; lane < kLanes<T>; ++lane)
        square.packet[lane] = Eigen::internal::ploadu<Packet>(a + lane * stride + k);
      Eigen::internal::ptranspose(square);
      for (int row = 0; row < kLanes<T>; ++row)
        Eigen::internal::pstore(copied + (k + row) * kLanes<T>, square.packet[row]);
    }
  }
  for (; k < inner; ++k)
    for (Index lane = 0; lane < count; ++lane) copied[k * kLanes<T> + lane] = a[lane * stride + k];
}

}  // namespace

bool is_small_product(Index rows, Index columns, Index inner) {
  return inner <= kMostInner && rows * columns * inner <= kMostMultiplications;
}

template <class T>
void small_product(Transposed transposed, T scale, const ConstView<T>& a, const ConstView<T>& b, View<T> c) {
  const bool left = transposed == Transposed::left;
  const Index inner = left ? a.rows() : a.cols();
  const Right<T> right =
      transposed == Transposed::right ? Right<T>{b.data(), b.outerStride(), 1} : Right<T>{b.data(), 1, b.outerStride()};
  alignas(kBlockBytes) std::array<T, kMostInner * kLanes<T>> copied;
  for (Index row = 0; row < c.rows(); row += kLanes<T>) {
    const Index count = std::min<Index>(kLanes<T>, c.rows() - row);
    const T* rows = a.data() + row;
    Index stride = a.outerStride();
    if (left) {
      copy_transposed(a.data() + row * a.outerStride(), a.outerStride(), inner, copied.data(), count);
      rows = copied.data();
      stride = kLanes<T>;
    }
    T* out = c.data() + row;
    if (count == kLanes<T>) {
      multiply_rows(rows, stride, right, inner, c.cols(), scale, out, c.outerStride(),
                    std::integral_constant<Index, kLanes<T>>());
    } else {
      multiply_rows(rows, stride, right, inner, c.cols(), scale, out, c.outerStride(), count);
    }
  }
}

template void small_product<float>(Transposed, float, const ConstView<float>&, const ConstView<float>&, View<float>);
template void small_product<double>(Transposed, double, const ConstView<double>&, const ConstView<double>&,
                                    View<double>);

}  // namespace reluscope
