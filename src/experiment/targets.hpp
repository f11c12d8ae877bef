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
  labels,   ///< several labels a sample, each of them 0 or 1
  values,   ///< regression
  inputs,   ///< the sample itself
};

/// t' = (t − shift) · scale, one number an output; empty: t' = t.
struct TargetScaling {
  Eigen::VectorXd shift;
  Eigen::VectorXd scale;
  [[nodiscard]] bool any() const { return scale.size() > 0; }
};

struct TargetPlan {
  TargetCoding coding = TargetCoding::classes;
  double threshold = 0.0;      ///< binary, labels: an output above it says 1
  TargetScaling scaling = {};  ///< values: what the loss gets of them
};

/// The same targets as the data have them.
inline TargetPlan in_units_of_data(TargetPlan plan) {
  plan.scaling = {};
  return plan;
}

/// Whether outputs name classes or labels, so that they can be right.
inline bool classifies(const TargetPlan& plan) {
  return plan.coding != TargetCoding::values && plan.coding != TargetCoding::inputs;
}

/// The coding that fits loss, data and outputs. Whether they fit at all, check_against_data() (setup.hpp) has said.
/// `output`: the activation of the output layer.
TargetPlan plan_targets(const Choice& loss, const Choice& output, const Dataset& dataset, Index outputs);

/// Numbers that the targets of a sample are: one a class where the loss takes classes.
Index outputs_of(const TargetPlan& plan, const Dataset& dataset);

/// The targets of one batch.
template <class T>
class TargetBatch {
 public:
  TargetBatch(const TargetPlan& plan, Index outputs, Index batch);
  /// Fills columns [first, first + samples.size()). `inputs`: these samples as the network gets them.
  void gather(const Samples& part, std::span<const Index> samples, Index first,
              const Eigen::Ref<const Matrix<T>>& inputs);
  [[nodiscard]] Targets<T> columns(Index first, Index count) const;
  [[nodiscard]] bool classifies() const { return reluscope::classifies(plan_); }
  [[nodiscard]] bool several_labels() const { return plan_.coding == TargetCoding::labels; }
  /// How right `output` is about column `column`, in [0, 1]: of several labels the share that is; 0 where there is
  /// nothing to be right about.
  [[nodiscard]] double share_right(const Eigen::Ref<const Vector<T>>& output, Index column) const;
  /// With several labels: whether this one is right.
  [[nodiscard]] bool is_right(T output, Index label, Index column) const {
    return (output > static_cast<T>(plan_.threshold)) == (values_(label, column) == T(1));
  }

 private:
  [[nodiscard]] bool has_classes() const { return classifies() && !several_labels(); }

  TargetPlan plan_;
  Matrix<T> values_;                   ///< outputs × batch
  std::vector<std::int32_t> classes_;  ///< one per column; empty unless there is one class a sample
};

}  // namespace reluscope
