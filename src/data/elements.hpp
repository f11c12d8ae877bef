#pragma once
// Arrays of numbers in a binary file (IDX, NPY): element types, and reading them without trusting the header.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.hpp"
#include "data/input_file.hpp"

namespace reluscope {

enum class ElementType { u8, i8, u16, i16, u32, i32, u64, i64, f32, f64 };

/// Bytes of one element in the file.
std::size_t element_bytes(ElementType type);
/// Bytes of one element in memory: u8 stays u8; i8, u16, i16 and f32 become float; the others double. All of these are
/// exact but 64-bit integers beyond 2^53, which are rounded.
std::size_t element_bytes_in_memory(ElementType type);

/// "uint8", "float32", …, as NumPy has them.
std::string_view element_type_name(ElementType type);

using FeatureMatrix = decltype(Samples::features);

/// An array as a file has it.
struct ElementArray {
  ElementType type = ElementType::u8;
  std::vector<std::uint64_t> shape;
  FeatureMatrix values;  ///< product of the dimensions after the first × the first: column by column it is in C order
};

/// Throws DataError where a header declares more elements from here on than any memory holds, or than a file of known
/// size has.
void check_declared(const InputFile& file, ElementType type, std::uint64_t count);

/// Reads rows · columns elements into a matrix, column after column. A file of known size is checked first; for gzip
/// data memory grows with the bytes that really arrive, so a lying header costs nothing.
/// Throws DataError when the data end early, or would need more memory than there is.
FeatureMatrix read_elements(InputFile& file, ElementType type, std::endian order, std::uint64_t rows,
                            std::uint64_t columns);

/// Throws DataError that names the sample and feature of the first value that is not finite.
/// values: features × samples.
void require_finite(const FeatureMatrix& values, const std::string& file_name);

/// One row: the label, or one of the targets, of every sample.
std::vector<double> row_as_doubles(const FeatureMatrix& values, Index row);

/// The product of an array's dimensions from `first` on; the largest number where it overflows.
std::uint64_t element_count(std::span<const std::uint64_t> shape, std::size_t first = 0);

/// "60000 × 28 × 28"
std::string shape_text(std::span<const std::uint64_t> shape);
std::string shape_text(const Shape& shape);

/// What a sample is like, by the dimensions of all of them: samples × height × width, or samples × channels × height ×
/// width. Others have no positions. The dimensions are those of an array that check_declared let pass.
std::optional<Shape> image_shape(std::span<const std::uint64_t> shape);

}  // namespace reluscope
