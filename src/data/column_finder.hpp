#pragma once
// How a user speaks of the columns of a table: by their names, or by numbers, from 0 or negative from the end.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reluscope {

class ColumnFinder {
 public:
  /// `place`: of the header, for messages: "t.csv:1". `header`: empty where the file has none.
  ColumnFinder(std::string place, std::vector<std::string> header, std::size_t columns);

  /// The columns of a list. `key`: what it is the value of, for messages. Throws DataError for a column that is not
  /// there, for a name that two have, and for one that is named twice.
  [[nodiscard]] std::vector<std::size_t> find(const std::string& key, const std::string& list) const;
  /// One column.
  [[nodiscard]] std::size_t find_only(const std::string& key, const std::string& word) const;

 private:
  [[nodiscard]] std::optional<std::size_t> find_one(const std::string& key, std::string_view word) const;
  [[noreturn]] void fail(const std::string& message, const std::string& help = "") const;
  [[noreturn]] void fail_no_column(const std::string& key, const std::string& word) const;

  std::string place_;
  std::vector<std::string> header_;
  std::size_t columns_;
};

/// The columns of a list: "a, \"b, c\", 2" has three.
std::vector<std::string> split_columns(std::string_view list);
/// A list of columns, and one more.
std::string with_column(const std::string& list, const std::string& column);
/// A column's name, as in a list, where it has one of its own; else its number.
std::string reference_to(const std::vector<std::string>& header, std::size_t column);
/// "data.drop=id", in quotes for a shell where it needs them.
std::string setting(const std::string& key, const std::string& value);

}  // namespace reluscope
