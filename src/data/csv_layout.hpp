#pragma once
// What the columns of a table are for: header, labels, features, and how each is read.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/cells.hpp"
#include "data/column_finder.hpp"
#include "data/csv_records.hpp"
#include "data/filling.hpp"

namespace reluscope {

/// The user's say on a table. Lists of columns are names or numbers (negative: from the end) with commas between, a
/// name with a comma in it in quotes; empty: none.
struct CsvOptions {
  CsvForm form;
  std::optional<bool> header;  ///< nothing: found out
  std::string label_column;
  bool label_is_given = false;  ///< false: label_column is the default
  bool wants_labels = true;     ///< false: what stands in the label columns is not read
  std::string columns;          ///< the only ones that are features
  std::string drop;
  std::string categorical;  ///< or "auto"
  std::string ordinal;
  std::string dates;
  std::size_t max_categories = 20;
  MissingCells missing = MissingCells::error;
  NumberFormat numbers;
};

enum class Reading {
  left_out,
  label,
  number,
  automatic,  ///< a number, until text turns up: then one_hot
  date,
  one_hot,
  ordinal
};

/// Why a column is left out that the user dropped.
inline constexpr const char* kDropped = "data.drop";

struct CsvColumn {
  Reading reading = Reading::number;
  std::size_t target = 0;    ///< of a label: which one
  std::string why_left_out;  ///< of a column left out
};

struct CsvLayout {
  std::vector<std::string> header;  ///< empty without one
  std::vector<std::size_t> labels;  ///< the label columns, in the order asked for
  std::vector<CsvColumn> columns;
  bool has_empty_tail = false;  ///< every line ends with a delimiter: the last column is none

  [[nodiscard]] std::size_t features() const;
  /// Its name, where it has one of its own, else its number from 0: as a config takes it.
  [[nodiscard]] std::string reference_to(std::size_t column) const;
  /// "column species", "column 2, from 0": for messages.
  [[nodiscard]] std::string column_text(std::size_t column) const;
};

using CsvRow = std::vector<std::string>;

/// Whether the first record has the names of the columns. It has where it is text above numbers, dates or truth values;
/// it has none where it is of their kind itself. Where some of its cells say the one and some the other, numbers that
/// count up by one are names. Nothing where all is text. Columns that the user names need a header.
std::optional<bool> has_header(std::span<const CsvRow> rows, const CsvOptions& options);

/// The first records of a file, from which it is known what its columns are.
struct CsvStart {
  const CsvRecords& records;
  std::vector<CsvRow> rows;          ///< the first is the header, or not
  std::vector<std::uint64_t> lines;  ///< of each
  std::optional<bool> has_header;    ///< nothing: there is no telling
};

/// Reads them. Throws DataError for a file of nothing but blank lines.
CsvStart read_start(CsvRecords& records, const CsvOptions& options);

/// Whether each row ends with an empty cell that has no name: behind each line's last delimiter there is no column.
bool has_empty_tail(std::span<const CsvRow> rows);

/// Throws DataError, at the first record, for columns that the file does not have, and where it is not known whether
/// there is a header.
CsvLayout make_layout(const CsvStart& start, const CsvOptions& options);

}  // namespace reluscope
