#include "data/growing_features.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

#include "util/memory.hpp"

namespace reluscope {
namespace {

constexpr Index kFirstCapacity = 4096;

}  // namespace

void GrowingFeatures::add_narrow(double value) {
  const bool in_range = std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max());
  if (std::isnan(value) || (in_range && static_cast<double>(static_cast<float>(value)) == value)) {
    narrow_(0, used_++) = static_cast<float>(value);
    return;
  }
  wide_.resize(1, capacity_);
  wide_.leftCols(used_) = narrow_.leftCols(used_).cast<double>();
  narrow_.resize(1, 0);
  is_wide_ = true;
  wide_(0, used_++) = value;
}

void GrowingFeatures::change(Index first, Index stride, const std::function<double(double)>& to) {
  for (Index at = first; at < used_; at += stride) {
    if (is_wide_) {
      wide_(0, at) = to(wide_(0, at));
    } else {
      narrow_(0, at) = static_cast<float>(to(static_cast<double>(narrow_(0, at))));
    }
  }
}

void GrowingFeatures::grow() {
  capacity_ = std::max(kFirstCapacity, 2 * capacity_);
  const std::uint64_t bytes = static_cast<std::uint64_t>(used_) * (is_wide_ ? sizeof(double) : sizeof(float));
  if (bytes > available_memory_bytes()) throw std::bad_alloc();
  if (is_wide_) {
    wide_.conservativeResize(1, capacity_);
  } else {
    narrow_.conservativeResize(1, capacity_);
  }
}

FeatureMatrix GrowingFeatures::finish(Index rows) {
  const auto shaped = [&](auto& matrix) -> FeatureMatrix {
    matrix.conservativeResize(1, used_);
    matrix.resize(rows, used_ / rows);  // the same number of elements: data stay
    return std::move(matrix);
  };
  FeatureMatrix result = is_wide_ ? shaped(wide_) : shaped(narrow_);
  *this = {};
  return result;
}

}  // namespace reluscope
