#include "nn/conv2d.hpp"

#include <algorithm>

#include "nn/gemm.hpp"

namespace reluscope {

namespace {

Index kernel_positions(const LayerSpec& layer) {
  const Index side = layer.type.params.integer("kernel");
  return side * side;
}

template <class T>
Shape output_of(const LayerSpec& layer, const Shape& input) {
  const Window window = Conv2d<T>::window_of(layer, input);
  return {layer.type.params.integer("channels"), window.rows.places(), window.columns.places()};
}

}  // namespace

template <class T>
Window Conv2d<T>::window_of(const LayerSpec& layer, const Shape& input) {
  const ParamValues& params = layer.type.params;
  const Index kernel = params.integer("kernel");
  if (!params.is_word("padding"))
    return {input, kernel, params.integer("stride"), params.integer("padding"), params.integer("padding")};
  // "same", as PyTorch has it: an even kernel pads one position more at the end.
  return {input, kernel, params.integer("stride"), (kernel - 1) / 2, kernel / 2};
}

template <class T>
Conv2d<T>::Conv2d(const LayerSpec& layer, const Shape& input, std::uint64_t seed, std::uint64_t stream)
    : Affine<T>(layer, output_of<T>(layer, input),
                init_context(layer, input.channels * kernel_positions(layer),
                             layer.type.params.integer("channels") * kernel_positions(layer), seed, stream,
                             kernel_positions(layer))),
      window_(window_of(layer, input)),
      products_(make_convolution<T>(window_, this->units())) {}

template <class T>
std::unique_ptr<Node<T>> Conv2d<T>::select(const std::vector<Index>& inputs, const std::vector<Index>& outputs) const {
  auto part = std::make_unique<Conv2d<T>>(*this);
  part->keep(inputs, outputs);
  part->window_.channels = static_cast<Index>(inputs.size());
  part->products_ = make_convolution<T>(part->window_, part->units());
  return part;
}

template <class T>
void Conv2d<T>::prepare_room(NodeState<T>& state, Index shards) const {
  state.rooms.resize(static_cast<std::size_t>(shards));
  for (ShardRoom<T>& room : state.rooms) products_->prepare(room);
}

template <class T>
void Conv2d<T>::multiply(const Matrix<T>& input, NodeState<T>& state, Matrix<T>& z, const Shard& shard) const {
  products_->forward(this->weights(), input.col(shard.first).data(), shard.count, z.col(shard.first).data(),
                     state.rooms[static_cast<std::size_t>(shard.index)]);
}

template <class T>
Matrix<T> Conv2d<T>::multiply_rows(const Matrix<T>& input, Index first, Index count,
                                   const std::vector<Index>& rows) const {
  ShardRoom<T> room;
  products_->prepare(room);
  const Index columns = count * window_.places();
  Matrix<T> z(this->units(), whole_groups(columns));
  products_->forward(this->weights(), input.col(first).data(), count, z.data(), room);
  return z.leftCols(columns)(rows, Eigen::all);
}

template <class T>
void Conv2d<T>::pass_back(const Matrix<T>& input, NodeState<T>& state, Matrix<T>* input_delta,
                          const Shard& shard) const {
  products_->backward(this->weights(), input.col(shard.first).data(), state.delta.col(shard.first).data(), shard.count,
                      input_delta == nullptr ? nullptr : input_delta->col(shard.first).data(),
                      state.rooms[static_cast<std::size_t>(shard.index)]);
}

template <class T>
void Conv2d<T>::gradient(NodeInputs<T> /*inputs*/, const NodeState<T>& state, Index batch, Index shards,
                         const Tile& tile, T* out) const {
  if (tile.role == ParameterRole::bias) {
    this->bias_gradient(state, batch, shards, out);
    return;
  }
  const Index count = tile.end - tile.begin;
  Eigen::Map<Vector<T>> gradient(out, count);
  gradient.setZero();
  for (Index shard = 0; shard < shards; ++shard)
    gradient +=
        Eigen::Map<const Vector<T>>(state.rooms[static_cast<std::size_t>(shard)].weight_sum.data() + tile.begin, count);
  gradient *= T(1) / static_cast<T>(batch);
}

template <class T>
void Conv2d<T>::append_tiles(std::size_t node, std::vector<Tile>& tiles) const {
  const Index elements = this->units() * this->fan_in();
  for (Index first = 0; first < elements; first += kTileElements)
    tiles.push_back({node, ParameterRole::weight, first, std::min(first + kTileElements, elements)});
  this->append_bias_tile(node, tiles);
}

template <class T>
Matrix<T> Conv2d<T>::patches(const Matrix<T>& input, Index first, Index count) const {
  const Index columns = count * window_.places();
  Matrix<T> seen = Matrix<T>::Zero(this->fan_in(), whole_groups(columns));
  cut_out_patches(window_, input.col(first).data(), 0, columns, seen.data());
  return seen;
}

template <class T>
Box Conv2d<T>::patch_of(const Box& input) const {
  Box patch = Box::unknown(this->fan_in());
  for (Index at = 0; at < this->fan_in(); ++at) {
    const double low = input.low[at / window_.size()];
    const double high = input.high[at / window_.size()];
    patch.low[at] = window_.pads() ? std::min(low, 0.0) : low;
    patch.high[at] = window_.pads() ? std::max(high, 0.0) : high;
  }
  return patch;
}

template <class T>
Eigen::VectorXd Conv2d<T>::patch_of(const Eigen::VectorXd& drift) const {
  Eigen::VectorXd patch(this->fan_in());
  for (Index at = 0; at < this->fan_in(); ++at) patch[at] = drift[at / window_.size()];
  return patch;
}

template class Conv2d<float>;
template class Conv2d<double>;

}  // namespace reluscope
