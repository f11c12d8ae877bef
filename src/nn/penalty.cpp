#include "nn/penalty.hpp"

#include "nn/block.hpp"

namespace reluscope {

namespace {

/// `size` where x > 0, −size where x < 0, else 0.
template <class T>
Block<T> with_sign(Block<T> x, T size) {
  const Block<T> zero{};
  const Block<T> up = fill_block(size);
  const Block<T> left = x < T(0) ? -up : zero;
  return x > T(0) ? up : left;
}

}  // namespace

template <class T>
WeightSums sum_weights(const T* weights, Index count) {
  const Eigen::Map<const Vector<T>> w(weights, count);
  return {w.template cast<double>().cwiseAbs().sum(), w.template cast<double>().squaredNorm()};
}

template <class T>
void add_weight_penalty(const Penalty& penalty, const T* weights, Index count, T* gradient) {
  const T l1 = static_cast<T>(penalty.l1_weights);
  const T twice_l2 = static_cast<T>(2.0 * penalty.l2_weights);
  for (Index first = 0; first < count; first += kLanes<T>) {
    const Index size = std::min<Index>(kLanes<T>, count - first);
    const Block<T> w = load_block(weights + first, size);
    const Block<T> g = load_block<T>(gradient + first, size);
    store_block<T>(g + with_sign(w, l1) + twice_l2 * w, gradient + first, size);
  }
}

template <class T>
void add_activation_penalty(double l1, const ConstView<T>& activations, View<T> delta) {
  const T size_of_step = static_cast<T>(l1);
  for (Index column = 0; column < delta.cols(); ++column)
    for (Index first = 0; first < delta.rows(); first += kLanes<T>) {
      const Index size = std::min<Index>(kLanes<T>, delta.rows() - first);
      T* out = &delta.coeffRef(first, column);
      const Block<T> a = load_block(&activations.coeffRef(first, column), size);
      store_block<T>(load_block<T>(out, size) + with_sign(a, size_of_step), out, size);
    }
}

template WeightSums sum_weights(const float*, Index);
template WeightSums sum_weights(const double*, Index);
template void add_weight_penalty(const Penalty&, const float*, Index, float*);
template void add_weight_penalty(const Penalty&, const double*, Index, double*);
template void add_activation_penalty(double, const ConstView<float>&, View<float>);
template void add_activation_penalty(double, const ConstView<double>&, View<double>);

}  // namespace reluscope
