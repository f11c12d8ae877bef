#include "util/input.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
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

}  // namespace

bool has_file(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error);
}

bool has_directory(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Descriptor open_for_reading(const std::filesystem::path& path) {
  // Without O_NONBLOCK opening alone waits for a writer.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number() < 0) return file;
  if (is_named_pipe(file.number(), path)) {
    pollfd writer{file.number(), POLLIN, 0};
    if (::poll(&writer, 1, kPipePatienceMs) == 0)
      throw DataError(path.string() + ": a pipe to which nothing is written (waited " +
                      std::to_string(kPipePatienceMs / 1000) + " seconds)");
  }
  ::fcntl(file.number(), F_SETFL, ::fcntl(file.number(), F_GETFL) & ~O_NONBLOCK);
  return file;
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
