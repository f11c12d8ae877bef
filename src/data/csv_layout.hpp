#pragma once
// What the columns of a CSV file are for: header, labels, features.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/csv_records.hpp"

namespace reluscope {

/// The user's say on the form of a CSV file.
struct CsvOptions {
  char delimiter = 0;          ///< 0: found out
  std::optional<bool> header;  ///< nothing: found out
  std::string label_column;    ///< a name, a number (negative: from the end), several with commas between; empty: none
  bool wants_labels = true;    ///< false: what stands in the label columns is not read
};

struct CsvLayout {
  std::vector<std::string> header;  ///< empty without one
  std::vector<std::size_t> labels;  ///< the label columns, in the order asked for
  std::vector<int> target_of;       ///< for each column: which of `labels` it is, or −1 for a feature

  [[nodiscard]] std::size_t columns() const { return target_of.size(); }
  [[nodiscard]] std::size_t features() const { return target_of.size() - labels.size(); }
  /// "column 3 "width"", counted from 1, for messages.
  [[nodiscard]] std::string column_text(std::size_t column) const;
};

/// Whether the first record is a header: some cell is text where a feature would have to be a number. A text in the
/// label column says nothing, unless the label below it is a number. A label column given by name needs a header.
/// Missing-value marks and what could be a number gone wrong ("2,5") do not make a header.
bool looks_like_header(const std::vector<std::string>& first, const std::vector<std::string>& second,
                       const std::string& label_column);

/// What makes a layout: the first record of a file, its names where it is a header.
struct CsvStart {
  const CsvRecords& records;
  std::uint64_t line;
  std::vector<std::string> header;  ///< empty without one
  std::size_t columns;
};

/// Throws DataError, at the first record, for label columns that the file does not have.
CsvLayout make_layout(CsvStart start, const std::string& label_column);

}  // namespace reluscope
