#pragma once
// A prescription, for people and for programs.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "report/terminal.hpp"
#include "trials/prescribe.hpp"

namespace reluscope {

/// The candidates, the best first: seeds run, how far, objective, dead units, runs cured, steps/s. As plain text at
/// most `width` columns wide: the last columns are left out for it, and long names cut.
std::string screening_table(const Prescription& prescription, TableStyle style, std::size_t width);
/// On fresh seeds: the original, the candidates in the order in which they were tried, and a random change.
std::string confirmation_table(const Prescription& prescription, TableStyle style, std::size_t width);

/// The change that is recommended.
struct Change {
  std::string patch;    ///< as JSON Patch; empty: none is recommended
  std::string command;  ///< as a command line for a shell
  std::string name;     ///< of the changed config
};
std::string prescription_json(const Prescription& prescription, const Change& change);
/// "reluscope run CONFIG KEY=VALUE …": the user's overrides, then the changes. Of those with the same key the last one
/// alone is left.
std::vector<std::string> run_command(const std::string& config, std::span<const std::string> overrides,
                                     std::span<const std::string> changes);
/// The words in one line, quoted; or on lines of at most `width` columns where the words allow, each but the last with
/// a backslash at its end.
std::string shell_line(std::span<const std::string> words);
std::string shell_lines(std::span<const std::string> words, std::size_t width);

}  // namespace reluscope
