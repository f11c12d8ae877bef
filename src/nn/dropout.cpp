#include "nn/dropout.hpp"

#include "util/random.hpp"

namespace reluscope {

template <class T>
void Dropout<T>::forward(const Matrix<T>& input, LayerState<T>& state, const Shard& shard, const Pass& pass) const {
  auto output = state.output.middleCols(shard.first, shard.count);
  if (pass.training) {
    draw_mask(state, shard, pass);
    output = input.middleCols(shard.first, shard.count).cwiseProduct(state.saved.middleCols(shard.first, shard.count));
  } else {
    output = input.middleCols(shard.first, shard.count);
  }
  if (pass.measure == Measure::batch)
    state.output_square.segment(shard.first, shard.count) = output.colwise().squaredNorm().transpose();
}

template <class T>
void Dropout<T>::draw_mask(LayerState<T>& state, const Shard& shard, const Pass& pass) const {
  const T scale = static_cast<T>(1.0 / (1.0 - p_));
  const auto threshold = static_cast<float>(p_);
  for (Index column = shard.first; column < shard.first + shard.count; ++column) {
    T* mask = state.saved.col(column).data();
    const auto first_block = static_cast<std::uint64_t>(column) << 20;  // 2^20 Philox blocks are set aside a column
    for (Index element = 0; element < width_; element += 4) {
      float uniform[4];
      uniform_block(pass.seed, Purpose::noise, (pass.step << 16) + index_,
                    first_block + static_cast<std::uint64_t>(element) / 4, uniform);
      for (Index lane = 0; lane < std::min<Index>(4, width_ - element); ++lane)
        mask[element + lane] = uniform[lane] < threshold ? T(0) : scale;
    }
  }
}

template <class T>
void Dropout<T>::backward(LayerState<T>& state, const Shard& shard, const Pass& /*pass*/,
                          Matrix<T>* input_delta) const {
  if (input_delta == nullptr) return;
  input_delta->middleCols(shard.first, shard.count) =
      state.delta.middleCols(shard.first, shard.count).cwiseProduct(state.saved.middleCols(shard.first, shard.count));
}

template class Dropout<float>;
template class Dropout<double>;

}  // namespace reluscope
