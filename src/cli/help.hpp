#pragma once
// The help texts: at the width of the terminal, subcommands in the order of what a person wants.

#include <CLI/CLI.hpp>
#include <memory>

namespace reluscope {

/// Descriptions are wrapped at blanks to the width of standard output; option names that are long have a line of
/// their own.
std::shared_ptr<CLI::Formatter> help_formatter();

/// Puts each subcommand under its heading: run, understand, decide, share.
void group_subcommands(CLI::App& app);

}  // namespace reluscope
