#pragma once
// The runs that have ended, on disk, such that nothing but the row being written is lost when the process is killed.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "trials/sealed_rows.hpp"
#include "util/error.hpp"
#include "util/input.hpp"

namespace reluscope {

/// Another process has the journal.
class JournalInUse : public IoError {
 public:
  using IoError::IoError;
};

class Journal {
 public:
  /// A row that is there, and its place; false: it cannot be, as one that is there twice.
  using Take = std::function<bool(std::int64_t job, std::string_view row, std::uint64_t place)>;
  /// Opens or creates the file for one process at a time, and hands the rows that are there to `take`. From the first
  /// one on that is damaged, or that `take` does not want, all are dropped. Throws JournalInUse;
  /// IoError: cannot be opened, is no journal, or that of another owner and not empty.
  Journal(std::filesystem::path path, std::string_view columns, std::string_view owner, const Take& take);
  /// What was dropped, in a sentence; empty if nothing was.
  [[nodiscard]] const std::string& damage() const { return damage_; }
  /// Appends in a single write, and returns the row's place. Throws IoError.
  std::uint64_t append(std::string_view row);
  /// The row at a place, valid until the next call. Throws IoError where there is none any more.
  std::string_view row_at(std::uint64_t place);
  /// Takes the file away: what it was kept for is done.
  void remove() const;

 private:
  void begin(std::string_view columns);
  void read(SealedRows& rows, const Take& take);
  void cut(std::uint64_t size);
  void write(const std::string& line);

  std::filesystem::path path_;
  std::string owner_;
  Descriptor file_;
  std::uint64_t size_ = 0;
  std::string damage_;
  LineReader lines_;
};

/// The journal of what will be written to `target`: beside it, "compare.part.csv" of "compare.csv".
std::filesystem::path journal_path(const std::filesystem::path& target);

}  // namespace reluscope
