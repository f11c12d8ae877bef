#pragma once

#include "nn/affine.hpp"
#include "nn/convolution.hpp"

namespace reluscope {

/// A cross-correlation, as PyTorch's Conv2d: each unit sees a square window of the input at a time, all its channels,
/// and zeros beyond its edge. Weights are units × (channels · kernel · kernel), as PyTorch lays them out.
template <class T>
class Conv2d final : public Affine<T> {
 public:
  /// Draws the initial parameters from the streams named (seed, stream).
  Conv2d(const LayerSpec& layer, const Shape& input, std::uint64_t seed, std::uint64_t stream);
  Conv2d(const Conv2d& other) : Affine<T>(other), window_(other.window_), products_(other.products_->clone()) {}
  /// The window of a layer of type conv2d.
  static Window window_of(const LayerSpec& layer, const Shape& input);

  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<Conv2d<T>>(*this); }
  [[nodiscard]] std::unique_ptr<Node<T>> select(const std::vector<Index>& inputs,
                                                const std::vector<Index>& outputs) const override;
  [[nodiscard]] Index inputs_per_channel() const override { return window_.size(); }
  [[nodiscard]] bool pads() const override { return window_.pads(); }
  [[nodiscard]] std::vector<Index> array_shape(ParameterRole role) const override {
    if (role != ParameterRole::weight) return Affine<T>::array_shape(role);
    return {this->units(), window_.channels, window_.rows.kernel, window_.columns.kernel};
  }
  void parameters_changed() override { products_->weights_changed(); }
  void prepare_room(NodeState<T>& state, Index shards) const override;
  void gradient(NodeInputs<T> inputs, const NodeState<T>& state, Index batch, Index shards, const Tile& tile,
                T* out) const override;
  void append_tiles(std::size_t node, std::vector<Tile>& tiles) const override;
  void multiply(const Matrix<T>& input, NodeState<T>& state, Matrix<T>& z, const Shard& shard) const override;
  void pass_back(const Matrix<T>& input, NodeState<T>& state, Matrix<T>* input_delta,
                 const Shard& shard) const override;
  [[nodiscard]] Matrix<T> multiply_rows(const Matrix<T>& input, Index first, Index count,
                                        const std::vector<Index>& rows) const override;
  [[nodiscard]] Matrix<T> patches(const Matrix<T>& input, Index first, Index count) const override;

  [[nodiscard]] bool is_pointwise() const override { return window_.size() == 1 && !window_.pads(); }
  [[nodiscard]] Box patch_of(const Box& input) const override;
  [[nodiscard]] Eigen::VectorXd patch_of(const Eigen::VectorXd& drift) const override;

 private:
  Window window_;
  std::unique_ptr<Convolution<T>> products_;
};

}  // namespace reluscope
