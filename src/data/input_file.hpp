#pragma once
// A file read from front to back, plain or gzip alike, whose faults are DataErrors that name the file and the place.

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "util/input.hpp"

namespace reluscope {

class InputFile {
 public:
  /// Throws DataError when there is no such file, it is a directory, or it cannot be opened; of the kind `regular` also
  /// where it is another file than a plain one: no pipe, no device, and not compressed.
  explicit InputFile(const std::filesystem::path& path, FileKind kind = FileKind::any);

  /// What somebody else reads: `read` fills up to so many bytes, returns how many, 0 only at the end, and throws
  /// DataError for its own faults.
  InputFile(std::string name, std::function<std::size_t(void*, std::size_t)> read);

  /// Reads up to `size` bytes (after decompression) and returns how many; fewer than asked for only at the end.
  /// Throws DataError for a read error and for gzip data that are damaged or cut off.
  std::size_t read(void* out, std::size_t size);
  /// Reads exactly `size` bytes; `what` says in the message which part of the file ended too early.
  void read_exactly(void* out, std::size_t size, std::string_view what);
  /// Throws DataError when anything follows. Also makes zlib check a gzip file's checksum.
  void expect_end();

  /// Bytes delivered so far, counted after decompression.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  /// The bytes still to come, where the file system knows: nothing for gzip data and pipes.
  [[nodiscard]] std::optional<std::uint64_t> remaining() const;
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool is_compressed() const { return source_ || gzdirect(file_.get()) == 0; }
  /// A good size for a buffer that this file is read into: no larger than a small file needs.
  [[nodiscard]] std::size_t buffer_bytes() const { return buffer_bytes_; }

  /// Throws DataError "NAME: byte OFFSET: message".
  [[noreturn]] void fail_at(std::uint64_t offset, const std::string& message) const;
  [[noreturn]] void fail(const std::string& message) const { fail_at(offset_, message); }

 private:
  void expect_end_of_gzip();
  struct Closer {
    void operator()(gzFile_s* file) const { gzclose_r(file); }
  };
  std::string name_;
  std::unique_ptr<gzFile_s, Closer> file_;  ///< one of the two
  std::function<std::size_t(void*, std::size_t)> source_;
  std::optional<std::uint64_t> plain_size_;
  bool whole_is_checked_ =
      false;  ///< nothing follows the last gzip member, or it is no gzip file that can be read twice
  std::uint64_t offset_ = 0;
  static constexpr unsigned kBufferBytes = 256U << 10U;
  unsigned buffer_bytes_ = kBufferBytes;
  int descriptor_ = -1;  ///< that of file_, which closes it
};

/// How many bytes a gzip file holds by its own account (RFC 1952, ISIZE: modulo 2^32, last member only), but at least
/// its size on disk. Good for an estimate; who loads must stop by himself where there is more.
std::uint64_t gzip_content_size(const std::filesystem::path& path);

/// `text` in quotes for a message: control characters and bytes beyond ASCII as \xNN, cut when it is long.
std::string in_quotes(std::string_view text);

}  // namespace reluscope
