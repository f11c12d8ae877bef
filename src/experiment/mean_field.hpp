#pragma once
// Second moments of pre-activations and of gradients on their way through a network, place by place: the equations
// stand in experiment/theory.hpp.

#include <vector>

#include "experiment/theory.hpp"
#include "nn/gaussian_moments.hpp"
#include "nn/initializer.hpp"
#include "nn/layer_places.hpp"
#include "nn/matrix.hpp"

namespace reluscope {

/// What is between two sites, or the first one and the data: a map, and dropout below it.
struct MapMoments {
  InitMoments moments;
  double sees = 0.0;     ///< values that z sees, on average over its positions: padding is none
  double seen_by = 0.0;  ///< values of z that see a value, on average
};

/// Of an affine layer's place; `stream`: sites before it.
MapMoments map_moments(const LayerPlace& place, std::size_t stream);

/// How often the first map sees each value of a sample, on average over its positions; nothing: once, or there is no
/// such map.
Vector<double> first_map_weights(const std::vector<LayerPlace>& places);

/// The values v that a place yields, for each group of samples: z ~ N(mean, variance), or what became of that.
struct Signal {
  bool known = false;
  bool is_data = false;         ///< `squares` are Σ x² over what a unit of the first map sees
  bool is_constant = false;     ///< all units of a map are the same
  bool is_normal = false;       ///< v is z
  std::vector<double> squares;  ///< E[v²] of a value
  std::vector<double> variances;
  double mean = 0.0;
  double kept = 1.0;  ///< share that dropout has kept since
};

/// The signals on their way from the data, place by place.
class ForwardMoments {
 public:
  /// `norms`: mean Σ x² over what a unit of the first map sees, of each group of samples. The places must outlive it.
  ForwardMoments(const std::vector<LayerPlace>& places, std::vector<double> norms);

  /// Fills in the q of each site, where it is known, and what stands below.
  void run(Theory& theory);

  std::vector<std::vector<SecondMoments>> moments;  ///< of each place with an activation: E[φ²], E[φ'²] of each group
  std::vector<double> variances;                    ///< of z at the output; nothing where it is not known

 private:
  Signal through(const LayerPlace& place, const Signal& below, std::size_t site);
  void activate(const Choice& phi, Signal& signal);

  const std::vector<LayerPlace>& places_;
  Signal data_;
  bool data_is_read_ = false;    ///< by a map
  std::vector<Signal> signals_;  ///< of what each place yields
};

/// δ on its way back from the output, as far as there is one way, through maps and dropout alone: fills in δ_rms and
/// χ₁. `delta_square`: E[δ²] of an output's z, of each group.
void predict_deltas(const std::vector<LayerPlace>& places, const ForwardMoments& forward,
                    std::vector<double> delta_square, Theory& theory);

}  // namespace reluscope
