#pragma once

#include "nn/affine.hpp"
#include "nn/window.hpp"

namespace reluscope {

/// A cross-correlation, as PyTorch's Conv2d: each unit sees a square window of the input at a time, all its channels,
/// and zeros beyond its edge. Weights are units × (channels · kernel · kernel), as PyTorch lays them out.
template <class T>
class Conv2d final : public Affine<T> {
 public:
  /// Draws the initial parameters from the streams named (seed, stream).
  Conv2d(const LayerSpec& layer, const Shape& input, std::uint64_t seed, std::uint64_t stream);
  /// The window of a layer of type conv2d.
  static Window window_of(const LayerSpec& layer, const Shape& input);

  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<Conv2d<T>>(*this); }
  [[nodiscard]] std::unique_ptr<Node<T>> select(const std::vector<Index>& inputs,
                                                const std::vector<Index>& outputs) const override;
  [[nodiscard]] Index inputs_per_channel() const override { return window_.size(); }
  [[nodiscard]] bool pads() const override { return window_.pads(); }
  [[nodiscard]] std::vector<Index> weight_shape() const override {
    return {this->units(), window_.channels, window_.rows.kernel, window_.columns.kernel};
  }
  void prepare_room(NodeState<T>& state, Index shards) const override;
  void gradient(NodeInputs<T> inputs, const NodeState<T>& state, Index batch, Index shards, const Tile& tile,
                T* out) const override;
  void append_tiles(std::size_t node, std::vector<Tile>& tiles) const override;
  void multiply(const Matrix<T>& input, NodeState<T>& state, Matrix<T>& z, const Shard& shard) const override;
  void pass_back(const Matrix<T>& input, NodeState<T>& state, Matrix<T>* input_delta,
                 const Shard& shard) const override;
  [[nodiscard]] Matrix<T> patches(const Matrix<T>& input, Index first, Index count) const override;

  [[nodiscard]] Box patch_of(const Box& input) const override;
  [[nodiscard]] Eigen::VectorXd patch_of(const Eigen::VectorXd& drift) const override;

 private:
  void prepare_way_back(ShardRoom<T>& room) const;
  void cut_out(const T* samples, Index first, Index count, T* out) const;
  void put_back(const T* deltas, Index first, Index count, T* samples) const;

  Window window_;
};

/// Values that a convolution keeps for each shard, besides its part of the batch; saturates.
std::uint64_t conv2d_room(Index units, Index fan_in);

}  // namespace reluscope
