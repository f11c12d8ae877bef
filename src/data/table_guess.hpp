#pragma once
// What the columns of a table may be for, guessed from what they hold and how they are called.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "data/table_profile.hpp"

namespace reluscope {

enum class ColumnUse {
  label,
  number,      ///< a feature as it is
  category,    ///< a feature for each of its values
  row_number,  ///< counts the rows
  id,          ///< names the row
  constant,
  date,
  text,  ///< too many different texts
  mostly_missing
};
/// "label", "feature", "categories", "row number", "id", …
std::string_view column_use_name(ColumnUse use);

struct ColumnGuess {
  ColumnUse use = ColumnUse::number;
  std::string why;  ///< half a sentence: "3 different texts"

  [[nodiscard]] bool is_feature() const { return use == ColumnUse::number || use == ColumnUse::category; }
};

struct TableGuess {
  std::vector<ColumnGuess> columns;
  std::optional<std::size_t> label;
  std::string why_label;
  std::vector<std::size_t> label_candidates;  ///< where there is no label: what it may be
  std::vector<NumberFormat> notations;        ///< where numbers are not plain: what they may be in
};

/// `label`: the user's; else guessed. `most_categories`: as in CsvOptions.
TableGuess guess_table(const TableProfile& table, std::optional<std::size_t> label, std::size_t most_categories);

/// The classes that the column is taken for as a label: of `task: auto`, the same answer that assign_targets gives for
/// the file. Nothing where its values are numbers.
std::optional<std::vector<std::pair<std::string, std::uint64_t>>> classes_of(const ColumnProfile& label);

}  // namespace reluscope
