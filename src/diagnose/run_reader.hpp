#pragma once
// The tables of a run, read from its files.

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "diagnose/run_tables.hpp"

namespace reluscope {

/// Reads the CSV files of a run directory, or one of its tables (by its columns) from a single file. A layer without a
/// name is called after its number.
/// Throws DataError for what cannot be read, and where there is nothing to diagnose.
RunTables read_run(const std::filesystem::path& path);

/// Whether the manifest is of tables of ours that are no run's: scripts/reluscope_capture.py wrote it, or `reluscope
/// census`.
bool is_capture(const nlohmann::ordered_json& manifest);

}  // namespace reluscope
