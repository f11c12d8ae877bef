#pragma once
// Statistics of the training features, and the shift and scale of x' = (x − shift) · scale that follow from them.

#include "data/data_spec.hpp"
#include "data/dataset.hpp"

namespace reluscope {

/// Sets `dataset.shift` and `dataset.scale` from the training part alone:
///   none: 0 and 1; unit: one minimum and maximum over all features to [0, 1], for u8 features x / 255;
///   standard: one mean and population standard deviation over all; per_feature: one each; per_channel: one each for
///   all positions of a channel of `dataset.shape()`.
/// What does not vary keeps scale 1. Throws DataError where the values are too large for their statistics.
void set_normalization(Dataset& dataset, Normalization kind);

/// Sets `dataset.target_shift` and `dataset.target_scale` of a regression from the training part alone: mean and
/// population standard deviation of each output. An output that does not vary keeps scale 1. Throws DataError where the
/// values are too large for their statistics.
void set_target_normalization(Dataset& dataset);

}  // namespace reluscope
