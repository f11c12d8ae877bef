#include "util/temporary_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "util/error.hpp"

namespace reluscope {

namespace {

constexpr const char* kPrefix = ".reluscope-";
constexpr const char* kSuffix = ".tmp";

/// Processes on other machines may have the same number, and threads of this one ask at once.
std::string next_name() {
  static std::atomic<std::uint64_t> count = 0;
  return kPrefix + std::to_string(::getpid()) + "-" + std::to_string(++count) + kSuffix;
}

/// False where another process has the lock; true also where the file system has none.
bool lock(int descriptor) { return ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; }

/// A new file by a name that nobody uses, left in `path`.
Descriptor create(const std::filesystem::path& directory, const std::filesystem::path& target,
                  std::filesystem::path& path) {
  constexpr int kAttempts = 1000;
  for (int attempt = 1;; ++attempt) {
    path = directory / next_name();
    Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    const bool last = attempt == kAttempts;
    if (file.number() < 0) {
      if (errno == EEXIST && !last) continue;
      throw_errno("create", target.string());
    }
    // Between these two lines another process may take it for something left behind. (Some file systems have no lasting
    // inode numbers to tell by.)
    if ((lock(file.number()) && is_at(file.number(), path)) || last) return file;
  }
}

void sync_directory(const std::filesystem::path& path) {
  const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems cannot: then there is nothing more to be done.
  if (directory.number() >= 0) ::fsync(directory.number());
}

}  // namespace

TemporaryFile::TemporaryFile(std::filesystem::path target)
    : target_(std::move(target)),
      directory_(target_.has_parent_path() ? target_.parent_path() : "."),
      file_((remove_leftovers(directory_), create(directory_, target_, path_))) {}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void TemporaryFile::sync() const {
  if (::fsync(file_.number()) != 0) throw_errno("fsync", target_.string());
}

void TemporaryFile::replace_target() {
  sync();
  if (::rename(path_.c_str(), target_.c_str()) != 0) throw_errno("replace", target_.string());
  path_.clear();
  sync_directory(directory_);
}

bool TemporaryFile::become_target() {
  sync();
  if (::link(path_.c_str(), target_.c_str()) != 0) {
    if (errno == EEXIST) return false;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) throw_errno("create", target_.string());
    replace_target();  // a file system without hard links, on which the last one has its way
    return true;
  }
  sync_directory(directory_);
  ::unlink(path_.c_str());
  path_.clear();
  return true;
}

void remove_leftovers(const std::filesystem::path& directory) {
  for (const std::string& name : names_in(directory)) {
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    const std::filesystem::path path = directory / name;
    const Descriptor file(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file.number() >= 0 && ::flock(file.number(), LOCK_EX | LOCK_NB) == 0 && is_at(file.number(), path))
      ::unlink(path.c_str());
  }
}

}  // namespace reluscope
