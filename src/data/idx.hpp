#pragma once
// IDX, the format of MNIST and its relatives (LeCun, Cortes, Burges): a magic number, big-endian sizes, the elements.
//   bytes 0–1: zero; byte 2: element type (0x08 u8, 0x09 i8, 0x0B i16, 0x0C i32, 0x0D f32, 0x0E f64);
//   byte 3: number of dimensions; then one 32-bit size per dimension; then the data in C order.

#include <filesystem>

#include "data/elements.hpp"
#include "data/sources.hpp"

namespace reluscope {

/// The `idx` kind: `images` and `labels` with or without `test_images` and `test_labels`, plain or gzip.
/// Dimensions after the first are flattened, but 2 or 3 of them are the shape of a sample (image_shape). Classes are
/// the different labels, sorted.
SourceEntry idx_source();

/// Any one IDX file, whatever its shape; values may be anything. Throws DataError for a malformed file.
ElementArray read_idx(const std::filesystem::path& path);

}  // namespace reluscope
