#pragma once

#include <filesystem>

#include "diagnose/diagnosis.hpp"

namespace reluscope {

/// Remedies as changes to the run's config, where its manifest still has one that this program can read. `run`: the
/// directory, or one of its tables.
void advise_by_manifest(const std::filesystem::path& run, Diagnosis& diagnosis);

}  // namespace reluscope
