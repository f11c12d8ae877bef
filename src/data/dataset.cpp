#include "data/dataset.hpp"

#include <sys/mman.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <type_traits>

namespace reluscope {
namespace {

// Features converted at a time: their shift and scale live on the stack in the type that is computed in.
constexpr Index kBlock = 1024;
constexpr std::size_t kAhead = 6;
constexpr std::size_t kCacheLine = 64;

/// One block of features for every sample of the batch. Kept is the type in memory, T the type of the network.
template <class T, class Kept>
void gather_block(const Dataset& dataset, const Matrix<Kept>& features, std::span<const Index> samples, Index first,
                  Index count, View<T>& out) {
  // double features are normalised in double even for a float network: a large offset (a timestamp, say) would
  // otherwise eat the digits that matter.
  using Real = std::conditional_t<std::is_same_v<Kept, double>, double, T>;
  std::array<Real, kBlock> shift;
  std::array<Real, kBlock> scale;
  for (Index feature = 0; feature < count; ++feature) {
    shift[static_cast<std::size_t>(feature)] = static_cast<Real>(dataset.shift[first + feature]);
    scale[static_cast<std::size_t>(feature)] = static_cast<Real>(dataset.scale[first + feature]);
  }
  const Real* __restrict shifts = shift.data();
  const Real* __restrict scales = scale.data();
  const auto bytes = static_cast<std::size_t>(count) * sizeof(Kept);
  for (std::size_t column = 0; column < samples.size(); ++column) {
    // Shuffled samples lie anywhere in memory: ask for one some samples before it is its turn.
    if (bytes > kCacheLine && column + kAhead < samples.size()) {
      const auto* next =
          reinterpret_cast<const char*>(features.data() + samples[column + kAhead] * features.rows() + first);
      for (std::size_t byte = 0; byte < bytes + kCacheLine - 1; byte += kCacheLine) __builtin_prefetch(next + byte);
    }
    assert(samples[column] >= 0 && samples[column] < features.cols());
    const Kept* __restrict source = features.data() + samples[column] * features.rows() + first;
    T* __restrict target = out.data() + static_cast<Index>(column) * out.outerStride() + first;
    for (Index feature = 0; feature < count; ++feature)
      target[feature] = static_cast<T>((static_cast<Real>(source[feature]) - shifts[feature]) * scales[feature]);
  }
}

template <class Derived>
std::uint32_t add_bytes(std::uint32_t crc, const Derived* data, std::size_t count) {
  if (count == 0) return crc;
  return static_cast<std::uint32_t>(crc32_z(crc, reinterpret_cast<const Bytef*>(data), count * sizeof(Derived)));
}

std::uint32_t add_part(std::uint32_t crc, const Samples& part) {
  crc = std::visit(
      [&](const auto& matrix) { return add_bytes(crc, matrix.data(), static_cast<std::size_t>(matrix.size())); },
      part.features);
  crc = add_bytes(crc, part.labels.data(), part.labels.size());
  return add_bytes(crc, part.targets.data(), static_cast<std::size_t>(part.targets.size()));
}

}  // namespace

Index Samples::count() const {
  return std::visit([](const auto& matrix) { return matrix.cols(); }, features);
}

void Samples::prefer_huge_pages() {
#ifdef MADV_COLLAPSE
  constexpr std::uintptr_t kHugePage = std::uintptr_t{1} << 21;
  std::visit(
      [](auto& matrix) {
        const auto begin = reinterpret_cast<std::uintptr_t>(matrix.data());
        const auto end = begin + static_cast<std::size_t>(matrix.size()) * sizeof(matrix.data()[0]);
        const std::uintptr_t first = (begin + kHugePage - 1) / kHugePage * kHugePage;
        const std::uintptr_t last = end / kHugePage * kHugePage;
        // Either call may be refused; nothing depends on them.
        if (first < last && ::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE) == 0)
          ::madvise(reinterpret_cast<void*>(first), last - first, MADV_COLLAPSE);
      },
      features);
#endif
}

Index Samples::features_count() const {
  return std::visit([](const auto& matrix) { return matrix.rows(); }, features);
}

Index Dataset::outputs() const {
  switch (task) {
    case Task::classification:
      return static_cast<Index>(class_names.size());
    case Task::regression:
      return train.targets.rows();
    case Task::reconstruction:
      return features();
  }
  return 0;
}

std::string Dataset::feature_name(Index feature) const {
  const auto at = static_cast<std::size_t>(feature);
  return at < feature_names.size() && !feature_names[at].empty() ? feature_names[at]
                                                                 : "feature " + std::to_string(feature);
}

std::string_view task_name(Task task) {
  switch (task) {
    case Task::classification:
      return "classification";
    case Task::regression:
      return "regression";
    case Task::reconstruction:
      return "reconstruction";
  }
  return "";
}

std::uint32_t Dataset::checksum() const { return add_part(add_part(0, train), test); }

bool is_one_hot(const Dataset& dataset) {
  const Eigen::MatrixXd& targets = dataset.train.targets;
  return dataset.task == Task::regression && targets.rows() > 1 &&
         ((targets.array() == 0.0) || (targets.array() == 1.0)).all() && (targets.colwise().sum().array() == 1.0).all();
}

template <class T>
void gather(const Dataset& dataset, const Samples& part, std::span<const Index> samples, View<T> out) {
  const Index features = part.features_count();
  assert(out.rows() == features && out.cols() == static_cast<Index>(samples.size()));
  assert(dataset.shift.size() == features && dataset.scale.size() == features);
  std::visit(
      [&](const auto& matrix) {
        for (Index first = 0; first < features; first += kBlock)
          gather_block<T>(dataset, matrix, samples, first, std::min(kBlock, features - first), out);
      },
      part.features);
}

template void gather<float>(const Dataset&, const Samples&, std::span<const Index>, View<float>);
template void gather<double>(const Dataset&, const Samples&, std::span<const Index>, View<double>);

}  // namespace reluscope
