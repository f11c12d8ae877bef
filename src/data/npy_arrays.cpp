#include "data/npy_arrays.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace reluscope {
namespace {

/// stored: samples × the other dimensions with the first running fastest. Returns features × samples, the other
/// dimensions flattened in C order (the last running fastest).
template <class T>
Matrix<T> from_fortran_order(const Matrix<T>& stored, std::span<const std::uint64_t> inner_shape) {
  Matrix<T> result(stored.cols(), stored.rows());
  for (Index feature = 0; feature < result.rows(); ++feature) {
    auto rest = static_cast<std::uint64_t>(feature);
    std::uint64_t column = 0;
    for (std::size_t dimension = inner_shape.size(); dimension-- > 0;) {
      // Horner's rule from the last index on: column = i1 + d1 · (i2 + d2 · (i3 + …)).
      column = column * inner_shape[dimension] + rest % inner_shape[dimension];
      rest /= inner_shape[dimension];
    }
    result.row(feature) = stored.col(static_cast<Index>(column)).transpose();
  }
  return result;
}

ElementArray read_npy_values(InputFile& file, const NpyHeader& header) {
  ElementArray array{header.type, header.shape, {}};
  const std::uint64_t samples = header.shape.empty() ? 1 : header.shape[0];
  const std::uint64_t features = element_count(header.shape, 1);
  if (header.fortran_order && header.shape.size() > 1) {
    array.values = read_elements(file, header.type, header.order, samples, features);
    array.values = std::visit(
        [&](const auto& stored) -> FeatureMatrix {
          return from_fortran_order(stored, std::span(header.shape).subspan(1));
        },
        array.values);
  } else {
    array.values = read_elements(file, header.type, header.order, features, samples);
  }
  file.expect_end();
  return array;
}

OpenedNpy open_array(InputFile input, std::string_view needed, std::size_t least_dimensions,
                     std::size_t most_dimensions) {
  OpenedNpy opened(std::move(input));
  const auto& [file, header] = opened;
  const std::string found = header.shape.empty() ? "a single number" : "shape " + shape_text(header.shape);
  if (header.shape.size() < least_dimensions || header.shape.size() > most_dimensions)
    file.fail_at(0, "an array of " + std::string(needed) + " is needed, found " + found);
  if (element_count(header.shape) == 0) file.fail_at(0, "holds no data: found " + found);
  check_declared(file, header.type, element_count(header.shape));
  return opened;
}

}  // namespace

OpenedNpy open_features(InputFile file) { return open_array(std::move(file), "samples × features", 2, SIZE_MAX); }

OpenedNpy open_targets(InputFile file) {
  return open_array(std::move(file), "one label a sample, or samples × outputs,", 1, 2);
}

ElementArray read_npy_array(OpenedNpy opened) {
  ElementArray array = read_npy_values(opened.file, opened.header);
  require_finite(array.values, opened.file.name());
  return array;
}

TargetColumns read_npy_targets(OpenedNpy opened) {
  const ElementArray array = read_npy_array(std::move(opened));
  const auto outputs = static_cast<Index>(element_count(array.shape, 1));
  TargetColumns columns;
  for (Index output = 0; output < outputs; ++output) columns.emplace_back(row_as_doubles(array.values, output));
  return columns;
}

ElementArray read_npy(InputFile file) {
  const NpyHeader header = read_npy_header(file);
  return read_npy_values(file, header);
}

}  // namespace reluscope
