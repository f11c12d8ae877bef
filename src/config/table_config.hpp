#pragma once
// A config for somebody's own table, made from what its columns hold.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace reluscope {

struct TableWish {
  std::filesystem::path file;             ///< CSV, plain or gzip
  std::string label;                      ///< a column, as data.label_column; empty: guessed
  std::filesystem::path directory;        ///< where the config will be: its path to the file starts there
  std::span<const std::string> settings;  ///< KEY=VALUE of the kind's own keys (data.drop=id): they come before guesses
  std::string name;                       ///< of the experiment; empty: the file's
};

struct TableConfig {
  std::string name;                  ///< of the experiment: the file's
  std::string text;                  ///< JSON with comments
  std::vector<std::string> choices;  ///< what was chosen and why, a sentence each
};

/// Throws DataError, with the setting that helps, where the table does not say which column is the label, how its
/// numbers are written or whether it has a header, and where no feature or no label is left; ConfigError for settings.
TableConfig make_table_config(const TableWish& wish);

/// Whether "KEY=VALUE" sets one of the kind's own keys.
bool is_table_setting(const std::string& setting);

/// The schema that the config names, beside it.
inline constexpr const char* kSchemaFile = "experiment.schema.json";

/// A name for an experiment on this file: letters, digits, '-', '_' and '.' of its own name.
std::string experiment_name(const std::filesystem::path& file);

}  // namespace reluscope
