#pragma once
// The table of losses. A loss owns its value and its gradient together, per sample and not divided by the batch size.

#include <cstdint>
#include <span>

#include "nn/matrix.hpp"
#include "util/param.hpp"

namespace reluscope {

/// The targets of some samples: real numbers, or a class each (then `values` is unused).
template <class T>
struct Targets {
  Eigen::Ref<const Matrix<T>> values;     ///< outputs × columns
  std::span<const std::int32_t> classes;  ///< one per column
};

struct LossEntry : Entry {
  /// Needs a class index per sample (cross_entropy) rather than target values.
  bool takes_classes = false;
  /// Needs target values in [0, 1] (bce).
  bool takes_probabilities = false;
  /// Of a loss on values: the constant that is best for these targets of one output (which it may reorder), and what
  /// the constant costs for one of them. For bce a probability, whatever the outputs are. The best constant of
  /// cross_entropy are the shares of the classes.
  double (*best_constant)(const ParamValues&, std::span<double> targets) = nullptr;
  double (*loss_of_constant)(const ParamValues&, double constant, double target) = nullptr;
  /// losses[c] = the loss of column c; delta (outputs × columns) = its gradient with respect to the outputs.
  /// One column is one sample. `delta` may be the same memory as `outputs`.
  void (*evaluate_float)(const ParamValues&, const Eigen::Ref<const Matrix<float>>& outputs,
                         const Targets<float>& targets, std::span<float> losses,
                         Eigen::Ref<Matrix<float>> delta) = nullptr;
  void (*evaluate_double)(const ParamValues&, const Eigen::Ref<const Matrix<double>>& outputs,
                          const Targets<double>& targets, std::span<double> losses,
                          Eigen::Ref<Matrix<double>> delta) = nullptr;

  void evaluate(const ParamValues& values, const Eigen::Ref<const Matrix<float>>& outputs,
                const Targets<float>& targets, std::span<float> losses, Eigen::Ref<Matrix<float>> delta) const {
    evaluate_float(values, outputs, targets, losses, delta);
  }
  void evaluate(const ParamValues& values, const Eigen::Ref<const Matrix<double>>& outputs,
                const Targets<double>& targets, std::span<double> losses, Eigen::Ref<Matrix<double>> delta) const {
    evaluate_double(values, outputs, targets, losses, delta);
  }
};

/// mse, mae, huber, as PyTorch defines them. bce and cross_entropy: from logits as PyTorch does; from probabilities
/// (from_logits false) bce as PyTorch's BCELoss, cross_entropy as Keras' categorical_crossentropy.
std::span<const LossEntry> loss_table();

/// Whether the loss applies a sigmoid or softmax of its own to what the network yields.
bool takes_logits(const Choice& loss);
/// Whether it wants probabilities.
bool takes_network_probabilities(const Choice& loss);

}  // namespace reluscope
