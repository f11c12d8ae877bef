#include "data/elements.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "util/error.hpp"
#include "util/format.hpp"
#include "util/memory.hpp"

namespace reluscope {
namespace {

// Where the true size is unknown, the first allocation is this many elements and each further one doubles it.
constexpr std::uint64_t kFirstElements = std::uint64_t{1} << 16U;
constexpr std::uint64_t kChunkElements = 8192;

template <class Stored>
Stored decode(const unsigned char* bytes, bool reversed) {
  std::array<unsigned char, sizeof(Stored)> copy;
  if (reversed) {
    std::reverse_copy(bytes, bytes + sizeof(Stored), copy.begin());
  } else {
    std::copy_n(bytes, sizeof(Stored), copy.begin());
  }
  return std::bit_cast<Stored>(copy);
}

/// Reads `count` values of type Stored into `out`, through a small buffer where they have to be converted.
template <class Stored, class Kept>
void read_chunk(InputFile& file, bool reversed, Kept* out, std::uint64_t count) {
  if constexpr (std::is_same_v<Stored, std::uint8_t>) {
    file.read_exactly(out, count, "the array");
  } else {
    std::array<unsigned char, kChunkElements * sizeof(Stored)> raw;
    while (count > 0) {
      const std::uint64_t piece = std::min(count, kChunkElements);
      file.read_exactly(raw.data(), piece * sizeof(Stored), "the array");
      for (std::uint64_t element = 0; element < piece; ++element)
        out[element] = static_cast<Kept>(decode<Stored>(raw.data() + element * sizeof(Stored), reversed));
      out += piece;
      count -= piece;
    }
  }
}

template <class Stored, class Kept>
Matrix<Kept> read_as(InputFile& file, bool reversed, std::uint64_t rows, std::uint64_t columns) {
  const std::uint64_t total = rows * columns;
  // A row vector grows by realloc, which moves pages instead of copying them.
  Matrix<Kept> values(1, 0);
  std::uint64_t done = 0;
  while (done < total) {
    const std::uint64_t goal = file.remaining() ? total : std::min(total, std::max(kFirstElements, 2 * done));
    if (const std::uint64_t bytes = goal * sizeof(Kept); bytes > available_memory_bytes())
      file.fail("the array needs " + format_bytes(bytes) + " of memory, this machine has " +
                format_bytes(available_memory_bytes()));
    values.conservativeResize(1, static_cast<Index>(goal));
    read_chunk<Stored>(file, reversed, values.data() + done, goal - done);
    done = goal;
  }
  values.resize(static_cast<Index>(rows), static_cast<Index>(columns));  // the same number of elements: data stay
  return values;
}

}  // namespace

std::size_t element_bytes(ElementType type) {
  switch (type) {
    case ElementType::u8:
    case ElementType::i8:
      return 1;
    case ElementType::u16:
    case ElementType::i16:
      return 2;
    case ElementType::u32:
    case ElementType::i32:
    case ElementType::f32:
      return 4;
    case ElementType::u64:
    case ElementType::i64:
    case ElementType::f64:
      return 8;
  }
  return 8;
}

std::size_t element_bytes_in_memory(ElementType type) {
  if (type == ElementType::u8) return 1;
  return element_bytes(type) < 4 || type == ElementType::f32 ? 4 : 8;
}

std::string_view element_type_name(ElementType type) {
  constexpr std::array<std::string_view, 10> kNames = {"uint8", "int8",   "uint16", "int16",   "uint32",
                                                       "int32", "uint64", "int64",  "float32", "float64"};
  return kNames[static_cast<std::size_t>(type)];
}

void check_declared(const InputFile& file, ElementType type, std::uint64_t count) {
  const std::uint64_t bytes = saturating_product(count, element_bytes(type));
  if (saturating_product(count, sizeof(double)) > static_cast<std::uint64_t>(std::numeric_limits<Index>::max()))
    file.fail("the header declares more elements than any memory holds");
  if (const auto remaining = file.remaining(); remaining && *remaining < bytes)
    file.fail("the header declares " + std::to_string(bytes) + " bytes of data from here on, the file holds " +
              std::to_string(*remaining));
}

FeatureMatrix read_elements(InputFile& file, ElementType type, std::endian order, std::uint64_t rows,
                            std::uint64_t columns) {
  const std::uint64_t count = saturating_product(rows, columns);
  if (count == 0) return Matrix<std::uint8_t>(0, 0);
  check_declared(file, type, count);

  const bool reversed = order != std::endian::native;
  switch (type) {
    case ElementType::u8:
      return read_as<std::uint8_t, std::uint8_t>(file, reversed, rows, columns);
    case ElementType::i8:
      return read_as<std::int8_t, float>(file, reversed, rows, columns);
    case ElementType::u16:
      return read_as<std::uint16_t, float>(file, reversed, rows, columns);
    case ElementType::i16:
      return read_as<std::int16_t, float>(file, reversed, rows, columns);
    case ElementType::u32:
      return read_as<std::uint32_t, double>(file, reversed, rows, columns);
    case ElementType::i32:
      return read_as<std::int32_t, double>(file, reversed, rows, columns);
    case ElementType::u64:
      return read_as<std::uint64_t, double>(file, reversed, rows, columns);
    case ElementType::i64:
      return read_as<std::int64_t, double>(file, reversed, rows, columns);
    case ElementType::f32:
      return read_as<float, float>(file, reversed, rows, columns);
    case ElementType::f64:
      break;
  }
  return read_as<double, double>(file, reversed, rows, columns);
}

void require_finite(const FeatureMatrix& values, const std::string& file_name) {
  std::visit(
      [&](const auto& matrix) {
        using Value = typename std::decay_t<decltype(matrix)>::Scalar;
        if constexpr (std::is_floating_point_v<Value>) {
          for (Index sample = 0; sample < matrix.cols(); ++sample)
            for (Index feature = 0; feature < matrix.rows(); ++feature)
              if (!std::isfinite(matrix(feature, sample)))
                throw DataError(
                    file_name + ": sample " + std::to_string(sample) + ", feature " + std::to_string(feature) +
                    " (both counted from 0): " + (std::isnan(matrix(feature, sample)) ? "nan" : "an infinite value") +
                    " was found, every value has to be a finite number");
        }
      },
      values);
}

std::vector<double> row_as_doubles(const FeatureMatrix& values, Index row) {
  return std::visit(
      [&](const auto& matrix) {
        std::vector<double> numbers(static_cast<std::size_t>(matrix.cols()));
        for (Index column = 0; column < matrix.cols(); ++column)
          numbers[static_cast<std::size_t>(column)] = static_cast<double>(matrix(row, column));
        return numbers;
      },
      values);
}

std::uint64_t element_count(std::span<const std::uint64_t> shape, std::size_t first) {
  std::uint64_t count = 1;
  for (const std::uint64_t extent : shape.subspan(std::min(first, shape.size()))) {
    if (extent == 0) return 0;
    count = saturating_product(count, extent);
  }
  return count;
}

std::string shape_text(std::span<const std::uint64_t> shape) {
  std::string text;
  for (const std::uint64_t extent : shape) text += (text.empty() ? "" : " × ") + std::to_string(extent);
  return text;
}

std::string shape_text(const Shape& shape) {
  return std::to_string(shape.channels) + " × " + std::to_string(shape.height) + " × " + std::to_string(shape.width);
}

std::optional<Shape> image_shape(std::span<const std::uint64_t> shape) {
  const auto extent = [&](std::size_t dimension) { return static_cast<Index>(shape[dimension]); };
  if (shape.size() == 3) return Shape(1, extent(1), extent(2));
  if (shape.size() == 4) return Shape(extent(1), extent(2), extent(3));
  return std::nullopt;
}

}  // namespace reluscope
