#include "probe/bounds.hpp"

#include <cmath>
#include <limits>
#include <numeric>

namespace reluscope {

namespace {

/// Samples gathered at once.
constexpr Index kChunk = 256;

/// Covers γ_(n+1) of a computed sum and of a bound on it.
template <class T>
double relative_slack(Index terms) {
  return 2.0 * static_cast<double>(terms + 8) * kRoundoff<T>;
}

/// What products and squares that underflow can lose, in all.
template <class T>
double tiny(Index terms) {
  return static_cast<double>(terms + 8) * static_cast<double>(std::numeric_limits<T>::min());
}

/// The nearest T that is not above x.
template <class T>
T not_above(double x) {
  const T rounded = static_cast<T>(x);
  return static_cast<double>(rounded) > x ? std::nextafter(rounded, -std::numeric_limits<T>::infinity()) : rounded;
}

/// An upper bound on the norm whose square was summed up in T over `terms` terms, the largest being `largest`.
template <class T>
double norm_from(T square, Index terms, bool moved) {
  if (!moved) return 0.0;
  const double norm = std::sqrt(static_cast<double>(square)) * (1.0 + relative_slack<T>(terms));
  return norm + std::sqrt(static_cast<double>(terms) * static_cast<double>(std::numeric_limits<T>::min()));
}

template <class T>
Eigen::VectorXd row_norms(const Matrix<T>& weights) {
  Eigen::Array<T, Eigen::Dynamic, 1> squares = Eigen::Array<T, Eigen::Dynamic, 1>::Zero(weights.rows());
  for (Index input = 0; input < weights.cols(); ++input) squares += weights.col(input).array().square();
  Eigen::VectorXd norms(weights.rows());
  for (Index unit = 0; unit < norms.size(); ++unit) norms[unit] = norm_from<T>(squares[unit], weights.cols(), true);
  return norms;
}

/// Σ_j |w_uj| d_j for each unit.
template <class T>
Eigen::VectorXd weighted_sum(const Matrix<T>& weights, const Eigen::VectorXd& elements) {
  Eigen::Array<T, Eigen::Dynamic, 1> sums = Eigen::Array<T, Eigen::Dynamic, 1>::Zero(weights.rows());
  bool any = false;
  for (Index input = 0; input < weights.cols(); ++input) {
    if (elements[input] == 0.0) continue;
    any = true;
    sums += weights.col(input).array().abs() * not_below<T>(elements[input]);
  }
  Eigen::VectorXd result = sums.template cast<double>().matrix() * (1.0 + relative_slack<T>(weights.cols()));
  if (any) result.array() += tiny<T>(weights.cols());
  return result;
}

}  // namespace

double add_up(double left, double right) {
  const double sum = left + right;
  return right == 0.0 ? left : std::nextafter(sum, kInfinity);
}

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
    extent.norm = std::max(extent.norm, norm_from<T>(part.square, features, true));
    finite = finite && part.finite;
  }
  if (!finite) {  // an input that is no number may do anything
    extent.box = {Eigen::VectorXd::Constant(features, -kInfinity), Eigen::VectorXd::Constant(features, kInfinity)};
    extent.norm = kInfinity;
  }
  return extent;
}

template <class T>
PreActivationBox bound_pre_activations(const Layer<T>& layer, const Box& inputs) {
  const Matrix<T>& weights = layer.weights();
  using Array = Eigen::Array<T, Eigen::Dynamic, 1>;
  Array low = Array::Zero(weights.rows());
  Array high = low;
  Array size = low;
  Array raised = low;
  for (Index input = 0; input < weights.cols(); ++input) {
    const T from = not_above<T>(inputs.low[input]);
    const T to = not_below<T>(inputs.high[input]);
    if (from == T(0) && to == T(0)) continue;
    const auto w = weights.col(input).array();
    // One of the two products is the smaller one, by w's sign.
    low += (w * from).min(w * to);
    high += (w * from).max(w * to);
    raised += (w * from).max(w * to).max(T(0));
    size += w.abs() * std::max(std::abs(from), std::abs(to));
  }
  PreActivationBox box;
  box.z.low.resize(weights.rows());
  box.z.high.resize(weights.rows());
  box.at_most_bias.resize(static_cast<std::size_t>(weights.rows()));
  for (Index unit = 0; unit < weights.rows(); ++unit) {
    const double b = static_cast<double>(layer.bias_of(unit));
    const double slack = relative_slack<T>(weights.cols()) * (std::abs(b) + static_cast<double>(size[unit])) * 1.001 +
                         tiny<T>(weights.cols());
    box.z.low[unit] = b + static_cast<double>(low[unit]) - slack;
    box.z.high[unit] = b + static_cast<double>(high[unit]) + slack;
    box.at_most_bias[static_cast<std::size_t>(unit)] = raised[unit] == T(0) && std::isfinite(size[unit]);
    if (box.at_most_bias[static_cast<std::size_t>(unit)]) box.z.high[unit] = std::min(box.z.high[unit], b);
  }
  return box;
}

