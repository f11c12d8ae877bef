#pragma once
// The members of a zip archive, through libzip where the build has it.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/input_file.hpp"

namespace reluscope {

class ZipArchive {
 public:
  /// Throws DataError for what is no zip archive, has no regular file behind it or more than 10,000 members, and where
  /// this build has no libzip.
  explicit ZipArchive(const std::filesystem::path& path);

  [[nodiscard]] const std::vector<std::string>& members() const { return members_; }
  /// What one member holds, unpacked while it is read. Reading it throws DataError for damaged data and for encryption.
  [[nodiscard]] InputFile open(const std::string& member) const;

 private:
  std::string name_;
  std::shared_ptr<void> handle_;  ///< libzip's
  std::vector<std::string> members_;
};

}  // namespace reluscope
