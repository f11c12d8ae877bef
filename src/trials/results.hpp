#pragma once
// The records of many runs: a row is the job, what is varied, the seed, and the record. compare.csv and a sweep's
// results have this form.

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/csv_records.hpp"
#include "trials/fleet.hpp"

namespace reluscope {

/// The columns: "job,id,KEY…,seed,status,…", and at the end each KEY once more by a name that other programs can take
/// (config/short_names.hpp), where it is no such name itself.
class ResultColumns {
 public:
  explicit ResultColumns(std::vector<std::string> keys);
  /// What is varied, and short names for it.
  [[nodiscard]] const std::vector<std::string>& keys() const { return keys_; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// Without a line break, as row() is.
  [[nodiscard]] std::string header() const;
  [[nodiscard]] std::string row(const Job& job, const TrialRecord& record) const;
  /// The record in a row with `more` cells behind it. Nothing where it is no such row.
  [[nodiscard]] std::optional<TrialRecord> record(std::span<const std::string> cells, std::size_t more) const;

 private:
  std::vector<std::string> keys_;
  std::vector<std::string> names_;
  std::vector<std::size_t> renamed_;  ///< keys with a name of their own
};

/// The cells of a row.
std::vector<std::string> split_row(std::string_view row);

/// A row that was read back.
struct ResultRow {
  std::int64_t job = 0;
  std::string id;
  std::vector<std::string> settings;
  std::uint64_t seed = 0;
  TrialRecord record;
};
/// Reads a file of results row by row, by the names of its columns: of other versions it has what both know.
class ResultsReader {
 public:
  /// Throws DataError where it is none.
  explicit ResultsReader(const std::filesystem::path& file, FileKind kind = FileKind::any);
  [[nodiscard]] const ResultColumns& columns() const { return *columns_; }
  /// False at the end. Throws DataError for a row that is none, naming its line.
  bool next(ResultRow& row);

 private:
  CsvRecords csv_;
  std::vector<std::string> header_;
  std::optional<ResultColumns> columns_;
};

}  // namespace reluscope
