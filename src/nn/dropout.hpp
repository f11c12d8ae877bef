#pragma once

#include "nn/layer.hpp"

namespace reluscope {

/// Inverted dropout (Srivastava et al. 2014): while training, each element is zeroed with probability p and the others
/// are scaled by 1/(1 − p); in evaluation the identity. The mask is a function of (seed, step, layer, column, element).
template <class T>
class Dropout final : public Layer<T> {
 public:
  Dropout(const std::string& name, double p, Index width, std::uint64_t index)
      : Layer<T>(name), p_(p), width_(width), index_(index) {}
  [[nodiscard]] std::unique_ptr<Layer<T>> clone() const override { return std::make_unique<Dropout<T>>(*this); }
  [[nodiscard]] std::unique_ptr<Layer<T>> select(const std::vector<Index>& inputs,
                                                 const std::vector<Index>& /*outputs*/) const override {
    return std::make_unique<Dropout<T>>(this->name(), p_, static_cast<Index>(inputs.size()), index_);
  }
  [[nodiscard]] Index inputs() const override { return width_; }
  [[nodiscard]] Index outputs() const override { return width_; }
  [[nodiscard]] bool random_in_training() const override { return p_ > 0.0; }
  [[nodiscard]] double training_factor() const override { return 1.0 / (1.0 - p_); }
  void forward(const Matrix<T>& input, LayerState<T>& state, const Shard& shard, const Pass& pass) const override;
  void backward(LayerState<T>& state, const Shard& shard, const Pass& pass, Matrix<T>* input_delta) const override;

 private:
  /// The shard's columns of state.saved: 0 with probability p, 1/(1 − p) otherwise.
  void draw_mask(LayerState<T>& state, const Shard& shard, const Pass& pass) const;

  double p_;
  Index width_;
  std::uint64_t index_;
};

}  // namespace reluscope
