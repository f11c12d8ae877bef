#pragma once
// How a data set's labels or values become what the loss is given.

#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.hpp"
#include "nn/loss.hpp"

namespace reluscope {

/// How the network's outputs stand for the targets.
enum class TargetCoding {
  classes,  ///< a class index per sample
  binary,   ///< two classes, one output: 0 or 1
  one_hot,  ///< one output per class
  values,   ///< regression
};

struct TargetPlan {
  TargetCoding coding = TargetCoding::classes;
  double threshold = 0.0;  ///< binary: an output above it names class 1
};

/// The coding that fits loss, data and outputs. Whether they fit at all, check_against_data() (setup.hpp) has said.
TargetPlan plan_targets(const LossEntry& loss, const Dataset& dataset, Index outputs);

/// The targets of one batch.
template <class T>
class TargetBatch {
 public:
  TargetBatch(const TargetPlan& plan, Index outputs, Index batch);
  /// Fills columns [first, first + samples.size()).
  void gather(const Samples& part, std::span<const Index> samples, Index first);
  [[nodiscard]] Targets<T> columns(Index first, Index count) const;
  /// Whether `output` names the class of column `column`; false for regression.
  [[nodiscard]] bool is_correct(const Eigen::Ref<const Vector<T>>& output, Index column) const;
  [[nodiscard]] bool classifies() const { return plan_.coding != TargetCoding::values; }

 private:
  TargetPlan plan_;
  Matrix<T> values_;                   ///< outputs × batch
  std::vector<std::int32_t> classes_;  ///< one per column; empty for regression
};

}  // namespace reluscope
