#pragma once
// JSON text, with comments, read strictly: the first stage of a config.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace reluscope {

/// Parses JSON in which // and /* */ comments are allowed. Throws ConfigError: for a syntax error (with line and
/// column), for duplicate keys (all of them, with their JSON Pointers), for numbers beyond float64, invalid UTF-8, a
/// NUL, and nesting deeper than kDeepestJson. `origin` names the text in messages.
nlohmann::json parse_json_text(std::string_view text, const std::string& origin);

/// The content of a config file; "-" is standard input. Throws ConfigError: unreadable, a directory, above 16 MiB.
std::string read_config_file(const std::filesystem::path& file);

/// Appends a token to a JSON Pointer, escaped after RFC 6901.
std::string pointer_to(const std::string& parent, std::string_view token);

/// A JSON value for a message: its text, cut short.
std::string describe(const nlohmann::json& value);

/// Text for a message, cut between two characters where it is long.
std::string shortened(const std::string& text);

/// What JSON text has to be. (Arguments of a command line may be any bytes.)
bool is_utf8(const std::string& text);

}  // namespace reluscope
