#pragma once
// What `inspect` says of a table: a row a column.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "data/table_guess.hpp"
#include "report/terminal.hpp"

namespace reluscope {

/// Columns with their types, gaps, different values, range or most frequent values, and what each may be for.
std::string table_summary(const TableProfile& table, const TableGuess& guess, TableStyle style);

/// The same, of every column: {"rows", "delimiter", "header", "ragged_rows", "columns": […]}.
nlohmann::ordered_json table_summary_json(const TableProfile& table, const TableGuess& guess);

}  // namespace reluscope
