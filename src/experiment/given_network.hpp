#pragma once
// Which network a user means who has trained it already: a config or the directory of a run, and where its parameters
// are.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "config/spec.hpp"

namespace reluscope {

/// What was asked for.
struct NetworkWish {
  std::filesystem::path config;        ///< a config, "-", or the directory of a run
  std::vector<std::string> overrides;  ///< KEY=VALUE
  std::filesystem::path weights;       ///< a file, or the directory of a run; empty: what the config says
  std::filesystem::path data;          ///< where the data are instead: a directory or a file; empty: as the config says
};

/// The experiment, with network.init_from where its parameters are; of a run those that it has come to. Without
/// init_from they are drawn. Throws ConfigError, DataError.
ExperimentSpec find_network(const NetworkWish& wish);

/// The same experiment with other parameters. Throws DataError where `place` is the directory of a run whose layers
/// are others.
ExperimentSpec with_weights(ExperimentSpec spec, const std::filesystem::path& place);

/// The experiment of the run in a directory, as its manifest has it, with changes. Throws DataError, ConfigError.
ExperimentSpec spec_of_run(const std::filesystem::path& run, std::span<const std::string> overrides = {});

/// Whether it is the directory of `reluscope census`.
bool holds_census(const std::filesystem::path& directory);

/// The experiment whose census is in the directory, with the parameters that were counted; drawn ones where none were
/// given. Throws DataError, also where the census is not of the training part; ConfigError.
ExperimentSpec spec_of_census(const std::filesystem::path& census);

/// The parameters that a run has come to at its end. Throws DataError where it did not save them, with the command that
/// does.
std::filesystem::path weights_of_run(const std::filesystem::path& run);

}  // namespace reluscope
