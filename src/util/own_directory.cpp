#include "util/own_directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>

#include "util/error.hpp"

namespace reluscope {

std::vector<std::string> names_in(const std::filesystem::path& directory) {
  struct Closer {
    void operator()(DIR* open) const { ::closedir(open); }
  };
  std::vector<std::string> names;
  const std::unique_ptr<DIR, Closer> open(::opendir(directory.c_str()));
  if (!open) return names;
  while (const dirent* entry = ::readdir(open.get()))
    if (const std::string_view name = entry->d_name; name != "." && name != "..") names.emplace_back(name);
  return names;
}

bool is_at(int descriptor, const std::filesystem::path& path) {
  struct stat open {};
  struct stat found {};
  return ::fstat(descriptor, &open) == 0 && ::lstat(path.c_str(), &found) == 0 && open.st_ino == found.st_ino &&
         open.st_dev == found.st_dev;
}

Descriptor open_own_file(const std::filesystem::path& path, int flags) {
  // Without O_NONBLOCK opening a pipe waits for its reader.
  Descriptor file(::open(path.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666));
  const int reason = errno;
  if (std::error_code error; file.number() < 0 && reason == ELOOP && std::filesystem::is_symlink(path, error))
    throw IoError("'" + path.string() +
                  "' is a symbolic link, and nothing is written through one here, since it may lead anywhere: put the "
                  "file itself in its place, or remove the link");
  struct stat status {};
  // ENXIO: a pipe that nobody reads from, or a socket.
  if (file.number() >= 0 ? ::fstat(file.number(), &status) == 0 && !S_ISREG(status.st_mode) : reason == ENXIO)
    throw IoError("'" + path.string() + "' is not a regular file, as it has to be here: remove it");
  errno = reason;
  return file;
}

}  // namespace reluscope
