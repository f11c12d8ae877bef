#pragma once
// A sweep: settings of any config keys × seeds, from a file in the vocabulary of W&B sweeps. Its jobs are numbered, so
// that they can be shared out among processes and machines; the results are the same bytes however they were. A job is
// made when it is asked for: ten million take no more memory than ten.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "trials/distributions.hpp"
#include "trials/fleet.hpp"

namespace reluscope {

/// More runs would be a slip of the pen.
inline constexpr std::int64_t kMostRuns = 10'000'000;

enum class SweepMethod { grid, random, list };

/// What a key may be: a list of values, or a distribution.
struct SweepParameter {
  std::string key;
  std::vector<nlohmann::json> values;
  const DistributionEntry* distribution = nullptr;
  ParamValues params;
};

/// first, first + 1, …, or those in the list.
struct Seeds {
  std::uint64_t first = 0;
  std::int64_t count = 0;
  std::vector<std::uint64_t> list;
  [[nodiscard]] std::uint64_t at(std::int64_t place) const;
};

struct Sweep {
  std::string name;
  ConfigSource source;
  SweepMethod method = SweepMethod::grid;
  std::vector<std::string> keys;           ///< what is varied
  std::vector<SweepParameter> parameters;  ///< of grid and random, one a key
  std::vector<nlohmann::json> listed;      ///< of list: {KEY: value} each
  std::uint64_t draw_seed = 0;             ///< of random
  Seeds seeds;
  std::int64_t settings = 0;          ///< combinations, draws or entries of the list; saturates
  std::int64_t runs = 0;              ///< settings × seeds, or fewer where run_cap says so
  std::optional<double> target_loss;  ///< that steps_to_loss counts up to
  std::string id;                     ///< hash of all that the runs follow from

  /// Job number 0 … runs − 1, without its id; a setting's seeds are neighbours.
  [[nodiscard]] Job job(std::int64_t number) const;
  /// The values of a setting, one per key; none: the key is left as it is.
  [[nodiscard]] std::vector<std::optional<nlohmann::json>> setting(std::int64_t number) const;
};

/// Reads a sweep file (JSON, comments allowed):
///   {"name": "lr", "config": "digits-relu.json", "method": "grid", "seeds": 5, "run_cap": 100,
///    "parameters": {"train.optimizer.lr": {"values": [0.1, 0.01]},
///                   "train.batch_size": {"distribution": "int_uniform", "min": 16, "max": 128}}}
/// `config` names a file (relative to the sweep's) or is an experiment itself. `method`: grid (every combination, the
/// last parameter fastest), random (`run_cap` runs, drawn from `seed`), or list (`runs`: an array of {KEY: value}).
/// `target_loss`: what steps_to_loss is the number of updates to; without it that column is empty.
/// `seeds`: how many, from the config's own on, or a list. Throws ConfigError with everything that is wrong: in the
/// file, and in the configs of its settings. Of a sweep with more settings than kCheckedSettings only so many are
/// looked at, in a grid every value once; a run whose config turns out to be wrong fails.
Sweep load_sweep(const std::filesystem::path& file);
/// As many as take some seconds.
inline constexpr std::int64_t kCheckedSettings = 10'000;

/// a × b, or the largest number there is.
std::int64_t saturated_product(std::int64_t a, std::int64_t b);

}  // namespace reluscope
