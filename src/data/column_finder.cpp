#include "data/column_finder.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "data/cells.hpp"
#include "data/input_file.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/format.hpp"
#include "util/nearest.hpp"

namespace reluscope {
namespace {

constexpr std::size_t kNamesShown = 12;

/// The number that fills the word.
std::optional<std::int64_t> whole_number(std::string_view word) {
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc{} && stop == word.data() + word.size() ? std::optional(number) : std::nullopt;
}

}  // namespace

ColumnFinder::ColumnFinder(std::string place, std::vector<std::string> header, std::size_t columns)
    : place_(std::move(place)), header_(std::move(header)), columns_(columns) {}

std::vector<std::size_t> ColumnFinder::find(const std::string& key, const std::string& list) const {
  if (list.empty()) return {};
  // The whole text first: a name may hold a comma.
  if (const auto single = find_one(key, trimmed(list))) return {*single};
  std::vector<std::size_t> found;
  for (const std::string& word : split_columns(list)) {
    const auto column = find_one(key, word);
    if (!column) fail_no_column(key, word);
    if (std::find(found.begin(), found.end(), *column) != found.end()) fail(key + " has " + in_quotes(word) + " twice");
    found.push_back(*column);
  }
  return found;
}

std::size_t ColumnFinder::find_only(const std::string& key, const std::string& word) const {
  const std::vector<std::size_t> found = find(key, word);
  if (found.size() != 1) fail(key + " takes one column, found " + std::to_string(found.size()));
  return found.front();
}

/// Names come before numbers: pandas writes headers of numbers.
std::optional<std::size_t> ColumnFinder::find_one(const std::string& key, std::string_view word) const {
  const auto named = std::find(header_.begin(), header_.end(), word);
  if (named == header_.end()) {
    const auto number = whole_number(word);
    const auto count = static_cast<std::int64_t>(columns_);
    if (!number || *number < -count || *number >= count) return std::nullopt;
    return static_cast<std::size_t>(*number < 0 ? *number + count : *number);
  }
  const auto column = static_cast<std::size_t>(named - header_.begin());
  if (std::find(named + 1, header_.end(), word) != header_.end())
    fail("two columns are called " + in_quotes(word) + "; give " + key + " a number",
         setting(key, std::to_string(column)));
  return column;
}

void ColumnFinder::fail(const std::string& message, const std::string& help) const {
  throw DataError(place_ + ": " + message + help_line(help));
}

void ColumnFinder::fail_no_column(const std::string& key, const std::string& word) const {
  std::string message = key + ": no column is called " + in_quotes(word);
  if (header_.empty())
    fail(message + "; there is no header with names, so that columns go by number, from " +
             std::to_string(-static_cast<std::int64_t>(columns_)) + " to " + std::to_string(columns_ - 1),
         "data.header=true, if the first line holds names");
  message += "; there are";
  for (std::size_t column = 0; column < std::min(header_.size(), kNamesShown); ++column)
    message += (column == 0 ? " " : ", ") + in_quotes(header_[column]);
  if (header_.size() > kNamesShown) message += ", …";
  const auto near = nearest_name(word, header_);
  fail(message, near ? setting(key, *near) : "");
}

std::vector<std::string> split_columns(std::string_view list) {
  std::vector<std::string> words(1);
  bool in_quotes = false;
  for (std::size_t at = 0; at < list.size(); ++at) {
    if (list[at] == '"') {
      if (in_quotes && at + 1 < list.size() && list[at + 1] == '"') {
        words.back() += list[at++];
      } else {
        in_quotes = !in_quotes;
      }
    } else if (list[at] == ',' && !in_quotes) {
      words.emplace_back();
    } else {
      words.back() += list[at];
    }
  }
  for (std::string& word : words) word = std::string(trimmed(word));
  return words;
}

std::string with_column(const std::string& list, const std::string& column) {
  return list.empty() ? column : list + "," + column;
}

std::string reference_to(const std::vector<std::string>& header, std::size_t column) {
  if (column >= header.size() || header[column].empty() ||
      std::count(header.begin(), header.end(), header[column]) != 1)
    return std::to_string(column);
  std::string name;
  append_csv_cell(name, header[column]);
  return name;
}

std::string setting(const std::string& key, const std::string& value) { return shell_word(key + "=" + value); }

}  // namespace reluscope
