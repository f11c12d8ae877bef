#pragma once
// A table read from front to back: a number for each cell of its feature columns, and what the texts among them stand
// for.

#include <cstdint>
#include <string>
#include <vector>

#include "data/categories.hpp"
#include "data/csv_layout.hpp"
#include "data/elements.hpp"
#include "data/targets.hpp"

namespace reluscope {

/// A column that features are made of.
struct FeatureColumn {
  std::size_t column = 0;             ///< in the file
  std::string name;                   ///< empty where the file has none
  Reading reading = Reading::number;  ///< number, date, one_hot, ordinal
  Categories categories;              ///< of one_hot and ordinal: the texts that its numbers stand for
  std::uint64_t missing = 0;          ///< cells
};

struct CsvTable {
  CsvLayout layout;
  std::vector<FeatureColumn> columns;
  FeatureMatrix values;  ///< columns × samples; NaN: missing
  TargetColumns targets;
  std::uint64_t rows_left_out = 0;
  std::uint64_t comments = 0;      ///< lines among the rows that were left out as comments
  bool first_counts_rows = false;  ///< the first feature column is 0, 1, 2, … or 1, 2, 3, … from row to row
};

/// Throws DataError at the first cell that is not what its column needs, with the settings that would take it.
CsvTable read_csv_table(const std::filesystem::path& path, const CsvOptions& options);

}  // namespace reluscope
