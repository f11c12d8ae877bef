#pragma once
// A config for somebody's own data, that runs at once.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace reluscope {

struct OwnWish {
  std::filesystem::path file;       ///< CSV or the like, NPY, NPZ, IDX; plain or gzip
  std::string label;                ///< of a table a column, of NPY and IDX a file, of NPZ an array; empty: guessed
  std::filesystem::path directory;  ///< where the config will be: its paths start there
  std::span<const std::string> settings;  ///< KEY=VALUE of the data's own keys (data.drop=id): they come before guesses
  std::string name;                       ///< of the experiment; empty: the file's
};

struct OwnConfig {
  std::string name;                  ///< of the experiment
  std::string text;                  ///< JSON with comments
  std::vector<std::string> choices;  ///< what was chosen and why, a sentence each
};

/// Throws DataError, with the setting that helps, where the data do not say what the label is, how numbers are written
/// or whether there is a header, and where no feature or no label is left; ConfigError for settings that are none.
OwnConfig make_config(const OwnWish& wish);

/// Whether "KEY=VALUE" sets one of the own keys of the kind of data in this file.
bool is_own_setting(const std::filesystem::path& file, const std::string& setting);

/// A name for an experiment on this file: letters, digits, '-', '_' and '.' of its own name.
std::string experiment_name(const std::filesystem::path& file);

}  // namespace reluscope