template <class T>
Box bound_activations(const Layer<T>& layer, const Box& z) {
  const ActivationShape shape = layer.activation_shape();
  const bool learned_slope = layer.activation()->learned_slope;
  Matrix<T> ends(z.low.size(), 2);
  for (Index unit = 0; unit < z.low.size(); ++unit) {
    ends(unit, 0) = not_above<T>(z.low[unit]);
    ends(unit, 1) = not_below<T>(z.high[unit]);
  }
  const Matrix<T> at = ends;
  layer.respond(ends);
  Box box = z;
  for (Index unit = 0; unit < z.low.size(); ++unit) {
    const double left = static_cast<double>(ends(unit, 0));
    const double right = static_cast<double>(ends(unit, 1));
    const double reach =
        std::max(std::abs(static_cast<double>(at(unit, 0))), std::abs(static_cast<double>(at(unit, 1))));
    const double slack = kActivationSlack * kRoundoff<T> * (1.0 + reach);
    double low = std::min(left, right);
    double high = std::max(left, right);
    const bool around_zero = z.low[unit] < 0.0 && z.high[unit] > 0.0;
    if (learned_slope && around_zero) {  // a slope below 0 turns the function at 0
      low = std::min(low, 0.0);
      high = std::max(high, 0.0);
    }
    if (shape.valley > ActivationShape::kNowhereBelow && z.low[unit] < shape.valley + 0.01 &&
        z.high[unit] > shape.valley - 0.01)
      low = shape.lowest;
    // A function that is 0 or more is computed so, and dead pre-activations give exactly 0.
    box.low[unit] = shape.lowest == 0.0 ? std::max(0.0, low - slack) : low - slack;
    box.high[unit] = high + slack;
    if (z.high[unit] <= shape.dead_below) box.low[unit] = box.high[unit] = 0.0;
    if (std::isnan(left) || std::isnan(right)) {
      box.low[unit] = -kInfinity;
      box.high[unit] = kInfinity;
    }
  }
  return box;
}

bool dead_between(const ActivationShape& shape, double low, double high) {
  return high <= shape.dead_below || low >= shape.dead_above;
}

template <class T>
UnitMotion measure_motion(const Layer<T>& from, const Layer<T>& to) {
  const Matrix<T>& old_weights = from.weights();
  const Matrix<T>& new_weights = to.weights();
  using Array = Eigen::Array<T, Eigen::Dynamic, 1>;
  Array squares = Array::Zero(new_weights.rows());
  Array largest = squares;
  for (Index input = 0; input < new_weights.cols(); ++input) {
    const auto difference = (new_weights.col(input) - old_weights.col(input)).array();
    squares += difference.square();
    largest = largest.max(difference.abs());
  }
  UnitMotion motion;
  motion.weights.resize(new_weights.rows());
  for (Index unit = 0; unit < new_weights.rows(); ++unit)
    // A NaN in the sum must not be taken for "did not move".
    motion.weights[unit] =
        norm_from<T>(squares[unit], new_weights.cols(), !(largest[unit] == T(0) && squares[unit] == T(0)));
  // How far each element of what the layer has of this role has moved; 0 where it has none.
  const auto distance = [&](ParameterRole role) -> Eigen::VectorXd {
    const Parameter<T>* now = to.parameter(role);
    if (now == nullptr) return Eigen::VectorXd::Zero(new_weights.rows());
    const Matrix<T>& before = from.parameter(role)->value;
    const Eigen::VectorXd apart =
        (now->value.template cast<double>() - before.template cast<double>()).cwiseAbs().col(0);
    return apart * (1.0 + 4.0 * kRoundoff<double>);
  };
  motion.bias = distance(ParameterRole::bias);
  motion.slope = distance(ParameterRole::slope);
  if (motion.slope.size() == 1) motion.slope = Eigen::VectorXd::Constant(new_weights.rows(), motion.slope[0]);
  return motion;
}

