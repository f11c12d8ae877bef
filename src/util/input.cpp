#include "util/input.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "util/error.hpp"

namespace reluscope {

namespace {

/// What a shell hands over (`<(command)`) has its writer already, however long that takes.
bool is_named_pipe(int descriptor, const std::filesystem::path& path) {
  struct stat status {};
  const std::string text = path.lexically_normal().string();
  return ::fstat(descriptor, &status) == 0 && S_ISFIFO(status.st_mode) && !text.starts_with("/dev/") &&
         !text.starts_with("/proc/");
}

const char* kind_name(mode_t mode) {
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

[[noreturn]] void refuse_kind(const std::filesystem::path& path, mode_t mode) {
  throw DataError(path.string() + ": found " + kind_name(mode) +
                  ", expected a regular file: remove it, or copy the directory anew from where it was written");
}

}  // namespace

bool has_file(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error);
}

bool has_directory(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

bool has_own_file(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    const int error = errno;
    // A link that leads nowhere is not nothing.
    if (::lstat(path.c_str(), &status) == 0 || error == EACCES)
      throw DataError(path.string() + ": cannot be read: " + std::strerror(error));
    return false;
  }
  if (!S_ISREG(status.st_mode)) refuse_kind(path, status.st_mode);
  return true;
}

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Descriptor open_for_reading(const std::filesystem::path& path, FileKind kind) {
  // Without O_NONBLOCK opening alone waits for a writer.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.number() < 0) return file;
  struct stat status {};
  if (kind == FileKind::regular && ::fstat(file.number(), &status) == 0 && !S_ISREG(status.st_mode))
    refuse_kind(path, status.st_mode);
  if (is_named_pipe(file.number(), path)) {
    pollfd writer{file.number(), POLLIN, 0};
    if (::poll(&writer, 1, kPipePatienceMs) == 0)
      throw DataError(path.string() + ": a pipe to which nothing is written (waited " +
                      std::to_string(kPipePatienceMs / 1000) + " seconds)");
  }
  ::fcntl(file.number(), F_SETFL, ::fcntl(file.number(), F_GETFL) & ~O_NONBLOCK);
  return file;
}

std::uint64_t size_of(const Descriptor& file) {
  struct stat status {};
  return ::fstat(file.number(), &status) == 0 ? static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0)) : 0;
}

std::size_t read_at(int descriptor, std::uint64_t offset, void* to, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::pread(descriptor, static_cast<char*>(to) + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

bool read_to_end(const Descriptor& file, std::string& to, std::uint64_t most) {
  if (file.number() < 0) return false;  // errno is still that of opening it
  std::array<char, 1 << 16> piece;
  std::uint64_t taken = 0;
  while (taken <= most) {
    const ssize_t got = ::read(file.number(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    to.append(piece.data(), static_cast<std::size_t>(got));
    taken += static_cast<std::uint64_t>(got);
  }
  return true;
}

}  // namespace reluscope
