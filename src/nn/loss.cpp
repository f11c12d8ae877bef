#include "nn/loss.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "nn/block.hpp"
#include "util/portable_math.hpp"

namespace reluscope {

namespace {

/// Losses that are a sum over the outputs of f(y, t), divided by the number of outputs. `Term` works on a block:
/// term(y, t) = f and ∂f/∂y.
template <class T>
struct Term {
  Block<T> value;
  Block<T> slope;
};

template <class T, class Function>
void mean_over_outputs(const Eigen::Ref<const Matrix<T>>& outputs, const Targets<T>& targets, std::span<T> losses,
                       Eigen::Ref<Matrix<T>> delta, Function function) {
  if (outputs.rows() == 1 && outputs.outerStride() == 1 && delta.outerStride() == 1 &&
      targets.values.outerStride() == 1) {
    // One output: the samples themselves lie side by side. The same arithmetic for each.
    for (Index column = 0; column < outputs.cols(); column += kLanes<T>) {
      const Index count = std::min<Index>(kLanes<T>, outputs.cols() - column);
      const Term<T> term =
          function(load_block(outputs.data() + column, count), load_block(targets.values.data() + column, count));
      store_block<T>(term.value, losses.data() + column, count);
      store_block<T>(term.slope, delta.data() + column, count);
    }
    return;
  }
  const T weight = T(1) / static_cast<T>(outputs.rows());
  for (Index column = 0; column < outputs.cols(); ++column) {
    T loss = T(0);
    for (Index row = 0; row < outputs.rows(); row += kLanes<T>) {
      const Index count = std::min<Index>(kLanes<T>, outputs.rows() - row);
      const Block<T> y = load_block(&outputs.coeffRef(row, column), count);
      const Block<T> t = load_block(&targets.values.coeffRef(row, column), count);
      const Term<T> term = function(y, t);
      for (Index lane = 0; lane < count; ++lane) loss += term.value[lane];
      store_block<T>(weight * term.slope, &delta.coeffRef(row, column), count);
    }
    losses[static_cast<std::size_t>(column)] = weight * loss;
  }
}

template <class T>
void mse(const ParamValues& /*params*/, const Eigen::Ref<const Matrix<T>>& outputs, const Targets<T>& targets,
         std::span<T> losses, Eigen::Ref<Matrix<T>> delta) {
  mean_over_outputs<T>(outputs, targets, losses, delta, [](Block<T> y, Block<T> t) -> Term<T> {
    return {(y - t) * (y - t), T(2) * (y - t)};
  });
}

template <class T>
void mae(const ParamValues& /*params*/, const Eigen::Ref<const Matrix<T>>& outputs, const Targets<T>& targets,
         std::span<T> losses, Eigen::Ref<Matrix<T>> delta) {
  mean_over_outputs<T>(outputs, targets, losses, delta, [](Block<T> y, Block<T> t) -> Term<T> {
    const Block<T> x = y - t;
    const Block<T> one = fill_block(T(1));
    const Block<T> left = x < T(0) ? -one : x;  // 0 stays 0, NaN stays NaN
    return {abs_block(x), x > T(0) ? one : left};
  });
}

/// Huber 1964: quadratic within ±delta, linear outside.
template <class T>
void huber(const ParamValues& params, const Eigen::Ref<const Matrix<T>>& outputs, const Targets<T>& targets,
           std::span<T> losses, Eigen::Ref<Matrix<T>> delta) {
  const T bend = static_cast<T>(params.number("delta"));
  mean_over_outputs<T>(outputs, targets, losses, delta, [bend](Block<T> y, Block<T> t) -> Term<T> {
    const Block<T> x = y - t;
    const Block<T> size = abs_block(x);
    const Block<T> linear = bend * (size - T(0.5) * bend);
    const Block<T> quadratic = T(0.5) * x * x;
    const Block<T> edge = fill_block(bend);
    const Block<T> left = x < -bend ? -edge : x;
    return {size > bend ? linear : quadratic, x > bend ? edge : left};
  });
}

/// Of logits: max(y, 0) − y t + log(1 + exp(−|y|)), stable for every y.
template <class T>
Term<T> bce_of_logit(Block<T> y, Block<T> t) {
  const Block<T> zero{};
  const Block<T> positive = y < T(0) ? zero : y;
  return {positive - y * t + log1p_block(exp_block(-abs_block(y))), sigmoid_block(y) - t};
}

/// Of probabilities: −t log p − (1 − t) log(1 − p) with both logarithms ≥ −100, and (p − t)/max(p(1 − p), 1e-12), as
/// PyTorch's BCELoss. That refuses what lies outside [0, 1]; here it counts as the nearest end, with a derivative of 0,
/// as where Keras clips.
template <class T>
Term<T> bce_of_probability(Block<T> p, Block<T> t) {
  const Block<T> zero{};
  const Block<T> one = fill_block(T(1));
  const Block<T> floor = fill_block(T(-100));
  const Block<T> inside = min_block(max_block(p, zero), one);  // a NaN stays
  const Block<T> log_p = max_block(log_block(inside), floor);
  const Block<T> log_q = max_block(log_block(one - inside), floor);
  const Block<T> slope = (inside - t) / max_block(inside * (one - inside), fill_block(T(1e-12)));
  const Block<T> above = p < T(0) ? zero : slope;
  return {-t * log_p - (one - t) * log_q, p > T(1) ? zero : above};
}

template <class T>
void bce(const ParamValues& params, const Eigen::Ref<const Matrix<T>>& outputs, const Targets<T>& targets,
         std::span<T> losses, Eigen::Ref<Matrix<T>> delta) {
  if (params.flag("from_logits")) {
    mean_over_outputs<T>(outputs, targets, losses, delta, bce_of_logit<T>);
  } else {
    mean_over_outputs<T>(outputs, targets, losses, delta, bce_of_probability<T>);
  }
}

/// Of probabilities: −log of q = p_class / Σ p, with q clipped to [1e-7, 1 − 1e-7] and a derivative of 0 where it is,
/// as Keras' categorical_crossentropy. Outputs whose sum is 0 give a NaN there and here.
template <class T>
void cross_entropy_of_probabilities(const Eigen::Ref<const Matrix<T>>& outputs, const Targets<T>& targets,
                                    std::span<T> losses, Eigen::Ref<Matrix<T>> delta) {
  constexpr T kLeast = T(1e-7);
  constexpr T kMost = T(1) - kLeast;
  for (Index column = 0; column < outputs.cols(); ++column) {
    const auto label = static_cast<Index>(targets.classes[static_cast<std::size_t>(column)]);
    T sum = T(0);
    for (Index row = 0; row < outputs.rows(); ++row) sum += outputs(row, column);
    const T chosen = outputs(label, column);
    const T share = chosen / sum;
    const T clipped = share < kLeast ? kLeast : (share > kMost ? kMost : share);  // a NaN stays
    losses[static_cast<std::size_t>(column)] = -log_block(fill_block(clipped))[0];
    const bool moves = !(share < kLeast) && !(share > kMost);
    delta.col(column).setConstant(moves ? T(1) / sum : T(0));
    if (moves) delta(label, column) -= T(1) / chosen;
  }
}

/// Of logits: log Σ exp(y) − y_class, with the maximum taken out of the sum; gradient softmax(y) − onehot.
template <class T>
void cross_entropy(const ParamValues& params, const Eigen::Ref<const Matrix<T>>& outputs, const Targets<T>& targets,
                   std::span<T> losses, Eigen::Ref<Matrix<T>> delta) {
  if (!params.flag("from_logits")) {
    cross_entropy_of_probabilities<T>(outputs, targets, losses, delta);
    return;
  }
  const Index rows = outputs.rows();
  for (Index column = 0; column < outputs.cols(); ++column) {
    const T* y = &outputs.coeffRef(0, column);
    const auto label = static_cast<Index>(targets.classes[static_cast<std::size_t>(column)]);
    T maximum = -std::numeric_limits<T>::infinity();
    for (Index row = 0; row < rows; ++row) maximum = y[row] > maximum ? y[row] : maximum;
    const T shifted_label = y[label] - maximum;
    T* gradient = &delta.coeffRef(0, column);
    T sum = T(0);
    for (Index row = 0; row < rows; row += kLanes<T>) {
      const Index count = std::min<Index>(kLanes<T>, rows - row);
      const Block<T> e = exp_block(load_block(y + row, count) - maximum);
      for (Index lane = 0; lane < count; ++lane) sum += e[lane];
      store_block<T>(e, gradient + row, count);
    }
    losses[static_cast<std::size_t>(column)] = log_block(fill_block(sum))[0] - shifted_label;
    const T scale = T(1) / sum;
    for (Index row = 0; row < rows; ++row) gradient[row] *= scale;
    gradient[label] -= T(1);
  }
}

// ---- the best constants

double mean_of(const ParamValues& /*params*/, std::span<double> targets) {
  double sum = 0.0;
  for (const double target : targets) sum += target;
  return sum / static_cast<double>(targets.size());
}

double median_of(const ParamValues& /*params*/, std::span<double> targets) {
  const auto middle = targets.begin() + static_cast<std::ptrdiff_t>(targets.size() / 2);
  std::nth_element(targets.begin(), middle, targets.end());
  if (targets.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(targets.begin(), middle));
}

/// Where the derivative Σ clamp(c − t, ±delta) is 0: Newton's method, on a function that is linear between its bends,
/// from the median, within an interval that shrinks around the root.
double huber_center(const ParamValues& params, std::span<double> targets) {
  constexpr int kSteps = 100;
  const double bend = params.number("delta");
  const auto [least, most] = std::minmax_element(targets.begin(), targets.end());
  double low = *least;
  double high = *most;
  double center = median_of(params, targets);
  for (int step = 0; step < kSteps && low < high; ++step) {
    double slope = 0.0;
    double inside = 0.0;
    for (const double target : targets) {
      const double error = center - target;
      slope += std::clamp(error, -bend, bend);
      inside += std::abs(error) <= bend ? 1.0 : 0.0;
    }
    if (slope == 0.0) break;
    (slope > 0.0 ? high : low) = center;
    const double next = inside > 0.0 ? center - slope / inside : 0.5 * (low + high);
    if (next == center) break;
    center = next > low && next < high ? next : 0.5 * (low + high);
  }
  return center;
}

double square_error(const ParamValues& /*params*/, double constant, double target) {
  return (constant - target) * (constant - target);
}
double absolute_error(const ParamValues& /*params*/, double constant, double target) {
  return std::abs(constant - target);
}
double huber_error(const ParamValues& params, double constant, double target) {
  const double bend = params.number("delta");
  const double size = std::abs(constant - target);
  return size > bend ? bend * (size - 0.5 * bend) : 0.5 * size * size;
}
/// −t log p − (1 − t) log(1 − p), where 0 log 0 is 0.
double entropy_error(const ParamValues& /*params*/, double constant, double target) {
  const double yes = target == 0.0 ? 0.0 : -target * portable_log(constant);
  return yes + (target == 1.0 ? 0.0 : -(1.0 - target) * portable_log(1.0 - constant));
}

constexpr const char* kFromLogits = "from_logits";

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
  const auto constant = [](LossEntry& row, auto best, auto cost) {
    row.best_constant = best;
    row.loss_of_constant = cost;
  };
  constant(add(entry("mse", {"mean_squared_error"}, {}, "mean over the outputs of (y − t)²"), mse<float>, mse<double>),
           mean_of, square_error);
  constant(add(entry("mae", {"l1"}, {}, "mean over the outputs of |y − t|"), mae<float>, mae<double>), median_of,
           absolute_error);
  constant(add(entry("huber", {}, {number("delta", 1.0, "where the quadratic turns linear").above(0)},
                     "quadratic within ±delta, linear outside (Huber 1964)"),
               huber<float>, huber<double>),
           huber_center, huber_error);
  const auto from_logits = [](const char* own) {
    return boolean(kFromLogits, true,
                   std::string("true: outputs are logits, the loss applies a ") + own +
                       " of its own; false: they are probabilities");
  };
  LossEntry& bits =
      add(entry("bce", {"bce_with_logits", "binary_crossentropy"}, {from_logits("sigmoid")},
                "binary cross entropy of σ(y); from probabilities with logarithms ≥ −100, as PyTorch's BCELoss"),
          bce<float>, bce<double>);
  bits.takes_probabilities = true;
  constant(bits, mean_of, entropy_error);
  add(entry("cross_entropy", {"categorical_crossentropy"}, {from_logits("softmax")},
            "cross entropy of softmax(y); from probabilities scaled to a sum of 1 and clipped at 1e-7, as Keras"),
      cross_entropy<float>, cross_entropy<double>)
      .takes_classes = true;
  return table;
}

}  // namespace

std::span<const LossEntry> loss_table() {
  static const std::vector<LossEntry> table = make_table();
  return table;
}

namespace {

std::optional<bool> from_logits(const Choice& loss) {
  for (const auto& [name, value] : loss.params.all())
    if (name == kFromLogits) return std::get<bool>(value);
  return std::nullopt;
}

}  // namespace

bool takes_logits(const Choice& loss) { return from_logits(loss) == true; }
bool takes_network_probabilities(const Choice& loss) { return from_logits(loss) == false; }

}  // namespace reluscope
