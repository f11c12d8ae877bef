#pragma once

#include "nn/initializer.hpp"
#include "nn/layer.hpp"
#include "nn/spec.hpp"

namespace reluscope {

/// Whether the layer has biases at all.
bool has_bias(const DenseSpec& spec);

/// What the initialisers of a dense layer are told; (seed, index) name its streams.
InitContext init_context(const DenseSpec& spec, Index inputs, std::uint64_t seed, std::uint64_t index);

/// a = φ(W h + b). Parameters: weight (units × inputs), bias (units) unless it has none, and for prelu slope (units,
/// or 1).
template <class T>
class Dense final : public Layer<T> {
 public:
  /// Draws the initial parameters from the streams named (seed, index).
  Dense(const std::string& name, const DenseSpec& spec, Index inputs, std::uint64_t seed, std::uint64_t index);

  [[nodiscard]] Index inputs() const override { return weight_.value.cols(); }
  [[nodiscard]] Index outputs() const override { return weight_.value.rows(); }
  [[nodiscard]] const ActivationEntry* activation() const override { return activation_; }
  [[nodiscard]] std::unique_ptr<Layer<T>> clone() const override { return std::make_unique<Dense<T>>(*this); }
  [[nodiscard]] std::unique_ptr<Layer<T>> select(const std::vector<Index>& inputs,
                                                 const std::vector<Index>& outputs) const override;
  using Layer<T>::parameter;
  [[nodiscard]] Parameter<T>* parameter(ParameterRole role) override;
  [[nodiscard]] ActivationShape activation_shape() const override { return shape_; }
  void respond(Matrix<T>& z) const override;
  [[nodiscard]] bool random_in_training() const override { return activation_->random; }
  [[nodiscard]] double training_factor() const override {
    return activation_->random ? std::numeric_limits<double>::infinity() : 1.0;
  }
  void parameters_changed() override;
  void forward(const Matrix<T>& input, LayerState<T>& state, const Shard& shard, const Pass& pass) const override;
  void backward(LayerState<T>& state, const Shard& shard, const Pass& pass, Matrix<T>* input_delta) const override;
  void gradient(const Matrix<T>& input, const LayerState<T>& state, Index batch, Index shards, const Tile& tile,
                T* out) const override;
  void append_tiles(std::size_t layer, std::vector<Tile>& tiles) const override;

 private:
  const ActivationEntry* activation_;
  ActivationShape shape_;
  std::shared_ptr<const ActivationKernel<T>> kernel_;
  Parameter<T> weight_;
  Parameter<T> bias_;  ///< zeros that nobody sees, unless the layer has one
  bool has_bias_;
  Parameter<T> slope_;     ///< empty unless the activation learns one
  Vector<T> unit_slopes_;  ///< slope_ spread over the units
  std::uint64_t index_;
};

}  // namespace reluscope
