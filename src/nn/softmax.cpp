#include "nn/softmax.hpp"

#include "nn/activation_kernel.hpp"

namespace reluscope {

namespace {

/// What the units of a column share.
template <class T>
struct ColumnScales {
  explicit ColumnScales(const ForwardCall<T>& call)
      : first(call.first_column), largest(call.columns), one_by_sum(call.columns) {}
  Index first;  ///< column of the first entry, in the batch
  PerColumn<T> largest;
  PerColumn<T> one_by_sum;
};

/// Given those, softmax is a function of each unit alone.
template <class T>
struct SoftmaxOfColumn {
  static constexpr bool kLearnedSlope = false;
  const ColumnScales<T>* scales;

  template <class U>
  Response<U> operator()(const Place<U>& at, Block<U> z) const {
    const Index column = at.column - scales->first;
    // Lanes that are no units may lie above the largest; they must not overflow.
    const Block<U> e = exp_block(min_block(z - scales->largest[column], Block<U>{}));
    const Block<U> a = e * scales->one_by_sum[column];
    return {a, a * (U(1) - a)};
  }
  template <class U>
  Block<U> margin(const Place<U>& /*at*/, Block<U> /*z*/) const {
    return fill_block(-std::numeric_limits<U>::infinity());
  }
};

template <class T>
class SoftmaxKernel final : public ActivationKernel<T> {
 public:
  void forward(const ForwardCall<T>& call) const override {
    ColumnScales<T> scales(call);
    for (Index column = 0; column < call.columns; ++column) measure(call, column, scales);
    FusedKernel<T, SoftmaxOfColumn<T>>(SoftmaxOfColumn<T>{&scales}).forward(call);
    // Backward needs a, not φ'.
    for (Index column = 0; column < call.columns; ++column)
      std::copy_n(call.a + column * call.stride, call.units, call.z + column * call.stride);
  }

  void backward(const BackwardCall<T>& call) const override {
    for (Index column = 0; column < call.columns; ++column) {
      const T* a = call.saved + column * call.stride;
      T* delta = call.delta + column * call.stride;
      T mean = T(0);
      for (Index unit = 0; unit < call.units; ++unit) mean += a[unit] * delta[unit];
      for (Index unit = 0; unit < call.units; ++unit) delta[unit] -= mean;
    }
    // What is left is a product with a, and the sums.
    FusedKernel<T, SoftmaxOfColumn<T>>(SoftmaxOfColumn<T>{nullptr}).backward(call);
  }

 private:
  static void measure(const ForwardCall<T>& call, Index column, ColumnScales<T>& scales) {
    const T* z = call.z + column * call.stride;
    T largest = -std::numeric_limits<T>::infinity();
    for (Index unit = 0; unit < call.units; ++unit) {
      const T value = z[unit] + call.bias[unit];
      largest = value > largest ? value : largest;
    }
    T sum = T(0);
    for (Index unit = 0; unit < call.units; unit += kLanes<T>) {
      const Index count = std::min<Index>(kLanes<T>, call.units - unit);
      const Block<T> e = exp_block(load_block(z + unit, count) + load_block(call.bias + unit, count) - largest);
      for (Index lane = 0; lane < count; ++lane) sum += e[lane];
    }
    scales.largest[column] = largest;
    scales.one_by_sum[column] = T(1) / sum;
  }
};

}  // namespace

template <class T>
std::unique_ptr<ActivationKernel<T>> make_softmax_kernel() {
  return std::make_unique<SoftmaxKernel<T>>();
}

template std::unique_ptr<ActivationKernel<float>> make_softmax_kernel();
template std::unique_ptr<ActivationKernel<double>> make_softmax_kernel();

}  // namespace reluscope
