#include "nn/loss.hpp"

#include <cmath>
#include <limits>

#include "nn/block.hpp"

namespace reluscope {

namespace {

/// Losses that are a sum over the outputs of f(y, t), divided by the number of outputs. `Term` works on a block:
/// term(y, t, value, slope) with value = f and slope = ∂f/∂y.
template <class T, class Term>
void mean_over_outputs(const Eigen::Ref<const Matrix<T>>& outputs, const Targets<T>& targets, std::span<T> losses,
                       Eigen::Ref<Matrix<T>> delta, Term term) {
  const T weight = T(1) / static_cast<T>(outputs.rows());
  for (Index column = 0; column < outputs.cols(); ++column) {
    T loss = T(0);
    for (Index row = 0; row < outputs.rows(); row += kLanes) {
      const Index count = std::min<Index>(kLanes, outputs.rows() - row);
      const Block<T> y = load_block(&outputs.coeffRef(row, column), count);
      const Block<T> t = load_block(&targets.values.coeffRef(row, column), count);
      Block<T> value;
      Block<T> slope;
      term(y, t, value, slope);
      loss += count == kLanes ? value.sum() : value.head(count).sum();
      store_block<T>(weight * slope, &delta.coeffRef(row, column), count);
    }
    losses[static_cast<std::size_t>(column)] = weight * loss;
  }
}

template <class T>
void mse(const ParamValues& /*params*/, const Eigen::Ref<const Matrix<T>>& outputs, const Targets<T>& targets,
         std::span<T> losses, Eigen::Ref<Matrix<T>> delta) {
  mean_over_outputs<T>(outputs, targets, losses, delta,
                       [](const Block<T>& y, const Block<T>& t, Block<T>& value, Block<T>& slope) {
                         value = (y - t).square();
                         slope = T(2) * (y - t);
                       });
}

template <class T>
void mae(const ParamValues& /*params*/, const Eigen::Ref<const Matrix<T>>& outputs, const Targets<T>& targets,
         std::span<T> losses, Eigen::Ref<Matrix<T>> delta) {
  mean_over_outputs<T>(outputs, targets, losses, delta,
                       [](const Block<T>& y, const Block<T>& t, Block<T>& value, Block<T>& slope) {
                         const Block<T> difference = y - t;
                         value = difference.abs();
                         for (int lane = 0; lane < kLanes; ++lane) {
                           const T x = difference[lane];
                           slope[lane] = x > T(0) ? T(1) : (x < T(0) ? T(-1) : x);  // 0 stays 0, NaN stays NaN
                         }
                       });
}

/// Huber 1964: quadratic within ±delta, linear outside.
template <class T>
void huber(const ParamValues& params, const Eigen::Ref<const Matrix<T>>& outputs, const Targets<T>& targets,
           std::span<T> losses, Eigen::Ref<Matrix<T>> delta) {
  const T bend = static_cast<T>(params.number("delta"));
  mean_over_outputs<T>(outputs, targets, losses, delta,
                       [bend](const Block<T>& y, const Block<T>& t, Block<T>& value, Block<T>& slope) {
                         for (int lane = 0; lane < kLanes; ++lane) {
                           const T x = y[lane] - t[lane];
                           const T size = std::abs(x);
                           const bool outside = size > bend;
                           value[lane] = outside ? bend * (size - T(0.5) * bend) : T(0.5) * x * x;
                           slope[lane] = outside ? (x > T(0) ? bend : -bend) : x;
                         }
                       });
}

/// max(y, 0) − y t + log(1 + exp(−|y|)): stable for every logit y.
template <class T>
void bce(const ParamValues& /*params*/, const Eigen::Ref<const Matrix<T>>& outputs, const Targets<T>& targets,
         std::span<T> losses, Eigen::Ref<Matrix<T>> delta) {
  mean_over_outputs<T>(outputs, targets, losses, delta,
                       [](const Block<T>& y, const Block<T>& t, Block<T>& value, Block<T>& slope) {
                         const Block<T> soft = log1p_block<T>((-y.abs()).exp());
                         for (int lane = 0; lane < kLanes; ++lane)
                           value[lane] = (y[lane] < T(0) ? T(0) : y[lane]) - y[lane] * t[lane] + soft[lane];
                         slope = sigmoid_block(y) - t;
                       });
}

/// log Σ exp(y) − y_class, with the maximum taken out of the sum; gradient softmax(y) − onehot.
template <class T>
void cross_entropy(const ParamValues& /*params*/, const Eigen::Ref<const Matrix<T>>& outputs, const Targets<T>& targets,
                   std::span<T> losses, Eigen::Ref<Matrix<T>> delta) {
  const Index rows = outputs.rows();
  for (Index column = 0; column < outputs.cols(); ++column) {
    const T* y = &outputs.coeffRef(0, column);
    const auto label = static_cast<Index>(targets.classes[static_cast<std::size_t>(column)]);
    T maximum = -std::numeric_limits<T>::infinity();
    for (Index row = 0; row < rows; ++row) maximum = y[row] > maximum ? y[row] : maximum;
    const T shifted_label = y[label] - maximum;
    T* gradient = &delta.coeffRef(0, column);
    T sum = T(0);
    for (Index row = 0; row < rows; row += kLanes) {
      const Index count = std::min<Index>(kLanes, rows - row);
      const Block<T> e = (load_block(y + row, count) - maximum).exp();
      sum += count == kLanes ? e.sum() : e.head(count).sum();
      store_block(e, gradient + row, count);
    }
    const Block<T> log_sum = Block<T>::Constant(sum).log();
    losses[static_cast<std::size_t>(column)] = log_sum[0] - shifted_label;
    const T scale = T(1) / sum;
    for (Index row = 0; row < rows; ++row) gradient[row] *= scale;
    gradient[label] -= T(1);
  }
}

LossEntry entry(std::string name, std::vector<std::string> aliases, std::vector<Param> params, std::string doc) {
  LossEntry row;
  row.name = std::move(name);
  row.aliases = std::move(aliases);
  row.params = std::move(params);
  row.doc = std::move(doc);
  return row;
}

std::vector<LossEntry> make_table() {
  std::vector<LossEntry> table;
  const auto add = [&table](LossEntry row, auto evaluate_float, auto evaluate_double) -> LossEntry& {
    row.evaluate_float = evaluate_float;
    row.evaluate_double = evaluate_double;
    table.push_back(std::move(row));
    return table.back();
  };
  add(entry("mse", {"mean_squared_error"}, {}, "mean over the outputs of (y − t)²"), mse<float>, mse<double>);
  add(entry("mae", {"l1"}, {}, "mean over the outputs of |y − t|"), mae<float>, mae<double>);
  add(entry("huber", {}, {number("delta", 1.0, "where the quadratic turns linear").above(0)},
            "quadratic within ±delta, linear outside (Huber 1964)"),
      huber<float>, huber<double>);
  add(entry("bce", {"bce_with_logits"}, {}, "binary cross entropy of σ(y), computed from the logits y"), bce<float>,
      bce<double>)
      .takes_probabilities = true;
  add(entry("cross_entropy", {}, {}, "cross entropy of softmax(y), computed from the logits y"), cross_entropy<float>,
      cross_entropy<double>)
      .takes_classes = true;
  return table;
}

}  // namespace

std::span<const LossEntry> loss_table() {
  static const std::vector<LossEntry> table = make_table();
  return table;
}

}  // namespace reluscope
