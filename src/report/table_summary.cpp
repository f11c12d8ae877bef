#include "report/table_summary.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "util/format.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

/// Columns that a person is shown; all are in the JSON.
constexpr std::size_t kMostColumns = 60;
constexpr std::size_t kLongestName = 18;
constexpr std::size_t kLongestValue = 12;
constexpr std::size_t kLongestValues = 17;
constexpr std::size_t kValuesInJson = 10;

std::string cut(const std::string& text, std::size_t most) {
  const std::string clean = printable(text);
  const std::string start = first_characters(clean, most);
  return start.size() == clean.size() ? clean : first_characters(clean, most - 1) + "…";
}

std::string day_text(double days) {
  const std::chrono::year_month_day day{std::chrono::sys_days(std::chrono::days(static_cast<int>(std::floor(days))))};
  const auto two = [](unsigned number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  return std::to_string(static_cast<int>(day.year())) + "-" + two(static_cast<unsigned>(day.month())) + "-" +
         two(static_cast<unsigned>(day.day()));
}

bool has_range(const ColumnProfile& column) {
  return column.numbers() > column.infinite && column.numbers() == column.filled();
}

/// "13.1 … 21.5", "2007-11-11 … 2009-12-01", "Adelie 93, Gentoo 85, …"
std::string values_text(const ColumnProfile& column) {
  if (column.filled() == 0) return "";
  if (has_range(column)) return format_short(column.min) + "…" + format_short(column.max);
  if (column.count(CellKind::date) == column.filled()) return day_text(column.min) + "…" + day_text(column.max);
  if (column.values.empty()) return "";
  if (column.all_different) return cut(column.values.front().first, kLongestValue) + ", …";
  // As many as fit; the first one always.
  std::string text;
  for (const auto& [value, count] : column.values) {
    const std::string next = (text.empty() ? "" : ", ") + cut(value, kLongestValue) + " " + std::to_string(count);
    if (!text.empty() && text.size() + next.size() > kLongestValues) return text + ", …";
    text += next;
  }
  return text;
}

std::string distinct_text(const ColumnProfile& column) {
  return (column.has_more_distinct ? ">" : "") + std::to_string(column.distinct);
}

std::string short_type(const ColumnProfile& column) {
  const std::string type = column.type();
  return type == "number, in another notation" ? "number, 1,5" : type;
}

std::string delimiter_name(const CsvForm& form) {
  if (form.blanks) return "blanks";
  switch (form.delimiter) {
    case ',':
      return "commas";
    case ';':
      return "semicolons";
    case '\t':
      return "tabs";
    default:
      return std::string(1, form.delimiter);
  }
}

}  // namespace

std::string table_summary(const TableProfile& table, const TableGuess& guess, TableStyle style) {
  std::string text = std::to_string(table.rows) + " rows × " + std::to_string(table.columns.size()) +
                     " columns, separated by " + delimiter_name(table.form) +
                     (table.header_is_unclear ? ", perhaps a header"
                      : table.has_header      ? ", a header"
                                              : ", no header") +
                     (table.form.wrapped ? ", lines quoted as a whole" : "") + "\n\n";
  std::vector<std::vector<std::string>> rows;
  for (std::size_t at = 0; at < std::min(kMostColumns, table.columns.size()); ++at) {
    const ColumnProfile& column = table.columns[at];
    const std::string name = table.has_header ? cut(column.name, kLongestName) : "";
    rows.push_back({table.has_header ? name : std::to_string(at), short_type(column),
                    std::to_string(column.count(CellKind::missing)), distinct_text(column), values_text(column),
                    std::string(column_use_name(guess.columns[at].use))});
  }
  text += format_table({"column", "type", "missing", "distinct", "values", "guess"}, rows, 2, style);
  if (table.columns.size() > kMostColumns)
    text += "and " + std::to_string(table.columns.size() - kMostColumns) + " columns more: --json has them all\n";
  if (table.ragged > 0)
    text += "\n" + std::to_string(table.ragged) + " rows have another number of fields, the first of them on line " +
            std::to_string(table.first_ragged) + ": they are not counted above\n";
  if (!guess.label && !guess.label_candidates.empty()) {
    text += "\nThe label may be";
    for (std::size_t at = 0; at < guess.label_candidates.size(); ++at)
      text += (at == 0 ? " " : ", ") + cut(table.columns[guess.label_candidates[at]].name, kLongestName);
    text += "\n";
  }
  return text;
}

Json table_summary_json(const TableProfile& table, const TableGuess& guess) {
  Json document = {{"rows", table.rows},
                   {"delimiter", delimiter_name(table.form)},
                   {"header", table.header_is_unclear ? Json(nullptr) : Json(table.has_header)},
                   {"ragged_rows", table.ragged},
                   {"label", guess.label ? Json(*guess.label) : Json(nullptr)},
                   {"columns", Json::array()}};
  for (std::size_t at = 0; at < table.columns.size(); ++at) {
    const ColumnProfile& column = table.columns[at];
    const bool ranged = has_range(column);
    const auto finite = static_cast<double>(column.numbers() - column.infinite);
    Json one = {{"name", table.has_header ? Json(column.name) : Json(nullptr)},
                {"type", column.type()},
                {"missing", column.count(CellKind::missing)},
                {"distinct", column.distinct},
                {"distinct_is_exact", !column.has_more_distinct},
                {"min", ranged ? Json(column.min) : Json(nullptr)},
                {"max", ranged ? Json(column.max) : Json(nullptr)},
                {"mean", ranged ? number_or_null(column.sum / finite) : Json(nullptr)},
                {"zeros", column.zeros},
                {"not_finite", column.infinite},
                {"values", Json::array()},
                {"guess", std::string(column_use_name(guess.columns[at].use))},
                {"why", guess.columns[at].why}};
    for (std::size_t value = 0; value < std::min(kValuesInJson, column.values.size()); ++value)
      one["values"].push_back({{"value", column.values[value].first}, {"count", column.values[value].second}});
    document["columns"].push_back(std::move(one));
  }
  return document;
}

}  // namespace reluscope
