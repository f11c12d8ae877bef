#pragma once
// The runs of a sweep, or of one part of it, carried out in a directory.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "trials/sealed_rows.hpp"
#include "trials/sweep.hpp"
#include "util/text_file.hpp"

namespace reluscope {

/// Part `index` of `count`, counted from 1: every count-th job.
struct ShardOfJobs {
  std::int64_t index = 1;
  std::int64_t count = 1;
  /// The jobs it has of so many.
  [[nodiscard]] std::int64_t size(std::int64_t runs) const;
  /// The number of its job at a place, and the reverse; nothing for a job of another shard.
  [[nodiscard]] std::int64_t job(std::int64_t place) const { return place * count + index - 1; }
  [[nodiscard]] std::optional<std::int64_t> place(std::int64_t job) const;
};
/// "2/8". Throws UsageError.
ShardOfJobs parse_shard(const std::string& text);

/// What is there of a shard when it begins.
struct ShardProgress {
  std::int64_t total = 0;
  std::int64_t before = 0;  ///< done in earlier calls
  std::string damage;       ///< what its journal has lost, in a sentence; empty: nothing
};

/// Carries out a shard of the sweep in `directory`: sweep.json says what it is, a row is appended to the journal
/// shard-I-of-N.part.csv as each run ends (results.part.csv where there is one shard), and once all are there the rows,
/// in the order of their numbers, become shard-I-of-N.csv (results.csv) by an atomic rename. What is in the directory
/// already is not run again. `progress` is called after each run; `keep` is run_fleet's. Returns false if `stop` ended
/// it early. Throws IoError: another sweep is in the directory, or the files are in use; DataError: the finished shard
/// is damaged.
bool run_shard(const Sweep& sweep, const ShardOfJobs& shard, const std::filesystem::path& directory, int threads,
               const std::atomic<int>* stop, const std::function<void(const ShardProgress&)>& begin,
               const std::function<void(const Trial&)>& progress, const std::filesystem::path& keep = {});

/// Carries out the whole sweep without a directory: the bytes of results.csv go to `write`, a row once it and all
/// before it are there. Nothing can be gone on with. Returns false if `stop` ended it early; what `write` throws ends
/// it.
bool stream_sweep(const Sweep& sweep, int threads, const std::atomic<int>* stop, const WritePiece& write,
                  const std::function<void(const Trial&)>& progress, const std::filesystem::path& keep = {});

/// What sweep.json says of the directory that it is in.
struct SweepFacts {
  std::string id;
  std::int64_t runs = 0;
};
/// Throws DataError for what no sweep has written.
SweepFacts read_sweep_facts(const std::filesystem::path& directory);

/// The name of a finished shard, without its ending.
std::string shard_name(const ShardOfJobs& shard);
/// A finished shard is not as it was written, at the row that was read last; says how to make it anew. Throws
/// DataError.
[[noreturn]] void refuse_shard(const std::filesystem::path& file, std::uint64_t line, const std::string& found);

}  // namespace reluscope
