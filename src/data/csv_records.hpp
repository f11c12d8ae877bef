#pragma once
// The records of a CSV file by RFC 4180, and of what goes by that name beside it (CsvForm).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/csv_form.hpp"
#include "data/input_file.hpp"

namespace reluscope {

/// What a record, over all its lines, may have at most: no data set comes near, and it bounds what one takes in memory.
inline constexpr std::size_t kMostRecordBytes = std::size_t{64} << 20U;
inline constexpr std::size_t kMostFields = std::size_t{1} << 20U;

class CsvRecords {
 public:
  /// Of a form that is known. Skips a UTF-8 BOM. Throws DataError for an empty file and one in UTF-16, and for what
  /// InputFile refuses.
  CsvRecords(const std::filesystem::path& path, char delimiter, FileKind kind = FileKind::any);
  /// Finds out what the wish leaves open. Throws DataError also for tables in another format of text, with a command
  /// that converts them.
  CsvRecords(const std::filesystem::path& path, const CsvForm& wish);

  /// Fetches the next record; false at the end of the file. Lines without any text are skipped.
  /// Throws DataError for a quoted field that never ends, for quotes where RFC 4180 has none, and for more than a
  /// record may have.
  bool next();
  /// The fields of the record, without their quotes; valid until the next call.
  [[nodiscard]] const std::vector<std::string_view>& fields() const { return fields_; }
  /// Whether a line break follows the record: not after the last one of a file that somebody is still writing.
  [[nodiscard]] bool is_terminated() const { return terminated_; }
  /// The line, counted from 1, on which the record starts.
  [[nodiscard]] std::uint64_t line() const { return record_line_; }
  /// Lines that were left out as comments since the first record.
  [[nodiscard]] std::uint64_t comments() const { return comments_; }
  [[nodiscard]] const CsvForm& form() const { return form_; }
  [[nodiscard]] const std::string& name() const { return file_.name(); }
  /// Bytes of text read so far, or a little more.
  [[nodiscard]] std::uint64_t bytes() const { return file_.offset(); }
  // Each throws DataError; `help` says what mends it, and may be empty.
  /// "NAME:LINE: message".
  [[noreturn]] void fail_at(std::uint64_t line, const std::string& message, const std::string& help = "") const;
  /// The same, at the current record.
  [[noreturn]] void fail(const std::string& message) const { fail_at(record_line_, message); }
  /// "NAME:LINE:COLUMN: message" and the line, at a field of the record that starts on that line. Where the file cannot
  /// be read a second time, the number of the field has to do.
  [[noreturn]] void fail_in(std::uint64_t line, std::size_t field, const std::string& message,
                            const std::string& help = "") const;

 private:
  CsvRecords(const std::filesystem::path& path, const CsvForm& form, FileKind kind, bool look);
  bool append_line();
  void split_plain();
  void split_quoted();
  [[noreturn]] void fail_for_fields() const;
  void read_quoted_field(std::size_t& from, std::size_t& to);

  InputFile file_;
  CsvForm form_;
  std::vector<char> buffer_;
  std::size_t buffer_used_ = 0;
  std::size_t buffer_size_ = 0;
  std::string record_;
  std::vector<std::string_view> fields_;
  bool terminated_ = false;
  std::uint64_t lines_ = 0;
  std::uint64_t record_line_ = 0;
  std::uint64_t comments_ = 0;
  bool has_begun_ = false;
};

}  // namespace reluscope
