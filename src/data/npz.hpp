#pragma once
// Archives of NumPy arrays: numpy.savez, numpy.savez_compressed.

#include <optional>
#include <string>
#include <vector>

#include "data/sources.hpp"

namespace reluscope {

/// The `npz` kind: one file, arrays named or known by their usual names.
SourceEntry npz_source();

/// The arrays of an archive, by their names in numpy.load.
std::vector<std::string> npz_arrays(const std::filesystem::path& path);

/// Which of these arrays are what, by the names that are usual.
struct NpzNames {
  std::optional<std::string> features, labels, test_features, test_labels;
};
NpzNames usual_npz_names(const std::vector<std::string>& arrays);

}  // namespace reluscope
