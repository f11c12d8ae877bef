#include "data/csv_layout.hpp"

#include <algorithm>
#include <cmath>

#include "data/column_finder.hpp"

namespace reluscope {
namespace {

enum class HeaderVote { none, header, data };

/// What one column says: its first cell beside those below.
HeaderVote vote_of(std::span<const CsvRow> rows, std::size_t column, const NumberFormat& numbers) {
  const CellKind first = kind_of(rows.front()[column], numbers);
  const bool is_text = first == CellKind::text;
  if (first == CellKind::missing) return HeaderVote::none;
  std::size_t texts = 0;
  std::size_t others = 0;
  for (const CsvRow& row : rows.subspan(1)) {
    if (column >= row.size()) continue;
    const CellKind kind = kind_of(row[column], numbers);
    if (kind == CellKind::missing) continue;
    ++(kind == CellKind::text ? texts : others);
  }
  if (!is_text) return HeaderVote::data;
  return others > texts ? HeaderVote::header : HeaderVote::none;
}

/// 0, 1, 2, …: the whole numbers in the row follow each other.
bool counts_up(const CsvRow& row) {
  std::optional<double> last;
  std::size_t steps = 0;
  for (const std::string& cell : row) {
    const std::optional<double> number = parse_number(cell);
    if (!number) continue;
    if (*number != std::floor(*number) || (last && *number != *last + 1.0)) return false;
    steps += last ? 1U : 0U;
    last = number;
  }
  return steps > 0;
}

bool names_columns(const CsvOptions& options) {
  std::vector<std::string> lists = {options.columns, options.drop, options.ordinal, options.dates};
  if (options.label_is_given) lists.push_back(options.label_column);
  if (options.categorical != "auto") lists.push_back(options.categorical);
  return std::any_of(lists.begin(), lists.end(), [](const std::string& list) {
    if (list.empty()) return false;
    const std::vector<std::string> words = split_columns(list);
    return std::any_of(words.begin(), words.end(), [](const std::string& word) { return !parse_number(word); });
  });
}

}  // namespace

std::size_t CsvLayout::features() const {
  return static_cast<std::size_t>(std::count_if(columns.begin(), columns.end(), [](const CsvColumn& column) {
    return column.reading != Reading::left_out && column.reading != Reading::label;
  }));
}

std::string CsvLayout::reference_to(std::size_t column) const { return reluscope::reference_to(header, column); }

std::string CsvLayout::column_text(std::size_t column) const {
  if (column < header.size() && !header[column].empty()) return "column " + header[column];
  return "column " + std::to_string(column) + ", from 0";
}

std::optional<bool> has_header(std::span<const CsvRow> rows, const CsvOptions& options) {
  if (names_columns(options)) return true;
  const CsvRow& first = rows.front();
  std::size_t headers = 0;
  std::size_t data = 0;
  for (std::size_t column = 0; column < first.size(); ++column) {
    const HeaderVote vote = vote_of(rows, column, options.numbers);
    headers += vote == HeaderVote::header ? 1U : 0U;
    data += vote == HeaderVote::data ? 1U : 0U;
  }
  if (headers > 0 && data > 0) return counts_up(first);
  if (headers > 0 || data > 0) return headers > 0;
  return rows.size() == 1 ? std::optional(true) : std::nullopt;
}

CsvStart read_start(CsvRecords& records, const CsvOptions& options) {
  // Records that are looked at, and bytes of them; the first two always.
  constexpr std::size_t kMostRows = 16;
  constexpr std::size_t kMostBytes = std::size_t{1} << 20U;
  CsvStart start{records, {}, {}, options.header};
  std::size_t bytes = 0;
  while (start.rows.size() < kMostRows && (start.rows.size() < 2 || bytes < kMostBytes) && records.next()) {
    start.rows.emplace_back(records.fields().begin(), records.fields().end());
    start.lines.push_back(records.line());
    for (const std::string& cell : start.rows.back()) bytes += cell.size() + sizeof(cell);
  }
  if (start.rows.empty()) records.fail_at(1, "the file holds nothing but blank lines");
  if (!start.has_header && records.form().commented_header == start.lines.front()) start.has_header = true;
  if (!start.has_header) start.has_header = has_header(start.rows, options);
  return start;
}

bool has_empty_tail(std::span<const CsvRow> rows) {
  return rows.front().size() > 1 &&
         std::all_of(rows.begin(), rows.end(), [](const CsvRow& row) { return trimmed(row.back()).empty(); });
}

CsvLayout make_layout(const CsvStart& start, const CsvOptions& options) {
  if (!start.has_header)
    start.records.fail_at(start.lines.front(), "every column is text: the first line may hold their names, or be data",
                          "data.header=true if it holds names, data.header=false if not");
  CsvLayout layout;
  const std::size_t columns = start.rows.front().size();
  if (*start.has_header)
    for (const std::string& name : start.rows.front()) layout.header.emplace_back(trimmed(name));
  layout.columns.resize(columns);
  layout.has_empty_tail = has_empty_tail(start.rows);
  const ColumnFinder finder(start.records.name() + ":" + std::to_string(start.lines.front()), layout.header, columns);
  const auto leave_out = [&](std::size_t column, const std::string& why) {
    layout.columns[column] = {Reading::left_out, 0, why};
  };
  if (options.categorical == "auto")
    for (CsvColumn& column : layout.columns) column.reading = Reading::automatic;
  for (const std::size_t column :
       finder.find("data.categorical", options.categorical == "auto" ? "" : options.categorical))
    layout.columns[column].reading = Reading::one_hot;
  for (const std::size_t column : finder.find("data.ordinal", options.ordinal))
    layout.columns[column].reading = Reading::ordinal;
  for (const std::size_t column : finder.find("data.dates", options.dates))
    layout.columns[column].reading = Reading::date;
  if (const std::vector<std::size_t> wanted = finder.find("data.columns", options.columns); !wanted.empty())
    for (std::size_t column = 0; column < columns; ++column)
      if (std::find(wanted.begin(), wanted.end(), column) == wanted.end()) leave_out(column, "not in data.columns");
  for (const std::size_t column : finder.find("data.drop", options.drop)) leave_out(column, kDropped);
  if (layout.has_empty_tail) leave_out(columns - 1, "empty: lines end with a delimiter");
  std::string label_column = options.label_column;
  if (layout.has_empty_tail && !options.label_is_given && label_column == "-1") label_column = "-2";
  layout.labels = finder.find("data.label_column", label_column);
  for (std::size_t target = 0; target < layout.labels.size(); ++target)
    layout.columns[layout.labels[target]] = {Reading::label, target, ""};
  if (layout.features() == 0)
    start.records.fail_at(
        start.lines.front(),
        "found " + std::to_string(columns) + (columns == 1 ? " column" : " columns, none of them left as a feature") +
            "; at least one feature column is needed beside the label",
        columns == 1 ? "data.delimiter=… if something else than , ; | tabs or blanks separates fields" : "");
  return layout;
}

}  // namespace reluscope
