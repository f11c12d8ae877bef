#pragma once
// From config text to a validated experiment.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "config/spec.hpp"

namespace reluscope {

/// Whose text it is: a file's, whose lines a message can show, or one that a program made of something else.
enum class TextOf { file, program };

/// Parses, overrides, validates and binds. Throws ConfigError with everything that is wrong. `origin` names the text in
/// messages; relative data paths start at `base_directory`.
ExperimentSpec parse_experiment(std::string_view text, const std::string& origin,
                                const std::filesystem::path& base_directory,
                                std::span<const std::string> overrides = {}, TextOf whose = TextOf::file);

/// The same for a file; "-" reads standard input, with paths relative to the working directory.
ExperimentSpec load_experiment(const std::filesystem::path& file, std::span<const std::string> overrides = {});

/// A config with changes made to its text: the document, and the JSON Patch (RFC 6902) that makes it of the one before.
struct ChangedConfig {
  std::string document;
  std::string patch;
};
/// Throws ConfigError for text that is not JSON, and for a change that leads nowhere. Comments are lost.
ChangedConfig change_config(std::string_view text, const std::string& origin, std::span<const std::string> overrides);

}  // namespace reluscope
