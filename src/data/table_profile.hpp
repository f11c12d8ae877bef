#pragma once
// What the columns of a table hold, found out in one pass and bounded memory, whatever they hold.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "data/csv_layout.hpp"

namespace reluscope {

/// Different values of a column are counted up to here; of as many as kMostTexts it is known how often each occurs.
inline constexpr std::size_t kMostDistinct = 65536;
inline constexpr std::size_t kMostTexts = 1000;

struct ColumnProfile {
  std::string name;                         ///< empty where the file has none
  std::array<std::uint64_t, 6> kinds = {};  ///< cells of each CellKind
  std::uint64_t whole = 0;                  ///< numbers that are whole
  std::uint64_t infinite = 0;               ///< numbers that are not finite
  double min = 0.0;                         ///< of the finite numbers, of dates in days since 1970-01-01
  double max = 0.0;
  double sum = 0.0;
  std::uint64_t zeros = 0;
  bool counts_up = true;        ///< each number is the one before it + 1, and no cell is anything else
  std::uint32_t formats = ~0U;  ///< of kOtherFormats: those that fit every number
  std::uint64_t distinct = 0;
  bool has_more_distinct = false;  ///< counting ended at `distinct`
  bool all_different = true;       ///< as far as they were counted
  /// The values and how often each occurs, the most frequent first; only where there are at most kMostTexts.
  std::vector<std::pair<std::string, std::uint64_t>> values;

  [[nodiscard]] std::uint64_t count(CellKind kind) const { return kinds[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] std::uint64_t cells() const;
  [[nodiscard]] std::uint64_t filled() const { return cells() - count(CellKind::missing); }
  [[nodiscard]] std::uint64_t numbers() const { return count(CellKind::number); }
  /// "integer", "number", "boolean", "date", "number, 1,5", "text", "empty", and "mixed" where none is all there is.
  [[nodiscard]] std::string type() const;
};

struct TableProfile {
  std::string file;
  CsvForm form;
  bool has_header = false;
  bool header_is_unclear = false;  ///< all is text: the first line was taken for names
  bool has_empty_tail = false;     ///< every line ends with a delimiter; that column is not among `columns`
  std::uint64_t rows = 0;
  std::uint64_t ragged = 0;        ///< rows with another number of fields than the first, not counted in the columns
  std::uint64_t first_ragged = 0;  ///< the line of the first
  std::vector<ColumnProfile> columns;

  [[nodiscard]] std::vector<std::string> header() const;  ///< empty without one
};

/// Of `options` the form, the header and the notation of numbers count. Throws DataError for what is no table at all.
TableProfile profile_table(const std::filesystem::path& path, const CsvOptions& options);

}  // namespace reluscope
