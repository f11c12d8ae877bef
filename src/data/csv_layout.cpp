#include "data/csv_layout.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <utility>

#include "data/targets.hpp"

namespace reluscope {
namespace {

constexpr std::size_t kNamesShown = 12;

/// The column that `word` stands for, when it is a number in range.
std::optional<std::size_t> numbered_column(std::string_view word, std::size_t columns) {
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc{} || stop != word.data() + word.size()) return std::nullopt;
  const auto count = static_cast<std::int64_t>(columns);
  if (number < -count || number >= count) return std::nullopt;
  return static_cast<std::size_t>(number < 0 ? number + count : number);
}

/// Names come before numbers: pandas writes headers of numbers.
std::optional<std::size_t> find_column(const CsvStart& start, std::string_view word) {
  const auto named = std::find(start.header.begin(), start.header.end(), word);
  if (named == start.header.end()) return numbered_column(word, start.columns);
  if (std::find(named + 1, start.header.end(), word) != start.header.end())
    start.records.fail_at(start.line,
                          "two columns are called " + in_quotes(word) + "; give the label column by its number");
  return static_cast<std::size_t>(named - start.header.begin());
}

std::vector<std::string_view> split_list(std::string_view list) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t comma = list.find(',');
    words.push_back(trimmed(list.substr(0, comma)));
    if (comma == std::string_view::npos) return words;
    list.remove_prefix(comma + 1);
  }
}

[[noreturn]] void fail_no_column(const CsvStart& start, std::string_view word) {
  const std::vector<std::string>& header = start.header;
  std::string names;
  for (std::size_t column = 0; column < std::min(header.size(), kNamesShown); ++column)
    names += (column == 0 ? ", or one of " : ", ") + in_quotes(header[column]);
  if (header.size() > kNamesShown) names += ", …";
  start.records.fail_at(start.line, "label_column " + in_quotes(word) +
                                        " is not in this file; it may be a number from " +
                                        std::to_string(-static_cast<std::int64_t>(start.columns)) + " to " +
                                        std::to_string(start.columns - 1) +
                                        (header.empty() ? " (there is no header with names)" : names));
}

std::vector<std::size_t> find_labels(const CsvStart& start, const std::string& wanted) {
  if (wanted.empty()) return {};
  // The whole text first: a name may hold a comma.
  if (const auto single = find_column(start, trimmed(wanted))) return {*single};
  std::vector<std::size_t> found;
  for (const std::string_view word : split_list(wanted)) {
    const auto column = find_column(start, word);
    if (!column) fail_no_column(start, word);
    if (std::find(found.begin(), found.end(), *column) != found.end())
      start.records.fail_at(start.line, "label_column names column " + std::to_string(*column + 1) + " twice");
    found.push_back(*column);
  }
  return found;
}

/// Not a number, nor one gone wrong (a decimal comma, a thousands separator), nor a gap.
bool is_name(std::string_view cell) {
  const std::string_view content = trimmed(cell);
  const bool starts_like_number = content.find_first_of("0123456789+-.") == 0;
  const bool is_number_like = starts_like_number && content.find_first_not_of("0123456789+-.,eE") == std::string::npos;
  return !is_missing(content) && !is_number_like && !parse_number(content);
}

std::string delimiter_text(char delimiter) { return delimiter == '\t' ? "tab" : in_quotes(std::string(1, delimiter)); }

}  // namespace

std::string CsvLayout::column_text(std::size_t column) const {
  const std::string number = "column " + std::to_string(column + 1);
  return column < header.size() ? number + " " + in_quotes(header[column]) : number;
}

bool looks_like_header(const std::vector<std::string>& first, const std::vector<std::string>& second,
                       const std::string& label_column) {
  std::vector<std::size_t> labels;
  for (const std::string_view word :
       label_column.empty() ? std::vector<std::string_view>() : split_list(label_column)) {
    const auto column = numbered_column(word, first.size());
    if (!column) return !parse_number(word);  // a name; a number out of range is refused later
    labels.push_back(*column);
  }
  for (std::size_t column = 0; column < first.size(); ++column) {
    if (!is_name(first[column])) continue;
    const bool is_label = std::find(labels.begin(), labels.end(), column) != labels.end();
    if (!is_label || (column < second.size() && parse_number(second[column]))) return true;
  }
  return false;
}

CsvLayout make_layout(CsvStart start, const std::string& label_column) {
  for (std::string& name : start.header) name = std::string(trimmed(name));
  CsvLayout layout;
  layout.labels = find_labels(start, label_column);
  layout.target_of.assign(start.columns, -1);
  for (std::size_t target = 0; target < layout.labels.size(); ++target)
    layout.target_of[layout.labels[target]] = static_cast<int>(target);
  if (layout.features() == 0)
    start.records.fail_at(start.line, "found " + std::to_string(start.columns) + " column(s) with delimiter " +
                                          delimiter_text(start.records.delimiter()) +
                                          ", all of them labels; at least one feature column is needed");
  layout.header = std::move(start.header);
  return layout;
}

}  // namespace reluscope
