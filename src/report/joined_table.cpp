#include "report/joined_table.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "config/differences.hpp"
#include "config/short_names.hpp"
#include "data/csv_records.hpp"
#include "trace/run_directory.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

constexpr std::size_t kNoCell = std::numeric_limits<std::size_t>::max();

/// A column in front of the tables' own: what each run has in it.
struct LeadColumn {
  std::string key;
  std::vector<std::string> values;
};

/// The last words of a path.
std::string tail_of(const std::filesystem::path& path, std::size_t count) {
  const std::vector<std::filesystem::path> words(path.begin(), path.end());
  std::filesystem::path tail;
  for (std::size_t at = words.size() - std::min(count, words.size()); at < words.size(); ++at) tail /= words[at];
  return tail.string();
}

/// The name of each directory, with as many of those above it as tell it from the others.
std::vector<std::string> names_of_runs(std::span<const std::string> runs) {
  std::vector<std::filesystem::path> paths;
  std::map<std::filesystem::path, std::string> given;
  for (const std::string& run : runs) {
    paths.push_back(std::filesystem::weakly_canonical(run));
    const auto [before, is_new] = given.try_emplace(paths.back(), run);
    if (!is_new)
      throw UsageError(run + ": found a run that is named twice" +
                       (before->second == run ? std::string() : ", as " + before->second + " too") +
                       ", expected each once");
  }
  std::vector<std::size_t> counts(paths.size(), 1);
  std::vector<std::string> names(paths.size());
  for (bool changed = true; changed;) {
    changed = false;
    std::map<std::string, int> often;
    for (std::size_t at = 0; at < paths.size(); ++at) ++often[names[at] = tail_of(paths[at], counts[at])];
    for (std::size_t at = 0; at < paths.size(); ++at)
      if (often[names[at]] > 1) {
        ++counts[at];
        changed = true;
      }
  }
  return names;
}

/// "steps, layers": the tables that are in the directory.
std::string tables_in(const std::filesystem::path& directory) {
  std::vector<std::string> found;
  for (const std::string_view table : kJoinedTables)
    if (has_file(directory / (std::string(table) + ".csv"))) found.emplace_back(table);
  return joined(found);
}

std::filesystem::path table_file(const std::filesystem::path& directory, std::string_view table) {
  if (!has_directory(directory)) throw DataError(directory.string() + ": expected the directory of a run");
  std::filesystem::path file = directory / (std::string(table) + ".csv");
  if (has_own_file(file)) return file;
  const std::string tables = tables_in(directory);
  throw DataError(file.string() + ": no such file; " +
                  (tables.empty() ? "expected the directory of a run, which has tables"
                                  : "--table can be what this run has: " + tables));
}

/// Fetches the next row, but for one that somebody is still writing.
bool next_row(CsvRecords& csv, std::size_t cells) {
  if (!csv.next() || !csv.is_terminated()) return false;
  if (csv.fields().size() != cells)
    csv.fail("found " + std::to_string(csv.fields().size()) + " cells, expected " + std::to_string(cells));
  return true;
}

CsvRecords open_table(const std::filesystem::path& file) {
  CsvRecords csv(file, ',', FileKind::regular);
  if (!csv.next()) csv.fail("found nothing but blank lines, expected the names of columns");
  return csv;
}

[[noreturn]] void fail_for_change(const CsvRecords& csv) {
  csv.fail("the table was changed while it was read: try again");
}

void append_cells(std::string& line, std::span<const std::string> cells) {
  for (const std::string& cell : cells) {
    append_csv_cell(line, cell);
    line += ',';
  }
}

}  // namespace

JoinedTable::JoinedTable(std::span<const std::string> runs, std::string_view table) {
  for (const std::string& run : runs) parts_.push_back({table_file(run, table), {}, 0, ""});
  const std::vector<std::string> names = names_of_runs(runs);
  for (Part& part : parts_) survey(part);
  // Without a row there is no telling which columns would stay empty.
  if (std::all_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.rows == 0; }))
    has_something_.assign(columns_.size(), true);
  lead_rows(runs, names);
  for (std::size_t column = 0; column < columns_.size(); ++column)
    if (has_something_[column]) append_cells(header_, {&columns_[column], 1});
  header_.back() = '\n';
}

