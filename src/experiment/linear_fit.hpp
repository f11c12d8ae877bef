#pragma once
// What the plainest model gets of the data: where it is no better than a constant either, a network that has learned
// nothing may have met data that hold no more.

#include <optional>

#include "experiment/criterion.hpp"

namespace reluscope {

/// By how much a linear fit is better than the mean, in squared error a sample.
struct LinearGain {
  double gain = 0.0;   ///< mean over the samples
  double error = 0.0;  ///< its standard error, from the differences of the single samples
};

/// Ridge regression (Hoerl and Kennard 1970) of the training part's targets, classes as one number each, on its
/// features with mean 0 and standard deviation 1, with a ridge of as much as there are features. Each half of the
/// samples is judged by the fit of the other half. At most 2048 samples, evenly spaced, are looked at. Nothing for
/// fewer than 20 samples, or more than 1024 features or 64 outputs.
std::optional<LinearGain> gain_of_linear_fit(const Criterion& criterion, const Dataset& dataset);

}  // namespace reluscope
