#pragma once
// NPY, NumPy's array file (numpy.lib.format, versions 1 to 3): magic string, a Python dictionary as text, the elements.

#include "data/sources.hpp"

namespace reluscope {

/// The `npy` kind: `file` and `labels`, of which a test part is split off, or `train`, `train_labels`, `test` and
/// `test_labels`; plain or gzip. Features are samples × …, what follows the first dimension is flattened in C order,
/// and is the shape of a sample where it is height × width or channels × height × width; labels are 1-D, regression
/// targets 1-D or samples × outputs.
SourceEntry npy_source();

}  // namespace reluscope
