#pragma once
// A config for somebody's own table, made from what its columns hold.

#include "config/own_config.hpp"

namespace reluscope {

/// Of a table as text. Throws as make_config.
OwnConfig make_csv_config(const OwnWish& wish);

}  // namespace reluscope
