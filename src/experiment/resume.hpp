#pragma once
// What is left of a run in its directory, and whether there is something to go on with.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/spec.hpp"
#include "trace/checkpoint.hpp"

namespace reluscope {

struct Resumption {
  ExperimentSpec spec;
  bool ended = false;                    ///< nothing is left to be done
  std::optional<Checkpoint> checkpoint;  ///< absent: the run begins anew
  std::string started;                   ///< of the manifest; empty where there is none
  std::vector<std::int64_t> resumed;     ///< the same: steps at which it was resumed before
  bool save_weights = false;             ///< the same: whether the trained parameters are wanted
};

/// The experiment of a run, as its manifest has it, with changes (KEY=VALUE). Throws DataError for a manifest that is
/// none, ConfigError for a config that is none.
ExperimentSpec spec_of_manifest(const nlohmann::ordered_json& manifest, const std::filesystem::path& manifest_file,
                                std::span<const std::string> overrides = {});

/// `directory` must be locked. `given`: the experiment as the user has it; without it the manifest says what it is.
/// Throws DataError: no manifest and nothing given, a manifest that is none, an experiment that is not the manifest's
/// (the places are named), a damaged checkpoint; IoError: files of a run and no manifest; ConfigError as above.
Resumption find_resumption(const std::filesystem::path& directory, std::optional<ExperimentSpec> given);

/// Whether the directory holds a run that was stopped, or killed behind a checkpoint, and that can be gone on with.
/// (One that is being written looks the same.)
bool is_interrupted(const std::filesystem::path& directory);

/// Throws DataError where the checkpoint is of another config, other data, or another census engine than `now`; returns
/// a warning where another build wrote it, else nothing.
std::string check_identity(const Checkpoint& checkpoint, const Checkpoint& now);

}  // namespace reluscope
