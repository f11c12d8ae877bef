#pragma once
// The tables of weight and bias initialisers. Every layer draws from random streams of its own, so that changing one
// layer leaves the others' initial weights as they were.

#include <cstdint>
#include <span>

#include "nn/matrix.hpp"
#include "util/param.hpp"

namespace reluscope {

/// What an initialiser is told about the layer.
struct InitContext {
  Index fan_in = 1;
  Index fan_out = 1;
  Index kernel = 1;             ///< positions of a convolution's kernel: each unit counts so often in fan_out
  double negative_slope = 0.0;  ///< of the layer's activation: the a in He et al. 2015, eq. 14
  std::uint64_t seed = 0;
  std::uint64_t layer = 0;  ///< names the random streams

  [[nodiscard]] Index units() const { return fan_out / kernel; }
};

/// What a layer starts from, in float64 whatever the run's precision.
struct InitialParameters {
  Matrix<double> weights;  ///< units × fan_in
  Vector<double> bias;     ///< units
};

/// Mean and variance of one element of an initial array.
struct Moments {
  double mean = 0.0;
  double variance = 0.0;
};

/// Of a weight and of a bias of one layer.
struct InitMoments {
  Moments weight;
  Moments bias;
};

struct WeightInitEntry : Entry {
  /// Fills `weights` (already units × fan_in) and `bias` (zero on entry) with what goes with them.
  void (*draw)(const ParamValues& params, const InitContext& context, InitialParameters& out) = nullptr;
  /// What `draw` draws from, with the bias that goes with it.
  InitMoments (*moments)(const ParamValues& params, const InitContext& context) = nullptr;
};

struct BiasInitEntry : Entry {
  /// Fills `bias`; nullptr for "auto", which keeps what came with the weights.
  void (*draw)(const ParamValues& params, const InitContext& context, Vector<double>& bias) = nullptr;
  Moments (*moments)(const ParamValues& params) = nullptr;  ///< of one bias; nullptr for "auto"
};

std::span<const WeightInitEntry> weight_init_table();
std::span<const BiasInitEntry> bias_init_table();

/// Draws weights, then biases. `drawn` takes any shape; its memory is used again where that fits.
void draw_initial_parameters(const Choice& weight_init, const Choice& bias_init, const InitContext& context,
                             InitialParameters& drawn);

/// The moments of what draw_initial_parameters() draws.
InitMoments initial_moments(const Choice& weight_init, const Choice& bias_init, const InitContext& context);

}  // namespace reluscope
