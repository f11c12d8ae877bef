#pragma once
// A sweep: settings of any config keys × seeds, from a file in the vocabulary of W&B sweeps. Its jobs are numbered, so
// that they can be shared out among processes and machines; the results are the same bytes however they were.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "trials/fleet.hpp"

namespace reluscope {

struct Sweep {
  std::string name;
  ConfigSource source;
  std::vector<std::string> keys;  ///< what is varied
  std::vector<Job> jobs;          ///< numbered from 0 and identified; a setting's seeds are neighbours
  std::string id;                 ///< hash of the jobs' ids: what the sweep consists of
};

/// Reads a sweep file (JSON, comments allowed):
///   {"name": "lr", "config": "digits-relu.json", "method": "grid", "seeds": 5, "run_cap": 100,
///    "parameters": {"train.optimizer.lr": {"values": [0.1, 0.01]},
///                   "train.batch_size": {"distribution": "int_uniform", "min": 16, "max": 128}}}
/// `config` names a file (relative to the sweep's) or is an experiment itself. `method`: grid (every combination, the
/// last parameter fastest), random (`run_cap` runs, drawn from `seed`), or list (`runs`: an array of {KEY: value}).
/// `seeds`: how many, from the config's own on, or a list. Throws ConfigError with everything that is wrong.
Sweep load_sweep(const std::filesystem::path& file);

/// Part `index` of `count`, counted from 1: every count-th job.
struct ShardOfJobs {
  std::int64_t index = 1;
  std::int64_t count = 1;
};
/// "2/8". Throws UsageError.
ShardOfJobs parse_shard(const std::string& text);

/// Carries out a shard of the sweep in `directory`: sweep.json says what it is, a row is appended to
/// shard-I-of-N.part.csv as each run ends (results.part.csv where there is one shard), and once all are there the rows,
/// in the order of their numbers, become shard-I-of-N.csv (results.csv) by an atomic rename. What is in the directory
/// already is not run again. `progress` is called after each run; `keep` is run_fleet's. Returns false if `stop` ended
/// it early. Throws IoError: another sweep is in the directory, or the files are in use.
struct SweepProgress {
  std::int64_t total = 0;
  std::int64_t before = 0;  ///< done in earlier calls
};
bool run_sweep(const Sweep& sweep, const ShardOfJobs& shard, const std::filesystem::path& directory, int threads,
               const std::atomic<int>* stop, const std::function<void(const SweepProgress&)>& begin,
               const std::function<void(const Trial&)>& progress, const std::filesystem::path& keep = {});

/// Joins the finished shards in these directories to the bytes that a single process would have written as
/// results.csv, and returns them. Throws DataError: shards of different sweeps, runs that are missing, or there twice
/// (with the numbers of the first ones).
std::string merge_shards(const std::vector<std::filesystem::path>& directories);

}  // namespace reluscope
