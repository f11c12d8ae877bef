#pragma once
// Archives of NumPy arrays: numpy.savez, numpy.savez_compressed.

#include <string>
#include <vector>

#include "data/input_file.hpp"
#include "data/sources.hpp"
#include "data/zip_archive.hpp"

namespace reluscope {

/// The `npz` kind: one file, arrays named or known by their usual names.
SourceEntry npz_source();

/// The arrays of an archive, by their names in numpy.load.
std::vector<std::string> npz_arrays(const ZipArchive& archive);
/// What one of them holds.
InputFile open_npz_array(const ZipArchive& archive, const std::string& array);

}  // namespace reluscope
