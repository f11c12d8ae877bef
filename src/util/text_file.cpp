#include "util/text_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "util/error.hpp"

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
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) fail("create", path.string());
  return descriptor;
}

}  // namespace

TextSink::TextSink(const std::filesystem::path& path)
    : name_(path == "-" ? "standard output" : path.string()),
      descriptor_(path == "-" ? STDOUT_FILENO : open_for_writing(path)) {
  buffer_.reserve(kBufferBytes);
}

TextSink::TextSink(TextSink&& other) noexcept
    : name_(std::move(other.name_)),
      buffer_(std::move(other.buffer_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

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
  const std::string pending = std::exchange(buffer_, {});
  write_all(descriptor_, pending, name_);
  buffer_.reserve(kBufferBytes);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  const int descriptor = open_for_writing(temporary);
  try {
    write_all(descriptor, text, temporary.string());
    if (::fsync(descriptor) != 0) fail("fsync", temporary.string());
  } catch (...) {
    ::close(descriptor);
    ::unlink(temporary.c_str());
    throw;
  }
  ::close(descriptor);
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail("rename to", path.string());
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
  const int directory = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
}

void write_document(const std::filesystem::path& path, std::string_view text) {
  if (path != "-") return write_file_atomically(path, text);
  TextSink out("-");
  out.write(text);
  out.flush();
}

std::string read_whole_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || file.bad()) throw DataError(path.string() + ": cannot be read");
  return text.str();
}

}  // namespace reluscope
