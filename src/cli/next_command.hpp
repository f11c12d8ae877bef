#pragma once

#include <filesystem>
#include <string>

#include "cli/run.hpp"
#include "diagnose/diagnosis.hpp"

namespace reluscope {

/// The command that is worth most after a run, as a shell takes it: `prescribe` for a finding that a change to the
/// config may cure, `explain` for another one (and where there is no file with the config to prescribe for), `report`
/// where there is none. Empty: the page is there already, and nothing is wrong.
std::string next_command(const Diagnosis& diagnosis, const RunOptions& options, const std::filesystem::path& directory);

}  // namespace reluscope
