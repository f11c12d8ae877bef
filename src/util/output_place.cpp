#include "util/output_place.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <system_error>

#include "util/error.hpp"
#include "util/input.hpp"

namespace reluscope {

namespace {

namespace fs = std::filesystem;

std::optional<struct stat> status_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

/// Where a file would come to be that is written by this name, past links that lead to nothing yet.
fs::path place_of(fs::path path) {
  constexpr int kMostLinks = 40;  // as the kernel has it
  std::error_code error;
  for (int link = 0; link < kMostLinks; ++link) {
    const fs::path parent = fs::weakly_canonical(fs::absolute(path, error).parent_path(), error);
    path = parent / path.filename();
    if (!fs::is_symlink(path, error)) break;
    path = parent / fs::read_symlink(path, error);  // an absolute one takes the parent's place
  }
  return path;
}

bool is_inside(const fs::path& path, const fs::path& root) {
  return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
}

}  // namespace

bool is_same_file(const fs::path& left, const fs::path& right) {
  const auto one = status_of(left);
  const auto other = status_of(right);
  if (one && other) return S_ISREG(one->st_mode) && one->st_dev == other->st_dev && one->st_ino == other->st_ino;
  return !one && !other && place_of(left) == place_of(right);
}

void refuse_overwriting(const std::string& what, const fs::path& output, std::span<const fs::path> inputs) {
  for (const fs::path& input : inputs)
    if (is_same_file(output, input == "-" ? "/dev/stdin" : input))
      throw UsageError(what + ": that would overwrite " +
                       (input == "-" ? "the file on standard input" : "'" + input.string() + "'") +
                       ", which is read here: choose another place");
}

void refuse_links_within(const fs::path& root, const fs::path& path) {
  std::error_code error;
  const fs::path home = fs::canonical(root, error);
  if (error) return;  // nothing is there yet
  fs::path above;
  for (const fs::path& part : path) {
    const fs::path parent = fs::canonical(above.empty() ? "." : above, error);
    above /= part;
    if (!error && fs::is_symlink(above, error) && is_inside(parent, home))
      throw IoError("'" + above.string() + "' is a symbolic link in '" + root.string() +
                    "', and nothing is written through it, since it may lead anywhere: remove it, or name another "
                    "directory");
  }
}

void make_directory(const fs::path& directory, const fs::path& root) {
  if (!root.empty()) refuse_links_within(root, directory);
  std::error_code error;
  fs::create_directories(directory, error);
  if (error || !has_directory(directory))
    throw IoError("cannot make the directory '" + directory.string() +
                  "': " + (error ? error.message() : "something else has that name"));
}

}  // namespace reluscope
