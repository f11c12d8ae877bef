#pragma once
// What is added to the loss besides the data's: norms of weights and of hidden activations.

#include "nn/matrix.hpp"

namespace reluscope {

/// L + l1_weights Σ|w| + l2_weights Σ w² + l1_activations · mean over the samples of Σ|a|, as Keras' regularizers L1
/// and L2 (no ½: Goodfellow, Bengio & Courville 2016, section 7.1, has one). Weights: of all layers, without biases and
/// slopes. Activations: of the hidden layers, before dropout.
struct Penalty {
  double l1_weights = 0.0;
  double l2_weights = 0.0;
  double l1_activations = 0.0;
  [[nodiscard]] bool on_weights() const { return l1_weights != 0.0 || l2_weights != 0.0; }
  [[nodiscard]] bool any() const { return on_weights() || l1_activations != 0.0; }
};

/// Σ|w| and Σ w².
struct WeightSums {
  double absolute = 0.0;
  double square = 0.0;
};
template <class T>
WeightSums sum_weights(const T* weights, Index count);

/// gradient += ∂/∂w of the penalty on these weights: l1 sign(w) + 2 l2 w, with sign(0) = 0.
template <class T>
void add_weight_penalty(const Penalty& penalty, const T* weights, Index count, T* gradient);

/// delta += l1 sign(a): the penalty on a sample's activations, which are 0 where a relu is dead.
template <class T>
void add_activation_penalty(double l1, const ConstView<T>& activations, View<T> delta);

}  // namespace reluscope
