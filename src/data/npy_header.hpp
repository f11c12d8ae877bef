#pragma once
// The header of an NPY file.

#include <bit>
#include <cstdint>
#include <vector>

#include "data/elements.hpp"
#include "data/input_file.hpp"

namespace reluscope {

struct NpyHeader {
  ElementType type = ElementType::f64;
  std::endian order = std::endian::little;
  bool fortran_order = false;
  std::vector<std::uint64_t> shape;
};

/// Reads up to the first element. Throws DataError for what is not NPY and for element types that are not plain real
/// numbers: objects (pickled Python code), text, complex numbers, records.
NpyHeader read_npy_header(InputFile& file);

}  // namespace reluscope