void JoinedTable::survey(Part& part) {
  CsvRecords csv = open_table(part.file);
  for (const std::string_view name : csv.fields()) {
    const auto [place, is_new] = numbers_.try_emplace(std::string(name), columns_.size());
    if (is_new) columns_.emplace_back(name);
    part.columns.push_back(place->second);
  }
  has_something_.resize(columns_.size(), false);
  std::vector<std::size_t> sorted = part.columns;
  std::sort(sorted.begin(), sorted.end());
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
    csv.fail("found the column " + in_quotes(columns_[*twice]) + " twice, expected each once");
  while (next_row(csv, part.columns.size())) {
    ++part.rows;
    for (std::size_t at = 0; at < part.columns.size(); ++at)
      if (!csv.fields()[at].empty()) has_something_[part.columns[at]] = true;
  }
}

/// Of the header, and of each run's rows, what stands in front of the table's own columns.
void JoinedTable::lead_rows(std::span<const std::string> runs, const std::vector<std::string>& names) {
  LeadColumn seeds{"seed", {}};
  std::vector<nlohmann::ordered_json> configs(runs.size());
  for (std::size_t run = 0; run < runs.size(); ++run) {
    std::string& seed = seeds.values.emplace_back();
    const std::filesystem::path path = std::filesystem::path(runs[run]) / RunDirectory::kManifest;
    if (!has_own_file(path)) continue;
    try {
      nlohmann::ordered_json manifest = read_json_object(path);
      if (const auto found = manifest.find("seed"); found != manifest.end() && found->is_number_integer())
        seed = found->dump();
      if (const auto found = manifest.find("config"); found != manifest.end()) configs[run] = std::move(*found);
    } catch (const DataError& fault) { damaged_.emplace_back(fault.what()); }
  }
  std::vector<LeadColumn> leads = {{"run", names}, std::move(seeds)};
  for (ConfigDifference& difference : config_differences(configs))
    leads.push_back({std::move(difference.key), std::move(difference.values)});
  std::erase_if(leads, [](const LeadColumn& lead) {
    return std::all_of(lead.values.begin(), lead.values.end(), [](const std::string& value) { return value.empty(); });
  });
  std::vector<std::string> keys;
  for (const LeadColumn& lead : leads) keys.push_back(lead.key);
  append_cells(header_, short_names(keys, columns_));
  for (std::size_t run = 0; run < runs.size(); ++run)
    for (const LeadColumn& lead : leads) append_cells(parts_[run].lead, {&lead.values[run], 1});
}

void JoinedTable::write(const WritePiece& write) const {
  write(header_);
  for (const Part& part : parts_) write_part(part, write);
}

void JoinedTable::write_part(const Part& part, const WritePiece& write) const {
  CsvRecords csv = open_table(part.file);
  const bool has_header =
      std::equal(csv.fields().begin(), csv.fields().end(), part.columns.begin(), part.columns.end(),
                 [&](std::string_view name, std::size_t column) { return name == columns_[column]; });
  if (!has_header) fail_for_change(csv);
  std::vector<std::size_t> cells(columns_.size(), kNoCell);
  for (std::size_t at = 0; at < part.columns.size(); ++at) cells[part.columns[at]] = at;
  std::vector<std::size_t> written;  // where the cells of a row are that is written, and of those that are left out
  std::vector<std::size_t> left_out;
  for (std::size_t column = 0; column < columns_.size(); ++column)
    if (has_something_[column]) {
      written.push_back(cells[column]);
    } else if (cells[column] != kNoCell) {
      left_out.push_back(cells[column]);
    }
  std::string line;
  for (std::uint64_t row = 0; row < part.rows; ++row) {
    if (!next_row(csv, part.columns.size())) fail_for_change(csv);
    const std::vector<std::string_view>& fields = csv.fields();
    if (std::any_of(left_out.begin(), left_out.end(), [&](std::size_t cell) { return !fields[cell].empty(); }))
      fail_for_change(csv);
    line = part.lead;
    for (const std::size_t cell : written) {
      if (cell != kNoCell) append_csv_cell(line, fields[cell]);
      line += ',';
    }
    line.back() = '\n';
    write(line);
  }
}

}  // namespace reluscope
