#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "nn/parameter.hpp"

namespace reluscope::test {

/// The largest |analytic − numeric| / max(|analytic|, |numeric|, floor) over all elements of the parameters, where
/// numeric is (loss(θ + h) − loss(θ − h)) / 2h.
template <class Loss>
double worst_relative_error(const std::vector<Parameter<double>*>& parameters,
                            const std::vector<Matrix<double>>& analytic, double floor, Loss loss) {
  constexpr double kStep = 1e-5;
  double worst = 0.0;
  for (std::size_t which = 0; which < parameters.size(); ++which)
    for (Index element = 0; element < parameters[which]->value.size(); ++element) {
      double& value = parameters[which]->value.data()[element];
      const double kept = value;
      value = kept + kStep;
      const double above = loss();
      value = kept - kStep;
      const double below = loss();
      value = kept;
      const double numeric = (above - below) / (2.0 * kStep);
      const double exact = analytic[which].data()[element];
      worst = std::max(worst, std::abs(numeric - exact) / std::max({std::abs(numeric), std::abs(exact), floor}));
    }
  return worst;
}

}  // namespace reluscope::test