template <class T>
Eigen::VectorXd bound_z_drift(const Layer<T>& now, const UnitMotion& motion, const InputDrift& input) {
  const Matrix<T>& weights = now.weights();
  const bool input_still = (input.element.array() == 0.0).all();
  const Eigen::VectorXd from_input =
      input_still ? Eigen::VectorXd(Eigen::VectorXd::Zero(weights.rows())) : weighted_sum<T>(weights, input.element);
  Eigen::VectorXd norms;
  Eigen::VectorXd drift(weights.rows());
  for (Index unit = 0; unit < weights.rows(); ++unit) {
    if (input_still && motion.weights[unit] == 0.0 && motion.bias[unit] == 0.0) {
      drift[unit] = 0.0;
      continue;
    }
    if (norms.size() == 0) norms = row_norms<T>(weights);
    // Of both computed values: Σ|w_j h_j| ≤ ‖w‖‖h‖ before, and now with w and h as far off as they may be.
    const double size_before = (norms[unit] + motion.weights[unit]) * input.norm + motion.bias[unit];
    const double size = 2.0 * (size_before + std::abs(static_cast<double>(now.bias_of(unit)))) + from_input[unit];
    const double slack = relative_slack<T>(weights.cols()) * size + 2.0 * tiny<T>(weights.cols());
    const double moved = motion.weights[unit] == 0.0 ? 0.0 : motion.weights[unit] * input.norm;
    const double bound = (moved + from_input[unit] + motion.bias[unit] + slack) * (1.0 + 1e-12);
    drift[unit] = std::isfinite(bound) ? bound : kInfinity;
  }
  return drift;
}

template <class T>
Eigen::VectorXd bound_a_drift(const Layer<T>& now, const UnitMotion& motion, const InputDrift& input,
                              const Eigen::VectorXd& z_drift) {
  const ActivationShape shape = now.activation_shape();
  const bool learned_slope = now.activation()->learned_slope;
  Eigen::VectorXd norms;
  Eigen::VectorXd drift(z_drift.size());
  for (Index unit = 0; unit < drift.size(); ++unit) {
    if (z_drift[unit] == 0.0 && motion.slope[unit] == 0.0) {
      drift[unit] = 0.0;
      continue;
    }
    if (norms.size() == 0) norms = row_norms<T>(now.weights());
    const double reach = norms[unit] * input.norm + std::abs(static_cast<double>(now.bias_of(unit))) + z_drift[unit];
    double steepest = shape.lipschitz;
    double from_slope = 0.0;
    if (learned_slope) {
      const Matrix<T>& slopes = now.parameter(ParameterRole::slope)->value;
      const double slope = std::abs(static_cast<double>(slopes(slopes.size() == 1 ? 0 : unit, 0)));
      steepest = std::max(steepest, slope + motion.slope[unit]);
      from_slope = motion.slope[unit] * (reach + z_drift[unit]);
    }
    const double bound =
        steepest * z_drift[unit] + from_slope +
        2.0 * kActivationSlack * kRoundoff<T> * std::max(1.0, steepest) * (1.0 + reach + z_drift[unit]);
    drift[unit] = std::isfinite(bound) ? bound * (1.0 + 1e-12) : kInfinity;
  }
  return drift;
}

#define RELUSCOPE_INSTANTIATE(T)                                                                 \
  template DataExtent measure_extent<T>(const Dataset&, ThreadPool&);                            \
  template PreActivationBox bound_pre_activations(const Layer<T>&, const Box&);                  \
  template Box bound_activations(const Layer<T>&, const Box&);                                   \
  template UnitMotion measure_motion(const Layer<T>&, const Layer<T>&);                          \
  template Eigen::VectorXd bound_z_drift(const Layer<T>&, const UnitMotion&, const InputDrift&); \
  template Eigen::VectorXd bound_a_drift(const Layer<T>&, const UnitMotion&, const InputDrift&, const Eigen::VectorXd&);
RELUSCOPE_INSTANTIATE(float)
RELUSCOPE_INSTANTIATE(double)
#undef RELUSCOPE_INSTANTIATE

}  // namespace reluscope
