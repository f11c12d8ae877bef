#include "nn/dense.hpp"

#include "nn/gemm.hpp"

namespace reluscope {

template <class T>
Dense<T>::Dense(const LayerSpec& layer, Index inputs, std::uint64_t seed, std::uint64_t stream)
    : Affine<T>(layer, layer.type.params.integer("units"),
                init_context(layer, inputs, layer.type.params.integer("units"), seed, stream)) {}

template <class T>
std::unique_ptr<Node<T>> Dense<T>::select(const std::vector<Index>& inputs, const std::vector<Index>& outputs) const {
  auto part = std::make_unique<Dense<T>>(*this);
  part->keep(inputs, outputs);
  return part;
}

template <class T>
void Dense<T>::multiply(const Matrix<T>& input, NodeState<T>& /*state*/, Matrix<T>& z, const Shard& shard) const {
  const Index columns = whole_groups(shard.count);
  gemm<T>(Transposed::none, T(1), this->weights(), input.middleCols(shard.first, columns),
          z.middleCols(shard.first, columns));
}

template <class T>
void Dense<T>::pass_back(const Matrix<T>& /*input*/, NodeState<T>& state, Matrix<T>* input_delta,
                         const Shard& shard) const {
  if (input_delta == nullptr) return;
  gemm<T>(Transposed::left, T(1), this->weights(), state.delta.middleCols(shard.first, shard.count),
          input_delta->middleCols(shard.first, shard.count));
}

template <class T>
void Dense<T>::gradient(NodeInputs<T> inputs, const NodeState<T>& state, Index batch, Index shards, const Tile& tile,
                        T* out) const {
  if (tile.role == ParameterRole::bias) {
    this->bias_gradient(state, batch, shards, out);
    return;
  }
  // ∂L/∂W = δ hᵀ / batch; a tile is a range of whole columns of W, one column per input.
  const Index units = this->units();
  const Index first = tile.begin / units;
  const Index count = (tile.end - tile.begin) / units;
  gemm<T>(Transposed::right, T(1) / static_cast<T>(batch), state.delta.leftCols(batch),
          inputs[0]->block(first, 0, count, batch), Eigen::Map<Matrix<T>>(out, units, count));
}

template <class T>
void Dense<T>::append_tiles(std::size_t node, std::vector<Tile>& tiles) const {
  const Index units = this->units();
  const Index columns_per_tile = std::max<Index>(1, kTileElements / units);
  for (Index first = 0; first < this->fan_in(); first += columns_per_tile)
    tiles.push_back(
        {node, ParameterRole::weight, first * units, std::min(first + columns_per_tile, this->fan_in()) * units});
  this->append_bias_tile(node, tiles);
}

template <class T>
Matrix<T> Dense<T>::multiply_rows(const Matrix<T>& input, Index first, Index count,
                                  const std::vector<Index>& rows) const {
  const Matrix<T> seen = patches(input, first, count);
  const Matrix<T> weights = this->weights()(rows, Eigen::all);
  Matrix<T> z(std::ssize(rows), seen.cols());
  gemm<T>(Transposed::none, T(1), weights, seen, z);
  z.conservativeResize(Eigen::NoChange, count);
  return z;
}

template <class T>
Matrix<T> Dense<T>::patches(const Matrix<T>& input, Index first, Index count) const {
  Matrix<T> columns = Matrix<T>::Zero(input.rows(), whole_groups(count));
  columns.leftCols(count) = input.middleCols(first, count);
  return columns;
}

template class Dense<float>;
template class Dense<double>;

}  // namespace reluscope
