#pragma once
// What knowing nothing of a sample gets: the loss of the best constant output, beside which a network is judged.

#include <vector>

#include "experiment/criterion.hpp"

namespace reluscope {

/// In the data's units. The constant output that is best on one part of the data, which holds samples: the mean for
/// mse, the median for mae, the minimiser for huber, the share of ones for bce, the shares of the classes for
/// cross_entropy.
class ConstantBaseline {
 public:
  ConstantBaseline(const Criterion& criterion, const Dataset& dataset, const Samples& part);

  /// What the constant costs for one sample. +∞ for a class that the part does not have.
  template <class T>
  [[nodiscard]] double loss_of(const Targets<T>& targets, Index column) const;

  /// One number an output; shares where the loss takes classes.
  [[nodiscard]] const std::vector<double>& constants() const { return constants_; }

 private:
  const Criterion& criterion_;
  std::vector<double> constants_;
};

}  // namespace reluscope
