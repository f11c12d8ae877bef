#pragma once
// The shards of a sweep, joined.

#include <filesystem>
#include <string>
#include <vector>

#include "util/text_file.hpp"

namespace reluscope {

/// The finished shards in some directories. A piece of each file is in memory at a time.
class Shards {
 public:
  /// Reads them through. Throws DataError: shards of different sweeps, damaged ones, runs that are missing, or there
  /// twice (with the numbers of the first ones).
  explicit Shards(const std::vector<std::filesystem::path>& directories);
  /// The bytes that a single process would have written as results.csv.
  void write(const WritePiece& piece) const;
  /// The files that they are read from.
  [[nodiscard]] const std::vector<std::filesystem::path>& inputs() const { return inputs_; }

 private:
  void find(const std::filesystem::path& directory);
  void join(const WritePiece& piece) const;

  std::string sweep_;  ///< its id
  std::int64_t runs_ = 0;
  std::vector<std::filesystem::path> files_;
  std::vector<std::filesystem::path> unfinished_;
  std::vector<std::filesystem::path> inputs_;
};

}  // namespace reluscope
