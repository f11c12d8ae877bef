#pragma once
// The file that describes a sweep.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trials/fleet.hpp"
#include "util/param.hpp"
#include "util/random.hpp"

namespace reluscope {

/// A sweep file, its settings drawn or multiplied out.
struct SweepFile {
  std::string name;
  ConfigSource source;
  std::vector<std::string> keys;
  /// Values, one per key; none: the key is left as it is.
  std::vector<std::vector<std::optional<nlohmann::json>>> settings;
  std::vector<std::uint64_t> seeds;
  std::optional<std::int64_t> run_cap;  ///< the most runs in total
};

/// Throws ConfigError.
SweepFile read_sweep_file(const std::filesystem::path& file);

/// A distribution that a parameter of a random sweep may have, after W&B.
struct DistributionEntry : Entry {
  nlohmann::json (*draw)(const ParamValues& params, Rng& random) = nullptr;
};
/// uniform, q_uniform, int_uniform, log_uniform_values, normal, …
std::span<const DistributionEntry> distribution_table();

}  // namespace reluscope
