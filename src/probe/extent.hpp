#pragma once
// What the inputs in D are like: where bounds start.

#include <optional>

#include "data/dataset.hpp"
#include "nn/bounds.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

/// What the normalised inputs in D are like; infinite where an input is not finite.
struct DataExtent {
  Box box;            ///< of each feature, exact
  double norm = 0.0;  ///< max ‖x‖, rounded up
};
template <class T>
DataExtent measure_extent(const Dataset& dataset, ThreadPool& pool);

/// The extent, measured when somebody first asks.
template <class T>
class LazyExtent {
 public:
  LazyExtent(const Dataset& dataset, ThreadPool& pool) : dataset_(dataset), pool_(pool) {}
  const DataExtent& get() {
    if (!extent_) extent_ = measure_extent<T>(dataset_, pool_);
    return *extent_;
  }

 private:
  const Dataset& dataset_;
  ThreadPool& pool_;
  std::optional<DataExtent> extent_;
};

}  // namespace reluscope
