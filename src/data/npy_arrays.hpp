#pragma once
// NPY arrays as features and as targets, from whatever they are read from: a file, or a member of an archive.

#include <filesystem>
#include <utility>

#include "data/elements.hpp"
#include "data/input_file.hpp"
#include "data/npy_header.hpp"
#include "data/targets.hpp"

namespace reluscope {

/// An array whose header was read and makes sense. Its values may be many: they come once all headers have been seen.
struct OpenedNpy {
  InputFile file;
  NpyHeader header;
  explicit OpenedNpy(InputFile input) : file(std::move(input)), header(read_npy_header(file)) {}
};

// Each throws DataError for what is not NPY, and for an array of another shape than is needed, or without values.
OpenedNpy open_features(InputFile file);  ///< samples × features, or more dimensions
OpenedNpy open_targets(InputFile file);   ///< one label a sample, or samples × outputs

/// Every number; those that are not finite are refused. Throws DataError.
ElementArray read_npy_array(OpenedNpy opened);
/// A column an output.
TargetColumns read_npy_targets(OpenedNpy opened);

/// Any array, as it is. Throws DataError.
ElementArray read_npy(InputFile file);

}  // namespace reluscope
