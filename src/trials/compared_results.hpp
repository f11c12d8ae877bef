#pragma once
// The runs of a comparison or a sweep, read back from compare.csv or results.csv.

#include <filesystem>

#include "trials/metrics.hpp"
#include "trials/results.hpp"

namespace reluscope {

/// What is read back, at most: a page or a table of more says nothing.
inline constexpr std::int64_t kMostRead = 20'000;

/// Results of many runs, a variant for each setting.
struct ComparedResults {
  std::vector<std::string> keys;   ///< what is varied
  std::vector<std::string> names;  ///< short, one a key
  ComparedRuns runs;
  std::vector<std::vector<std::string>> ids;  ///< [variant][seed], as runs.trials; empty where there is no such run
};

/// Settings stand in the order of what is varied, the first key first: numbers by their size, words as they come in the
/// file. A run that is not there counts as failed. Throws DataError for what are no results, and for more than
/// kMostRead.
ComparedResults read_compared(const std::filesystem::path& file, FileKind kind = FileKind::any);

}  // namespace reluscope
