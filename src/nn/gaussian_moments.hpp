#pragma once
// What an activation makes of a normal pre-activation.

#include "util/param.hpp"

namespace reluscope {

/// E[φ(z)²] and E[φ'(z)²].
struct SecondMoments {
  double value = 0.0;
  double slope = 0.0;
};

/// For z ~ N(mean, variance), as in training: over the draws too where the slope is random. Closed forms for functions
/// of two slopes. The others are integrated by Gauss–Legendre's rule over ±9 standard deviations, piece by piece: cut
/// at the activation's kinks, where a node would count one side's slope for both; every 1.5 standard deviations, for
/// the density; and at powers of 2 around 0, where these functions bend, for the widest distributions. The relative
/// error is below 1e-10.
SecondMoments second_moments(const Choice& activation, double mean, double variance);

}  // namespace reluscope
