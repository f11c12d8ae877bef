#include "nn/dropout.hpp"

#include "nn/output_squares.hpp"
#include "util/random.hpp"

namespace reluscope {

template <class T>
void Dropout<T>::forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const {
  const Matrix<T>& input = *inputs[0];
  auto output = state.output.middleCols(shard.first, shard.count);
  if (pass.training) {
    draw_mask(state, shard, pass);
    output = input.middleCols(shard.first, shard.count).cwiseProduct(state.saved.middleCols(shard.first, shard.count));
  } else {
    output = input.middleCols(shard.first, shard.count);
  }
  measure_output_squares(state, shard, pass);
}

template <class T>
void Dropout<T>::draw_mask(NodeState<T>& state, const Shard& shard, const Pass& pass) const {
  const T scale = static_cast<T>(1.0 / (1.0 - p_));
  const auto threshold = static_cast<float>(p_);
  const Index drawn = per_ == DropoutPer::channel ? this->units() : this->outputs();
  for (Index column = shard.first; column < shard.first + shard.count; ++column) {
    T* mask = state.saved.col(column).data();
    const auto first_block = static_cast<std::uint64_t>(column) << 20;  // 2^20 Philox blocks are set aside a column
    for (Index element = 0; element < drawn; element += 4) {
      float uniform[4];
      uniform_block(pass.seed, Purpose::noise, (pass.step << 16) + stream_,
                    first_block + static_cast<std::uint64_t>(element) / 4, uniform);
      for (Index lane = 0; lane < std::min<Index>(4, drawn - element); ++lane)
        mask[element + lane] = uniform[lane] < threshold ? T(0) : scale;
    }
    // Channels last: the positions follow each other.
    for (Index value = drawn; value < this->outputs(); ++value) mask[value] = mask[value - drawn];
  }
}

template <class T>
void Dropout<T>::backward(NodeInputs<T> /*inputs*/, NodeState<T>& state, const Shard& shard, const Pass& /*pass*/,
                          InputDeltas<T> input_deltas) const {
  if (input_deltas[0] == nullptr) return;
  input_deltas[0]->middleCols(shard.first, shard.count) =
      state.delta.middleCols(shard.first, shard.count).cwiseProduct(state.saved.middleCols(shard.first, shard.count));
}

template <class T>
std::optional<Box> Dropout<T>::bound_in_training(std::span<const Box* const> inputs) const {
  if (p_ == 0.0) return *inputs[0];
  const double factor = (1.0 + 1e-6) / (1.0 - p_);  // what rounds is covered
  return Box{(inputs[0]->low * factor).cwiseMin(0.0), (inputs[0]->high * factor).cwiseMax(0.0)};
}

template class Dropout<float>;
template class Dropout<double>;

}  // namespace reluscope
