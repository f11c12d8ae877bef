#pragma once

#include "nn/affine.hpp"

namespace reluscope {

/// Each unit sees all of the input.
template <class T>
class Dense final : public Affine<T> {
 public:
  /// Draws the initial parameters from the streams named (seed, stream).
  Dense(const LayerSpec& layer, Index inputs, std::uint64_t seed, std::uint64_t stream);

  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<Dense<T>>(*this); }
  [[nodiscard]] std::unique_ptr<Node<T>> select(const std::vector<Index>& inputs,
                                                const std::vector<Index>& outputs) const override;
  void gradient(NodeInputs<T> inputs, const NodeState<T>& state, Index batch, Index shards, const Tile& tile,
                T* out) const override;
  void append_tiles(std::size_t node, std::vector<Tile>& tiles) const override;
  void multiply(const Matrix<T>& input, NodeState<T>& state, Matrix<T>& z, const Shard& shard) const override;
  void pass_back(const Matrix<T>& input, NodeState<T>& state, Matrix<T>* input_delta,
                 const Shard& shard) const override;
  [[nodiscard]] Matrix<T> multiply_rows(const Matrix<T>& input, Index first, Index count,
                                        const std::vector<Index>& rows) const override;
  [[nodiscard]] Matrix<T> patches(const Matrix<T>& input, Index first, Index count) const override;

  [[nodiscard]] bool is_pointwise() const override { return true; }
};

}  // namespace reluscope
