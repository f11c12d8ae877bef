#pragma once
// From the columns of a table to the features of a network: a number is one, a category is one for each of its values.

#include <optional>
#include <string>
#include <vector>

#include "data/csv_table.hpp"
#include "data/sources.hpp"

namespace reluscope {

/// Fills `data` with the features of the training table, and of the test table where there is one. What features there
/// are the training table says: a category that only the test table has is none of them. Throws DataError where the
/// test table does not fit, and std::bad_alloc where memory would not do.
void make_features(RawData& data, CsvTable train, std::optional<CsvTable> test, MissingCells missing);

}  // namespace reluscope
