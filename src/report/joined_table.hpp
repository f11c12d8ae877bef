#pragma once
// One table of several runs, for programs that take one: a row an observation, and what tells the runs apart in columns
// of its own.

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "util/text_file.hpp"

namespace reluscope {

/// The tables that can be joined: NAME is NAME.csv in the directory of a run.
inline constexpr std::array<std::string_view, 5> kJoinedTables = {"steps", "layers", "census", "units", "evaluation"};

/// `run` (the directory), `seed`, a column for each setting in which the runs' configs differ, by its short name, and
/// then the columns that any of the runs has, in order of first appearance: all but those without a single cell that
/// has something in it. Cells are those of the runs, letter for letter. A last row without its line break is left out.
/// What it takes in memory grows with the runs, not with their rows.
class JoinedTable {
 public:
  /// Reads all of it once. Throws DataError for a run that has no such table, a table that is not as a run writes it,
  /// and UsageError for a run that is named twice.
  JoinedTable(std::span<const std::string> runs, std::string_view table);
  /// Reads it once more, and writes it. Rows that a run has got meanwhile are left out; throws DataError where the ones
  /// before have changed.
  void write(const WritePiece& write) const;
  /// What is wrong with manifests that are there and cannot be read: of these runs seed and settings are not known.
  [[nodiscard]] const std::vector<std::string>& damaged_manifests() const { return damaged_; }

 private:
  struct Part {
    std::filesystem::path file;
    std::vector<std::size_t> columns;  ///< of the file, by their number in columns_
    std::uint64_t rows = 0;
    std::string lead;  ///< what each of its rows starts with, with the comma
  };

  void survey(Part& part);
  void lead_rows(std::span<const std::string> runs, const std::vector<std::string>& names);
  void write_part(const Part& part, const WritePiece& write) const;

  std::vector<Part> parts_;
  std::vector<std::string> columns_;  ///< of all files
  std::map<std::string, std::size_t, std::less<>> numbers_;
  std::vector<bool> has_something_;  ///< of each of them
  std::string header_;
  std::vector<std::string> damaged_;
};

}  // namespace reluscope
