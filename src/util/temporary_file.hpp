#pragma once
// How a file gets its content at once: it is written under another name beside the one that it is to have.

#include <cstdint>
#include <filesystem>

#include "util/own_directory.hpp"

namespace reluscope {

/// A new file beside `target`, by a name that no other process uses, and locked while it lives: so whoever writes into
/// the directory next can tell what a killed process has left from what is being written, and takes it away.
class TemporaryFile {
 public:
  /// Throws IoError, which names `target`.
  explicit TemporaryFile(std::filesystem::path target);
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  /// Takes it away, unless it has got its name.
  ~TemporaryFile();
  [[nodiscard]] int descriptor() const { return file_.number(); }

  /// Puts it on disk, and gives it the name of the target: of the one that was there nothing is left. Throws IoError.
  void replace_target();
  /// The same where there is no target yet; false, and nothing done, where there is one. Throws IoError.
  bool become_target();

 private:
  void sync() const;
  std::filesystem::path target_;
  std::filesystem::path directory_;
  std::filesystem::path path_;  ///< empty once it has got its name
  Descriptor file_;
};

/// Takes away the temporary files that killed processes have left in the directory. Where they cannot be told from
/// those of living ones, on a file system without locks, they stay.
void remove_leftovers(const std::filesystem::path& directory);

}  // namespace reluscope
