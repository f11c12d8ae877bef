#pragma once
// Tables of finished runs as they lie on disk until all are there (journals), and those of one part of a sweep
// (shards). Every line ends with a checksum, XXH3 of 64 bits, so that one that was zeroed, cut, flipped, or is of
// another table, is noticed:
//
//   HEADER,OWNER:CHECKSUM    of all before the colon; OWNER is the id of the sweep or comparison
//   ROW,CHECKSUM             of OWNER and ROW

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace reluscope {

/// Lines with their checksums and line breaks, of text without either.
std::string seal_header(std::string_view header, std::string_view owner);
std::string seal_row(std::string_view row, std::string_view owner);

struct SealedHeader {
  std::string columns;
  std::string owner;
};
/// What was sealed, of a line with its line break; nothing where the checksum is another, or there is none.
std::optional<SealedHeader> unseal_header(std::string_view line);
std::optional<std::string_view> unseal_row(std::string_view line, std::string_view owner);

/// A file line by line, from any place of it on; holds a piece of it at a time, and the file open only while it reads.
class LineReader {
 public:
  static constexpr std::size_t kPieceBytes = std::size_t{1} << 16U;
  explicit LineReader(std::filesystem::path path, std::size_t piece_bytes = kPieceBytes);
  /// The next line with its line break, valid until the next call; without one where the file ends, or the line does
  /// not within 64 MiB; empty at the end. Throws DataError where the file cannot be read.
  std::string_view next();
  void seek(std::uint64_t place);
  /// Where the next line begins.
  [[nodiscard]] std::uint64_t place() const { return start_ + at_; }

 private:
  bool fill();
  std::filesystem::path path_;
  std::size_t piece_bytes_;
  std::string piece_;        ///< of the file from start_ on
  std::uint64_t start_ = 0;  ///< place of the piece
  std::size_t at_ = 0;       ///< place of the next line in it
};

/// The rows of a sealed table.
class SealedRows {
 public:
  enum class Found { row, damage, end };
  explicit SealedRows(std::filesystem::path path, std::size_t piece_bytes = LineReader::kPieceBytes);
  /// Nothing where the first line is none.
  [[nodiscard]] const std::optional<SealedHeader>& header() const { return header_; }
  /// The first line, as it is.
  [[nodiscard]] const std::string& first_line() const { return first_line_; }
  /// Goes to the next row. Damage: the line is no row of this table, or has no end; nothing is read beyond it.
  Found next();
  // Of the last row that was found, or the damage.
  [[nodiscard]] std::int64_t job() const { return job_; }
  [[nodiscard]] std::string_view row() const { return row_; }  ///< without checksum and line break
  [[nodiscard]] std::uint64_t line() const { return line_; }   ///< counted from 1
  [[nodiscard]] std::uint64_t place() const { return place_; }

 private:
  LineReader lines_;
  std::string first_line_;
  std::optional<SealedHeader> header_;
  std::string_view row_;
  std::int64_t job_ = 0;
  std::uint64_t line_ = 1;
  std::uint64_t place_ = 0;
};

}  // namespace reluscope
