#pragma once
// Tables of numbers as text: one sample a line, with the labels in one of the columns.

#include "data/csv_layout.hpp"
#include "data/sources.hpp"

namespace reluscope {

/// The `csv` kind: `file`, of which a test part is split off, or `train` and `test`; plain or gzip.
/// Features are kept as float where that loses nothing, else as double.
SourceEntry csv_source();

/// What the parameters of the kind say. Throws DataError where two contradict each other.
CsvOptions csv_options(const ParamValues& params, bool wants_labels);

}  // namespace reluscope
