#pragma once
// Text output that notices every fault: a full disk, a closed pipe, a directory that went away.

#include <cstdint>
#include <filesystem>
#include <functional>
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

/// Whose choice a path is: a user's leads wherever it leads, to a pipe or a device too, and through links. A file in a
/// directory of runs is a regular file in that directory and nothing else (see open_own_file).
enum class PathOf { user, run };

/// Whether what is written to `path` appears on standard output: "-", /dev/stdout, a pipe that it is by another name.
bool is_standard_output(const std::filesystem::path& path);

/// A buffered text stream to a file or to standard output. Throws IoError (naming the file) or BrokenPipe.
class TextSink {
 public:
  /// Of a user: creates or truncates `path`; "-" is standard output, and what is a stream is written to as it is. Of a
  /// run: creates it, and throws IoError where something has that name.
  explicit TextSink(const std::filesystem::path& path, PathOf whose = PathOf::user);
  /// Goes on in a file after its first `bytes` bytes, and cuts off what follows them. Throws IoError where it is gone
  /// or shorter.
  TextSink(const std::filesystem::path& path, std::uint64_t bytes, PathOf whose = PathOf::user);
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
/// temporary file, fsync, rename, fsync of the directory. Whatever has the name, a link for one, is replaced itself and
/// not followed. Throws IoError.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);
/// The same for several pieces, one after the other.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::string_view> pieces);
/// Takes the next piece of a text.
using WritePiece = std::function<void(std::string_view piece)>;
/// The same for what memory need not hold: `fill` hands it over piece by piece. What it throws leaves the file as it
/// was.
void write_large_file_atomically(const std::filesystem::path& path, const std::function<void(const WritePiece&)>& fill);
/// The same where nothing has that name yet; false, and nothing done, where something has.
bool create_file_atomically(const std::filesystem::path& path, std::string_view text);

/// A document to where a user wants it: standard output where `path` is "-", into a device or a pipe, else into a file,
/// atomically. Throws IoError or BrokenPipe.
void write_document(const std::filesystem::path& path, std::string_view text);
/// The same for what memory need not hold: `fill` hands it over piece by piece.
void write_large_document(const std::filesystem::path& path, const std::function<void(const WritePiece&)>& fill);

/// All bytes of a regular file that the tool itself wrote. Throws DataError where it is none, cannot be read, or is
/// larger than memory.
std::string read_whole_file(const std::filesystem::path& path);

}  // namespace reluscope
