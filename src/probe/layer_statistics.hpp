#pragma once
// What one mini-batch shows of a layer, and of the gradient's noise. Definitions: docs/reading-traces.md.

#include <cstdint>

#include "nn/node.hpp"

namespace reluscope {

/// Over the units of a layer, its positions and the samples of one batch. Pre-activations z and activations a = φ(z),
/// while training.
struct LayerStatistics {
  Index units = 0;
  Index batch_dead = 0;        ///< units whose φ'(z) is exactly 0 for every sample of the batch
  double zero_fraction = 0.0;  ///< share of a that is exactly 0
  double z_mean = 0.0;
  double z_std = 0.0;  ///< population standard deviation
  double z_max = 0.0;  ///< max |z|
  double a_mean = 0.0;
  double a_rms = 0.0;
  double a_max = 0.0;  ///< max |a|
  /// RMS, over units and samples, of ∂L/∂z of each sample's own loss. The positions of a unit are summed in square: the
  /// more there are, the smaller is the gradient at each.
  double delta_rms = 0.0;
};

/// From the sums that forward and backward left in `state` with Measure::batch.
template <class T>
LayerStatistics layer_statistics(const NodeState<T>& state, const Shape& shape, Index batch, Index shards);

/// What the monitors of other tools count, from the activations of one batch. A position of a sample is to them a
/// sample.
struct MonitorStatistics {
  Index batch_rare = 0;               ///< units with a ≠ 0 on less than 1 % of the samples (SageMaker Debugger)
  Index batch_faint = 0;              ///< units with |a| < 1e-5 on 95 % of them or more (TheDeepChecker)
  double tiny_fraction = 0.0;         ///< share of activations with |a| < 1e-6
  double nonpositive_fraction = 0.0;  ///< share of activations ≤ 0 (DeepDiagnosis)
};
/// A pass of its own over `state.output`: only for who asks.
template <class T>
MonitorStatistics monitor_statistics(const NodeState<T>& state, Index units, Index batch);

/// Σ over the batch of the squared norm of a sample's own gradient in a dense layer's weights and biases:
/// ‖δ hᵀ‖² + ‖δ‖² = ‖δ‖² (‖h‖² + 1) (Goodfellow 2015); without biases the 1 is not there. `input_square`: ‖h‖² of each
/// column.
template <class T>
double sample_gradient_square_sum(const NodeState<T>& state, const Vector<T>& input_square, bool has_bias, Index batch);

/// Noise and signal of a gradient: tr(Σ), the variance of a single sample's gradient, summed over the parameters, and
/// ‖G‖², the squared norm of the expected gradient.
struct GradientNoise {
  double trace = 0.0;
  double signal = 0.0;
  /// The simple noise scale tr(Σ)/‖G‖² (McCandlish et al. 2018, eq. 2.9), in samples. Infinite where the gradient
  /// cannot be told from noise (‖G‖² ≤ 0).
  [[nodiscard]] double scale() const;
};

/// Both from one batch of B samples, by the unbiased estimates of McCandlish et al. 2018, appendix A.1, for B_small =
/// 1: tr(Σ) = (m − g)/(1 − 1/B), ‖G‖² = (B g − m)/(B − 1), where m is the mean squared norm of a sample's gradient and
/// g the squared norm of the batch's gradient. That of ‖G‖² may be negative. NaN for B < 2.
GradientNoise gradient_noise(double sample_square_mean, double batch_square, Index batch);

/// Running averages of noise and signal over the measured batches, each by itself: a ratio of averages is far less
/// biased and scattered than an average of ratios (McCandlish et al. 2018, appendix A.1). Exponential: a batch counts
/// kDecay times as much as the one after it.
class NoiseAverage {
 public:
  static constexpr double kDecay = 0.99;

  /// Leaves out what is not finite.
  void add(const GradientNoise& batch);
  [[nodiscard]] GradientNoise mean() const { return {sums_.trace / weight_, sums_.signal / weight_}; }
  [[nodiscard]] std::int64_t batches() const { return batches_; }

  template <class Archive>
  void archive(Archive& file) {
    file(sums_.trace, sums_.signal, weight_, batches_);
  }

 private:
  GradientNoise sums_;   ///< Σ kDecay^age · x
  double weight_ = 0.0;  ///< Σ kDecay^age
  std::int64_t batches_ = 0;
};

}  // namespace reluscope
