#include "probe/extent.hpp"

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace reluscope {

namespace {

/// Samples gathered at once.
constexpr Index kChunk = 256;

}  // namespace

template <class T>
DataExtent measure_extent(const Dataset& dataset, ThreadPool& pool) {
  const Index features = dataset.features();
  const Index count = dataset.train.count();
  const Index chunks = (count + kChunk - 1) / kChunk;
  using Array = Eigen::Array<T, Eigen::Dynamic, 1>;
  struct Part {
    Array low, high;
    T square = T(0);
    bool finite = true;
    Matrix<T> columns;
    std::vector<Index> samples;
  };
  std::vector<Part> parts(static_cast<std::size_t>(pool.threads()));
  for (Part& part : parts) {
    part.low = Array::Constant(features, std::numeric_limits<T>::infinity());
    part.high = -part.low;
    part.columns.resize(features, kChunk);
  }
  // Minima and maxima: the threads may share the work as they like.
  pool.for_each(chunks, [&](std::int64_t chunk, int thread) {
    Part& part = parts[static_cast<std::size_t>(thread)];
    const Index first = chunk * kChunk;
    part.samples.resize(static_cast<std::size_t>(std::min(kChunk, count - first)));
    std::iota(part.samples.begin(), part.samples.end(), first);
    const auto columns = static_cast<Index>(part.samples.size());
    gather<T>(dataset, dataset.train, part.samples, part.columns.leftCols(columns));
    for (Index column = 0; column < columns; ++column) {
      const auto x = part.columns.col(column).array();
      part.low = part.low.min(x);
      part.high = part.high.max(x);
      const T square = x.square().sum();
      part.square = std::max(part.square, square);
      part.finite = part.finite && std::isfinite(square);
    }
  });
  DataExtent extent;
  extent.box.low = Eigen::VectorXd::Constant(features, kInfinity);
  extent.box.high = -extent.box.low;
  bool finite = true;
  for (const Part& part : parts) {
    extent.box.low = extent.box.low.cwiseMin(part.low.template cast<double>().matrix());
    extent.box.high = extent.box.high.cwiseMax(part.high.template cast<double>().matrix());
    extent.norm = std::max(extent.norm, norm_from<T>(part.square, features));
    finite = finite && part.finite;
  }
  if (!finite) {  // an input that is no number may do anything
    extent.box = Box::unknown(features);
    extent.norm = kInfinity;
  }
  return extent;
}

template DataExtent measure_extent<float>(const Dataset&, ThreadPool&);
template DataExtent measure_extent<double>(const Dataset&, ThreadPool&);

}  // namespace reluscope
