#pragma once
// The directory of a comparison (--runs DIR: compare.json, compare.csv, a run directory for each run) or of a sweep
// (sweep.json, results.csv), as the page is made from it.

#include <filesystem>
#include <string>
#include <vector>

#include "report/comparison_page.hpp"

namespace reluscope {

/// Whether it is the one or the other, finished.
bool is_comparison_directory(const std::filesystem::path& directory);

/// Whether it is a file that a comparison leaves beside its runs.
bool is_comparison_file(const std::filesystem::path& path);

/// The files that a page of it is read from, but those of single runs.
std::vector<std::filesystem::path> comparison_files(const std::filesystem::path& directory);

/// Throws DataError for files that are damaged. `by`: the metric that decides; empty: the one that decided then, or the
/// usual one.
ComparisonPage read_comparison_page(const std::filesystem::path& directory, const std::string& by);

/// Writes compare.csv (`rows`: all of it) and compare.json beside the run directories. Throws IoError.
void write_comparison_directory(const std::filesystem::path& directory, const std::string& rows,
                                const ComparisonPage& page, bool rates_swept);

/// What is shown of the settings of a sweep: the best by the metric first, and others in their order, as many as there
/// are colours; its sentence says which is best.
ComparedFigures figures_of_sweep(const ComparedRuns& runs, const std::vector<std::string>& keys, const std::string& by);

}  // namespace reluscope
