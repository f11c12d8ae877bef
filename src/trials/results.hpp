#pragma once
// The table of many runs: a row is the job, what is varied, the seed, and the figures. compare.csv and a sweep's
// results have this form.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "trials/fleet.hpp"
#include "util/input.hpp"

namespace reluscope {

/// "job,id,KEY…,seed,status,…" and a line break.
std::string results_header(std::span<const std::string> keys);
/// One line.
std::string results_row(const Job& job, const Figures& figures);

/// A finished row, as a file has it.
struct ResultsRow {
  std::int64_t job = 0;
  std::string id;
  std::string line;  ///< with its line break
};
/// The whole rows of `text`, which starts with a header; what follows the last line break is left out, since a run that
/// was killed may have written half a row. `origin` names the text in messages. Throws DataError for a line that
/// does not begin with a number and an id.
std::vector<ResultsRow> read_results(std::string_view text, const std::string& origin);

/// Rows on disk, one after the other as runs end, such that nothing but the row being written is lost when the process
/// is killed. One process at a time.
class ResultsJournal {
 public:
  /// Opens or creates the file, and cuts off half a row at its end. Throws IoError: cannot be opened, is in use by
  /// another process, or has another header.
  ResultsJournal(const std::filesystem::path& path, const std::string& header);
  /// The rows that were there.
  [[nodiscard]] const std::vector<ResultsRow>& rows() const { return rows_; }
  /// Appends in a single write. Throws IoError.
  void append(const std::string& line);

 private:
  std::filesystem::path path_;
  Descriptor file_;
  std::vector<ResultsRow> rows_;
};

}  // namespace reluscope
