#pragma once
// Cells that are missing, and what stands in for them.

#include <string_view>
#include <vector>

#include "data/dataset.hpp"

namespace reluscope {

/// What becomes of rows with missing cells. Rows without a label are left out by all but the first.
enum class MissingCells {
  error,      ///< they are refused, with the counts of each column
  drop_rows,  ///< they are left out
  mean,       ///< of the column
  median,     ///< of the column
  indicator   ///< the mean, and a feature more, 1 where the cell is missing
};

/// What stands in for the missing values of one feature: a statistic of the training part, or 0 (one-hot columns: the
/// row is of none of the categories).
enum class Fill { none, mean, median, zero };
std::string_view fill_name(Fill fill);

/// Fills the missing features (NaN) of both parts with statistics of the training part, notes in `dataset.missing` how
/// many the training part has, and in `dataset.table` what they were filled with. `fills`: one a feature, or empty.
/// Throws DataError for a feature that has no value at all in the training part.
void fill_missing(Dataset& dataset, const std::vector<Fill>& fills);

}  // namespace reluscope
