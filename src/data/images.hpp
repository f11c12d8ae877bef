#pragma once
// Pictures in files as samples.

#include "data/sources.hpp"

namespace reluscope {

/// The `images` kind: `train`, and `test` or a split, each a folder of classes or a CSV list (picture_list.hpp), of PNG
/// and JPEG pictures. A sample is channels × height × width bytes, which stay u8; `size` brings every picture to one
/// size, without it all must have that of the first.
SourceEntry images_source();

}  // namespace reluscope
