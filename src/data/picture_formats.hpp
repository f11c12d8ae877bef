#pragma once
// The formats of pictures that are read, each through the library of it (picture.hpp says what comes out).

#include "data/picture.hpp"

namespace reluscope {

/// Whether this build has the library.
bool reads_png();
bool reads_jpeg();

// Each throws DataError, as read_picture does.
PictureSize png_size(const PictureFile& file, std::uint64_t most_pixels);
Picture read_png(const PictureFile& file, std::uint64_t most_pixels);
PictureSize jpeg_size(const PictureFile& file, std::uint64_t most_pixels);
Picture read_jpeg(const PictureFile& file, std::uint64_t most_pixels);

}  // namespace reluscope
