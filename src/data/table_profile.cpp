#include "data/table_profile.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <unordered_map>

namespace reluscope {
namespace {

/// Values that all columns together remember, and bytes of their texts.
constexpr std::size_t kMostRemembered = std::size_t{1} << 20U;
constexpr std::size_t kMostTextBytes = std::size_t{16} << 20U;
constexpr std::size_t kLongestText = 64;

/// The different values of one column.
struct Distinct {
  struct Value {
    std::uint32_t text = 0;
    std::uint64_t count = 0;
  };
  std::unordered_map<std::uint64_t, Value> values;  ///< by the hash of the text
  std::vector<std::string> texts;                   ///< of the first ones
};

class Profiler {
 public:
  explicit Profiler(TableProfile& table, const NumberFormat& numbers) : table_(table), numbers_(numbers) {}

  void add_row(const std::vector<std::string_view>& fields, std::uint64_t line) {
    if (fields.size() != table_.columns.size() + (table_.has_empty_tail ? 1 : 0)) {
      if (table_.ragged++ == 0) table_.first_ragged = line;
      return;
    }
    ++table_.rows;
    distinct_.resize(table_.columns.size());
    last_.resize(table_.columns.size());
    for (std::size_t column = 0; column < table_.columns.size(); ++column) add_cell(column, fields[column]);
  }

  void finish() {
    distinct_.resize(table_.columns.size());
    for (std::size_t column = 0; column < table_.columns.size(); ++column) {
      ColumnProfile& profile = table_.columns[column];
      const Distinct& seen = distinct_[column];
      profile.distinct = seen.values.size();
      profile.counts_up = profile.counts_up && profile.numbers() == table_.rows && table_.rows > 1;
      if (profile.has_more_distinct || seen.texts.size() < seen.values.size()) continue;
      for (const auto& [hash, value] : seen.values) profile.values.emplace_back(seen.texts[value.text], value.count);
      std::sort(profile.values.begin(), profile.values.end(), [](const auto& left, const auto& right) {
        return left.second != right.second ? left.second > right.second : left.first < right.first;
      });
    }
  }

 private:
  void add_cell(std::size_t column, std::string_view cell) {
    ColumnProfile& profile = table_.columns[column];
    const auto [kind, value] = read_cell(cell, numbers_);
    ++profile.kinds[static_cast<std::size_t>(kind)];
    if (kind == CellKind::missing) return;
    if (kind == CellKind::number) add_number(profile, column, value, cell);
    if (kind == CellKind::date) add_range(profile, value);
    if (kind == CellKind::other_number) profile.formats &= other_formats(cell);
    remember(profile, distinct_[column], trimmed(cell));
  }

  void add_number(ColumnProfile& profile, std::size_t column, double number, std::string_view cell) {
    if (!std::isfinite(number)) {
      ++profile.infinite;
      profile.counts_up = false;
      return;
    }
    if (number == std::floor(number)) ++profile.whole;
    if (number == 0.0) ++profile.zeros;
    if (profile.numbers() > 1 && number != last_[column] + 1.0) profile.counts_up = false;
    last_[column] = number;
    profile.sum += number;
    add_range(profile, number);
    if (cell.find('.') != std::string_view::npos) profile.formats &= formats_of_plain(cell);
  }

  static void add_range(ColumnProfile& profile, double value) {
    const bool is_first = profile.numbers() + profile.count(CellKind::date) - profile.infinite == 1;
    profile.min = is_first ? value : std::min(profile.min, value);
    profile.max = is_first ? value : std::max(profile.max, value);
  }

  void remember(ColumnProfile& profile, Distinct& seen, std::string_view text) {
    const std::uint64_t hash = std::hash<std::string_view>{}(text);
    const auto known = seen.values.find(hash);
    if (known != seen.values.end()) {
      ++known->second.count;
      profile.all_different = false;
      return;
    }
    if (seen.values.size() == kMostDistinct || remembered_ == kMostRemembered) {
      profile.has_more_distinct = true;
      return;
    }
    ++remembered_;
    seen.values.emplace(hash, Distinct::Value{static_cast<std::uint32_t>(seen.texts.size()), 1});
    const std::size_t bytes = std::min(text.size(), kLongestText);
    if (seen.texts.size() == kMostTexts || text_bytes_ + bytes > kMostTextBytes) return;
    text_bytes_ += bytes;
    seen.texts.emplace_back(text.substr(0, bytes));
  }

  TableProfile& table_;
  const NumberFormat& numbers_;
  std::vector<Distinct> distinct_;
  std::vector<double> last_;
  std::size_t remembered_ = 0;
  std::size_t text_bytes_ = 0;
};

}  // namespace

std::uint64_t ColumnProfile::cells() const { return std::accumulate(kinds.begin(), kinds.end(), std::uint64_t{0}); }

std::string ColumnProfile::type() const {
  const std::uint64_t all = filled();
  if (all == 0) return "empty";
  if (whole == all) return "integer";
  if (numbers() == all) return "number";
  if (count(CellKind::boolean) == all) return "boolean";
  if (count(CellKind::date) == all) return "date";
  if (count(CellKind::text) == all) return "text";
  if (numbers() + count(CellKind::other_number) == all && formats != 0) return "number, in another notation";
  return "mixed";
}

std::vector<std::string> TableProfile::header() const {
  std::vector<std::string> names;
  if (has_header)
    for (const ColumnProfile& column : columns) names.push_back(column.name);
  return names;
}

TableProfile profile_table(const std::filesystem::path& path, const CsvOptions& options) {
  CsvRecords records(path, options.form);
  const CsvStart start = read_start(records, options);
  TableProfile table;
  table.file = records.name();
  table.form = records.form();
  table.has_header = start.has_header.value_or(true);
  table.header_is_unclear = !start.has_header;
  table.has_empty_tail = has_empty_tail(start.rows);
  table.columns.resize(start.rows.front().size() - (table.has_empty_tail ? 1 : 0));
  for (std::size_t column = 0; table.has_header && column < table.columns.size(); ++column)
    table.columns[column].name = std::string(trimmed(start.rows.front()[column]));
  Profiler profiler(table, options.numbers);
  for (std::size_t row = table.has_header ? 1 : 0; row < start.rows.size(); ++row)
    profiler.add_row({start.rows[row].begin(), start.rows[row].end()}, start.lines[row]);
  while (records.next()) profiler.add_row(records.fields(), records.line());
  profiler.finish();
  return table;
}

}  // namespace reluscope
