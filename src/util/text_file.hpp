#pragma once
// Text output that notices every fault: a full disk, a closed pipe, a directory that went away.

#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace reluscope {

/// The reader of a pipe has gone: not an error of the run, which ends quietly.
class BrokenPipe : public std::runtime_error {
 public:
  BrokenPipe() : std::runtime_error("the reader of the pipe has gone") {}
};

/// Whether the path leads to a device, a pipe, or what a shell has opened: nothing that could be replaced by a file, or
/// gone on with later.
bool is_stream(const std::filesystem::path& path);

/// A buffered text stream to a file or to standard output. Throws IoError (naming the file) or BrokenPipe.
class TextSink {
 public:
  /// Creates or truncates `path`; "-" is standard output, and what is a stream is written to as it is.
  explicit TextSink(const std::filesystem::path& path);
  /// Goes on in a file after its first `bytes` bytes, and cuts off what follows them. Throws IoError where it is gone
  /// or shorter.
  TextSink(const std::filesystem::path& path, std::uint64_t bytes);
  TextSink(TextSink&& other) noexcept;
  TextSink& operator=(TextSink&& other) = delete;
  ~TextSink();  ///< flushes, but can no longer report: call flush() where it matters

  void write(std::string_view text);
  void flush();
  /// Flushes, and waits until the system has it on disk (where it is a file).
  void sync();
  /// Bytes in the file once everything is flushed.
  [[nodiscard]] std::uint64_t size() const { return written_ + buffer_.size(); }

 private:
  std::string name_;
  std::string buffer_;
  int descriptor_;
  std::uint64_t written_ = 0;
};

/// Replaces `path` by `text` so that a reader, or a crash, sees the old content or the new one and nothing between:
/// temporary file, fsync, rename, fsync of the directory. What is no file (a device, a pipe) is written to instead.
/// Throws IoError or BrokenPipe.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);
/// The same for several pieces, one after the other.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::string_view> pieces);

/// The text to standard output where `path` is "-", else into a file, atomically. Throws IoError or BrokenPipe.
void write_document(const std::filesystem::path& path, std::string_view text);

/// All bytes of a file. Throws DataError where it cannot be read.
std::string read_whole_file(const std::filesystem::path& path);

}  // namespace reluscope
