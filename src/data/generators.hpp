#pragma once
// Synthetic data sets. Names, parameters and defaults are scikit-learn's (sklearn.datasets.make_*) where it has them;
// the numbers come from this project's own streams, so a seed gives the same data with every standard library.

#include <vector>

#include "data/sources.hpp"

namespace reluscope {

/// Points in the plane: moons, circles, blobs (any dimension), spirals, xor.
std::vector<SourceEntry> plane_generators();
/// Classes of vectors: classification, parity, sparse.
std::vector<SourceEntry> class_generators();
/// Several labels a sample: multilabel.
std::vector<SourceEntry> label_generators();
/// Real targets: regression, friedman1, abs, sin, teacher_student.
std::vector<SourceEntry> regression_generators();

}  // namespace reluscope
