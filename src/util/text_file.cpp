#include "util/text_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "util/error.hpp"
#include "util/format.hpp"
#include "util/input.hpp"
#include "util/memory.hpp"
#include "util/own_directory.hpp"
#include "util/temporary_file.hpp"

namespace reluscope {

namespace {

constexpr std::size_t kBufferBytes = 1 << 16;

void write_all(int descriptor, std::string_view text, const std::string& name) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) throw BrokenPipe();
      throw_errno("write to", name);
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

int open_for_writing(const std::filesystem::path& path, PathOf whose) {
  if (whose == PathOf::run) {
    Descriptor created = open_own_file(path, O_WRONLY | O_CREAT | O_EXCL);
    if (created.number() < 0) throw_errno("create", path.string());
    return created.release();
  }
  // What /dev/stdout leads to may be a log that others write to as well.
  const int flags = is_stream(path) ? O_APPEND : O_CREAT | O_TRUNC;
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666);
  if (descriptor < 0) throw_errno("create", path.string());
  return descriptor;
}

/// With the file's end after `bytes` bytes.
int open_to_go_on(const std::filesystem::path& path, std::uint64_t bytes, PathOf whose) {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CLOEXEC;
  Descriptor file = whose == PathOf::run ? open_own_file(path, kFlags) : Descriptor(::open(path.c_str(), kFlags));
  if (file.number() < 0) throw_errno("go on in", path.string());
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) throw_errno("go on in", path.string());
  if (const auto size = static_cast<std::uint64_t>(status.st_size); size < bytes)
    throw IoError("cannot go on in '" + path.string() + "': it has " + std::to_string(size) +
                  " bytes, the checkpoint says " + std::to_string(bytes) + " or more");
  if (::ftruncate(file.number(), static_cast<off_t>(bytes)) != 0) throw_errno("cut off the end of", path.string());
  return file.release();
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

bool is_standard_output(const std::filesystem::path& path) {
  if (path == "-") return true;
  struct stat one {};
  struct stat other {};
  return is_stream(path) && ::stat(path.c_str(), &one) == 0 && ::fstat(STDOUT_FILENO, &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

TextSink::TextSink(const std::filesystem::path& path, PathOf whose)
    : name_(path == "-" ? "standard output" : path.string()),
      descriptor_(path == "-" ? STDOUT_FILENO : open_for_writing(path, whose)) {
  buffer_.reserve(kBufferBytes);
}

TextSink::TextSink(const std::filesystem::path& path, std::uint64_t bytes, PathOf whose)
    : name_(path.string()), descriptor_(open_to_go_on(path, bytes, whose)), written_(bytes) {
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
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) throw_errno("fsync", name_);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  write_file_atomically(path, std::span(&text, 1));
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::string_view> pieces) {
  TemporaryFile file(path);
  for (const std::string_view piece : pieces) write_all(file.descriptor(), piece, path.string());
  file.replace_target();
}

void write_large_file_atomically(const std::filesystem::path& path,
                                 const std::function<void(const WritePiece&)>& fill) {
  TemporaryFile file(path);
  std::string buffer;
  const auto flush = [&] {
    write_all(file.descriptor(), buffer, path.string());
    buffer.clear();
  };
  fill([&](std::string_view piece) {
    if (buffer.size() + piece.size() > kBufferBytes) flush();
    buffer += piece;
  });
  flush();
  file.replace_target();
}

bool create_file_atomically(const std::filesystem::path& path, std::string_view text) {
  TemporaryFile file(path);
  write_all(file.descriptor(), text, path.string());
  return file.become_target();
}

void write_document(const std::filesystem::path& path, std::string_view text) {
  if (path != "-" && !is_stream(path)) return write_file_atomically(path, text);
  TextSink out(path);
  out.write(text);
  out.flush();
}

void write_large_document(const std::filesystem::path& path, const std::function<void(const WritePiece&)>& fill) {
  if (path != "-" && !is_stream(path)) return write_large_file_atomically(path, fill);
  TextSink out(path);
  fill([&out](std::string_view piece) { out.write(piece); });
  out.flush();
}

std::string read_whole_file(const std::filesystem::path& path) {
  std::string text;
  const Descriptor file = open_for_reading(path, FileKind::regular);
  if (file.number() >= 0 && size_of(file) > available_memory_bytes())
    throw DataError(path.string() + ": has " + format_bytes(size_of(file)) + ", this machine's memory " +
                    format_bytes(available_memory_bytes()));
  if (!read_to_end(file, text)) throw DataError(path.string() + ": cannot be read: " + std::strerror(errno));
  return text;
}

}  // namespace reluscope
