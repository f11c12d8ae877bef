#pragma once
// The lives of units, read back from events.jsonl.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace reluscope {

/// A change in the life of a unit.
struct LifeRecord {
  std::int64_t step = 0;
  std::string event;  ///< born_dead, inherited, died, revived, locked
  std::int64_t layer = 0;
  std::int64_t unit = 0;
  std::string cause;
};

/// Longest line that is read: an event takes some 300 bytes.
inline constexpr std::size_t kMostEventBytes = std::size_t{64} << 10U;

/// Events that are about no unit are left out, and so is a last line without its line break, as a run that was killed,
/// or goes on, may leave it. Throws DataError, naming file and line, for what is no event; for a line that is too long;
/// and where the file is no plain regular one.
std::vector<LifeRecord> read_lives(const std::filesystem::path& path);

}  // namespace reluscope
