#pragma once
// Thresholds of rules: as words of a command line, and as a manifest has them.

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "util/param.hpp"

namespace reluscope {

/// Thresholds by rule; a rule that is not named has its defaults.
using Thresholds = std::map<std::string, ParamValues>;

/// Thresholds from words like "dying-units.fraction=0.2". Throws UsageError for a rule or threshold that does not exist
/// (with the nearest one that does), and for what is no number or out of range.
/// They come on top of `base`.
Thresholds parse_thresholds(std::span<const std::string> words, Thresholds base = {});

/// The thresholds that a run directory's manifest says its config had; none for a lone table or without a manifest.
/// Throws DataError for a manifest that cannot be read.
Thresholds read_thresholds(const std::filesystem::path& path);

}  // namespace reluscope
