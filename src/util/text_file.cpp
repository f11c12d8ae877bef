#include "util/text_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "util/error.hpp"
#include "util/input.hpp"

namespace reluscope {

namespace {

constexpr std::size_t kBufferBytes = 1 << 16;

[[noreturn]] void fail(const std::string& what, const std::string& name) {
  throw IoError("cannot " + what + " '" + name + "': " + std::strerror(errno));
}

void write_all(int descriptor, std::string_view text, const std::string& name) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) throw BrokenPipe();
      fail("write to", name);
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

int open_for_writing(const std::filesystem::path& path) {
  // What /dev/stdout leads to may be a log that others write to as well.
  const int flags = is_stream(path) ? O_APPEND : O_CREAT | O_TRUNC;
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666);
  if (descriptor < 0) fail("create", path.string());
  return descriptor;
}

/// With the file's end after `bytes` bytes.
int open_to_go_on(const std::filesystem::path& path, std::uint64_t bytes) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor < 0) fail("go on in", path.string());
  struct stat status {};
  const bool known = ::fstat(descriptor, &status) == 0;
  const auto size = known ? static_cast<std::uint64_t>(status.st_size) : 0;
  if (!known || size < bytes || ::ftruncate(descriptor, static_cast<off_t>(bytes)) != 0) {
    const int error = errno;
    ::close(descriptor);
    if (known && size < bytes)
      throw IoError("cannot go on in '" + path.string() + "': it has " + std::to_string(size) +
                    " bytes, the checkpoint says " + std::to_string(bytes) + " or more");
    errno = error;
    fail("cut off the end of", path.string());
  }
  return descriptor;
}

void write_pieces(int descriptor, std::span<const std::string_view> pieces, const std::string& name) {
  for (const std::string_view piece : pieces) write_all(descriptor, piece, name);
}

}  // namespace

/// /dev/stdout and its like may lead to files.
bool is_stream(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (std::filesystem::is_directory(status)) return false;
  const std::string text = path.lexically_normal().string();
  return (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) ||
         text.starts_with("/dev/std") || text.starts_with("/dev/fd/") || text.starts_with("/proc/");
}

TextSink::TextSink(const std::filesystem::path& path)
    : name_(path == "-" ? "standard output" : path.string()),
      descriptor_(path == "-" ? STDOUT_FILENO : open_for_writing(path)) {
  buffer_.reserve(kBufferBytes);
}

TextSink::TextSink(const std::filesystem::path& path, std::uint64_t bytes)
    : name_(path.string()), descriptor_(open_to_go_on(path, bytes)), written_(bytes) {
  buffer_.reserve(kBufferBytes);
}

TextSink::TextSink(TextSink&& other) noexcept
    : name_(std::move(other.name_)),
      buffer_(std::move(other.buffer_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      written_(other.written_) {}

TextSink::~TextSink() {
  if (descriptor_ < 0) return;
  try {
    flush();
  } catch (const std::exception&) {
    // A destructor has no one to tell: whoever cares has called flush() before.
  }
  if (descriptor_ != STDOUT_FILENO) ::close(descriptor_);
}

void TextSink::write(std::string_view text) {
  if (buffer_.size() + text.size() > kBufferBytes) flush();
  buffer_ += text;
}

void TextSink::flush() {
  // Emptied first: what could not be written is not tried again by the destructor.
  std::string pending;
  pending.swap(buffer_);
  write_all(descriptor_, pending, name_);
  written_ += pending.size();
  pending.clear();
  buffer_.swap(pending);  // its room is used again
}

void TextSink::sync() {
  flush();
  // EINVAL, EROFS: a pipe or a terminal, which has no disk to wait for.
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) fail("fsync", name_);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  write_file_atomically(path, std::span(&text, 1));
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::string_view> pieces) {
  if (is_stream(path)) {
    const Descriptor open(open_for_writing(path));
    return write_pieces(open.number(), pieces, path.string());
  }
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  {
    const Descriptor open(open_for_writing(temporary));
    try {
      write_pieces(open.number(), pieces, temporary.string());
      if (::fsync(open.number()) != 0) fail("fsync", temporary.string());
    } catch (...) {
      ::unlink(temporary.c_str());
      throw;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    errno = error;
    fail("rename to", path.string());
  }
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
  const Descriptor directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems cannot: then there is nothing more to be done.
  if (directory.number() >= 0) ::fsync(directory.number());
}

void write_document(const std::filesystem::path& path, std::string_view text) {
  if (path != "-") return write_file_atomically(path, text);
  TextSink out("-");
  out.write(text);
  out.flush();
}

std::string read_whole_file(const std::filesystem::path& path) {
  std::string text;
  if (!read_to_end(open_for_reading(path), text))
    throw DataError(path.string() + ": cannot be read: " + std::strerror(errno));
  return text;
}

}  // namespace reluscope
