#pragma once
// A feature matrix whose size is only known when the last value has been read.

#include <functional>

#include "data/elements.hpp"

namespace reluscope {

/// Takes the features sample by sample. Values are kept as float as long as that loses nothing (NaN has no
/// digits to lose), and become double with
/// the first one that needs it. Memory grows by realloc, which moves pages instead of copying them.
class GrowingFeatures {
 public:
  void add(double value) {
    if (used_ == capacity_) grow();
    if (is_wide_) {
      wide_(0, used_++) = value;
    } else {
      add_narrow(value);
    }
  }
  /// Puts to(value) for every `stride`-th value from `first` on: a small whole number, or NaN.
  void change(Index first, Index stride, const std::function<double(double)>& to);
  /// The matrix of `rows` features a sample; the object is empty afterwards.
  FeatureMatrix finish(Index rows);

 private:
  void add_narrow(double value);
  void grow();
  Matrix<float> narrow_{1, 0};
  Matrix<double> wide_{1, 0};
  bool is_wide_ = false;
  Index used_ = 0;
  Index capacity_ = 0;
};

}  // namespace reluscope
