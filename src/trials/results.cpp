#include "trials/results.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <type_traits>

#include "config/short_names.hpp"
#include "trace/table_reader.hpp"
#include "trace/table_writer.hpp"

namespace reluscope {

namespace {

/// A row is a line: what is varied may be any text.
std::string on_one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string without_break(std::string line) {
  line.pop_back();
  return line;
}

constexpr std::size_t kBeforeKeys = 2;  ///< job, id

/// What no column for a key may be called.
std::vector<std::string> own_columns() {
  std::vector<std::string> names = {"job", "id", "seed"};
  std::apply([&names](const auto&... column) { (names.emplace_back(column.name), ...); }, TrialRecord::columns());
  return names;
}

/// Whether the cell could be read into the column's member.
template <class Column>
const char* read_value(const std::string& cell, TrialRecord& record, const Column& column) {
  using Member = std::remove_reference_t<decltype(record.*column.member)>;
  // Nothing stands for what a run does not have.
  if (detail::kIsOptional<Member> && cell.empty()) return nullptr;
  return detail::read_cell(cell, record.*column.member);
}

}  // namespace

ResultColumns::ResultColumns(std::vector<std::string> keys)
    : keys_(std::move(keys)), names_(short_names(keys_, own_columns())) {
  for (std::size_t at = 0; at < keys_.size(); ++at)
    if (names_[at] != keys_[at]) renamed_.push_back(at);
}

std::string ResultColumns::header() const {
  std::string line = "job,id,";
  for (const std::string& key : keys_) {
    append_csv_cell(line, on_one_line(key));
    line += ',';
  }
  line = without_break(line + "seed," + csv_header<TrialRecord>());
  for (const std::size_t at : renamed_) line.append(",").append(names_[at]);
  return line;
}

std::string ResultColumns::row(const Job& job, const TrialRecord& record) const {
  std::string line;
  append_number(line, job.number);
  line.append(",").append(job.id).append(",");
  for (const std::string& value : job.settings) {
    append_csv_cell(line, on_one_line(value));
    line += ',';
  }
  line.append(std::to_string(job.seed)).append(",");
  append_csv_row(line, record);
  line.pop_back();
  for (const std::size_t at : renamed_) {
    line += ',';
    append_csv_cell(line, on_one_line(job.settings[at]));
  }
  return line;
}

std::optional<TrialRecord> ResultColumns::record(std::span<const std::string> cells, std::size_t more) const {
  constexpr std::size_t kColumns = std::tuple_size_v<decltype(TrialRecord::columns())>;
  const std::size_t first = kBeforeKeys + keys_.size() + 1;  // the seed stands before them
  if (cells.size() != first + kColumns + renamed_.size() + more) return std::nullopt;
  TrialRecord record;
  std::size_t at = first;
  const auto read = [&](const auto& column) { return read_value(cells[at++], record, column) == nullptr; };
  const bool good = std::apply([&](const auto&... column) { return (read(column) && ...); }, TrialRecord::columns());
  return good ? std::optional(record) : std::nullopt;
}

std::vector<std::string> split_row(std::string_view row) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t at = 0; at < row.size(); ++at) {
    // A quote within quotes is doubled: the first of the two closes them, the second opens them again.
    if (row[at] == '"') {
      if (!quoted && at > 0 && row[at - 1] == '"') cells.back() += '"';
      quoted = !quoted;
    } else if (row[at] == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += row[at];
    }
  }
  return cells;
}

ResultsReader::ResultsReader(const std::filesystem::path& file, FileKind kind) : csv_(file, ',', kind) {
  if (!csv_.next()) csv_.fail("no header: expected the results of a comparison or a sweep");
  header_.assign(csv_.fields().begin(), csv_.fields().end());
  const auto seed = std::find(header_.begin(), header_.end(), "seed");
  const auto keys = header_.begin() + static_cast<std::ptrdiff_t>(std::min(kBeforeKeys, header_.size()));
  if (header_.size() < 4 || header_[0] != "job" || header_[1] != "id" || seed == header_.end() ||
      std::find(header_.begin(), header_.end(), "status") == header_.end())
    csv_.fail("expected the columns job, id, …, seed, status, … of `reluscope compare` or `sweep`");
  columns_.emplace(std::vector<std::string>(keys, seed));
}

bool ResultsReader::next(ResultRow& row) {
  if (!csv_.next()) return false;
  const auto& cells = csv_.fields();
  if (cells.size() != header_.size())
    csv_.fail("found " + std::to_string(cells.size()) + " cells, expected " + std::to_string(header_.size()));
  row = {};
  const std::size_t seed = kBeforeKeys + columns_->keys().size();
  const auto whole = [&](std::size_t at, auto& value) {
    const std::string_view cell = cells[at];
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error != std::errc() || end != cell.data() + cell.size())
      csv_.fail("column '" + header_[at] + "': found '" + std::string(cell) + "', expected a whole number");
  };
  whole(0, row.job);
  row.id = cells[1];
  for (std::size_t at = kBeforeKeys; at < seed; ++at) row.settings.emplace_back(cells[at]);
  whole(seed, row.seed);
  for_each_column<TrialRecord>([&](const auto& column, std::uint64_t) {
    for (std::size_t at = seed + 1; at < header_.size(); ++at)
      if (header_[at] == column.name)
        if (const char* expected = read_value(std::string(cells[at]), row.record, column))
          csv_.fail("column '" + header_[at] + "': found '" + std::string(cells[at]) + "', expected " + expected);
  });
  return true;
}

}  // namespace reluscope
