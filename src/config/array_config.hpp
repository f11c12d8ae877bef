#pragma once
// A config for somebody's own arrays: NPY, NPZ, IDX.

#include <string>

#include "config/own_config.hpp"

namespace reluscope {

/// `kind`: npy, npz or idx. Loads the data, to know what the labels are. Throws as make_config.
OwnConfig make_array_config(const OwnWish& wish, const std::string& kind);

}  // namespace reluscope
