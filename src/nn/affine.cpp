#include "nn/affine.hpp"

#include <algorithm>

#include "nn/gemm.hpp"
#include "nn/output_squares.hpp"

namespace reluscope {

namespace {

template <class T>
Eigen::VectorXd row_norms(const Matrix<T>& weights) {
  Eigen::Array<T, Eigen::Dynamic, 1> squares = Eigen::Array<T, Eigen::Dynamic, 1>::Zero(weights.rows());
  for (Index input = 0; input < weights.cols(); ++input) squares += weights.col(input).array().square();
  Eigen::VectorXd norms(weights.rows());
  for (Index unit = 0; unit < norms.size(); ++unit) norms[unit] = norm_from<T>(squares[unit], weights.cols());
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

/// ‖Δw_u‖ of each unit, at most; 0 only where no weight has changed.
template <class T>
Eigen::VectorXd row_motion(const Matrix<T>& from, const Matrix<T>& to) {
  using Array = Eigen::Array<T, Eigen::Dynamic, 1>;
  Array squares = Array::Zero(to.rows());
  Array largest = squares;
  for (Index input = 0; input < to.cols(); ++input) {
    const auto difference = (to.col(input) - from.col(input)).array();
    squares += difference.square();
    largest = largest.max(difference.abs());
  }
  Eigen::VectorXd motion(to.rows());
  for (Index unit = 0; unit < to.rows(); ++unit) {
    // A NaN in the sum must not be taken for "did not move".
    const bool still = largest[unit] == T(0) && squares[unit] == T(0);
    motion[unit] = still ? 0.0 : norm_from<T>(squares[unit], to.cols());
  }
  return motion;
}

}  // namespace

InitContext init_context(const LayerSpec& layer, Index fan_in, Index fan_out, std::uint64_t seed, std::uint64_t stream,
                         Index kernel) {
  InitContext context;
  context.fan_in = fan_in;
  context.fan_out = fan_out;
  context.kernel = kernel;
  if (layer.activation)
    context.negative_slope =
        find_entry(activation_table(), layer.activation->name)->negative_slope(layer.activation->params);
  context.seed = seed;
  context.layer = stream;
  return context;
}

template <class T>
Affine<T>::Affine(const LayerSpec& layer, const Shape& output, const InitContext& context)
    : Node<T>(layer.name, output), has_bias_(layer.has_bias()) {
  InitialParameters initial;
  draw_initial_parameters(layer.init->weights, layer.init->bias, context, initial);
  weight_ = {ParameterRole::weight, initial.weights.template cast<T>(), true};
  bias_ = {ParameterRole::bias, initial.bias.template cast<T>(), true};
}

template <class T>
void Affine<T>::keep(const std::vector<Index>& channels, const std::vector<Index>& units) {
  std::vector<Index> columns;
  for (const Index channel : channels)
    for (Index at = 0; at < inputs_per_channel(); ++at) columns.push_back(channel * inputs_per_channel() + at);
  this->resize_output(static_cast<Index>(units.size()));
  weight_.value = Matrix<T>(weight_.value(units, columns));
  bias_.value = Matrix<T>(bias_.value(units, Eigen::all));
}

template <class T>
Parameter<T>* Affine<T>::parameter(ParameterRole role) {
  if (role == ParameterRole::weight) return &weight_;
  return role == ParameterRole::bias && has_bias_ ? &bias_ : nullptr;
}

template <class T>
void Affine<T>::forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const {
  multiply(*inputs[0], state, state.output, shard);
  if (has_bias_) {
    const Index units = this->units();
    const T* __restrict bias = bias_.value.data();
    T* __restrict z = state.output.col(shard.first).data();
    for (Index first = 0; first < shard.count * this->outputs(); first += units)
      for (Index unit = 0; unit < units; ++unit) z[first + unit] += bias[unit];
  }
  measure_output_squares(state, shard, pass);
}

template <class T>
void Affine<T>::backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass,
                         InputDeltas<T> input_deltas) const {
  const auto delta = state.delta.middleCols(shard.first, shard.count);
  Vector<T>& sums = state.shards[static_cast<std::size_t>(shard.index)].delta_sum;
  sums.setZero();
  const Index units = this->units();
  T* __restrict sum = sums.data();
  const T* __restrict deltas = state.delta.col(shard.first).data();
  for (Index first = 0; first < shard.count * this->outputs(); first += units)
    for (Index unit = 0; unit < units; ++unit) sum[unit] += deltas[first + unit];
  if (pass.measure == Measure::batch)
    state.delta_square.segment(shard.first, shard.count) = delta.colwise().squaredNorm().transpose();
  pass_back(*inputs[0], state, input_deltas[0], shard);
}

template <class T>
void Affine<T>::bias_gradient(const NodeState<T>& state, Index batch, Index shards, T* out) const {
  Eigen::Map<Vector<T>> gradient(out, this->units());
  gradient.setZero();
  for (Index shard = 0; shard < shards; ++shard) gradient += state.shards[static_cast<std::size_t>(shard)].delta_sum;
  gradient *= T(1) / static_cast<T>(batch);
}

template <class T>
void Affine<T>::append_bias_tile(std::size_t node, std::vector<Tile>& tiles) const {
  if (has_bias_) tiles.push_back({node, ParameterRole::bias, 0, this->units()});
}

template <class T>
PreActivationBox Affine<T>::bound_map(const Box& whole_input, const std::optional<Box>& sums) const {
  const Box input = patch_of(whole_input);
  const Matrix<T>& weights = weight_.value;
  using Array = Eigen::Array<T, Eigen::Dynamic, 1>;
  Array low = Array::Zero(weights.rows());
  Array high = low;
  Array size = low;
  Array raised = low;
  for (Index at = 0; at < weights.cols(); ++at) {
    const T from = not_above<T>(input.low[at]);
    const T to = not_below<T>(input.high[at]);
    if (from == T(0) && to == T(0)) continue;
    const auto w = weights.col(at).array();
    // One of the two products is the smaller one, by w's sign.
    low += (w * from).min(w * to);
    high += (w * from).max(w * to);
    raised += (w * from).max(w * to).max(T(0));
    size += w.abs() * std::max(std::abs(from), std::abs(to));
  }
  PreActivationBox bounds;
  bounds.z.low.resize(weights.rows());
  bounds.z.high.resize(weights.rows());
  bounds.at_most_bias.resize(static_cast<std::size_t>(weights.rows()));
  for (Index unit = 0; unit < weights.rows(); ++unit) {
    const auto b = static_cast<double>(bias_of(unit));
    const double slack = relative_slack<T>(weights.cols()) * (std::abs(b) + static_cast<double>(size[unit])) * 1.001 +
                         tiny<T>(weights.cols());
    const auto lowest = static_cast<double>(low[unit]);
    const auto highest = static_cast<double>(high[unit]);
    bounds.z.low[unit] = b + (sums ? std::max(lowest, sums->low[unit]) : lowest) - slack;
    bounds.z.high[unit] = b + (sums ? std::min(highest, sums->high[unit]) : highest) + slack;
    const bool at_most_bias = raised[unit] == T(0) && std::isfinite(size[unit]);
    bounds.at_most_bias[static_cast<std::size_t>(unit)] = at_most_bias;
    if (at_most_bias) bounds.z.high[unit] = std::min(bounds.z.high[unit], b);
  }
  return bounds;
}

/// Where the parameters moved by Δw_u and Δb to the present ones,
///   Δz = Δw·h_before + w_now·Δh + Δb  ⟹  |Δz| ≤ ‖Δw‖‖h_before‖ + Σ_j |w_now,j||Δh_j| + |Δb|  (Cauchy–Schwarz), plus
/// the slack of both computed values. Exactly 0 for a unit whose parameters and inputs stayed bit for bit the same: the
/// same numbers give the same result.
template <class T>
std::optional<Eigen::VectorXd> Affine<T>::drift(const Node<T>& before, std::span<const Drift* const> inputs) const {
  const Affine<T>& old = *before.affine();
  const Drift input = {inputs[0]->norm, patch_of(inputs[0]->element)};
  const Matrix<T>& weights = weight_.value;
  const Eigen::VectorXd moved_weights = row_motion(old.weight_.value, weights);
  const Eigen::VectorXd moved_bias =
      (bias_.value.template cast<double>() - old.bias_.value.template cast<double>()).cwiseAbs().col(0) *
      (1.0 + 4.0 * kRoundoff<double>);
  const bool input_still = (input.element.array() == 0.0).all();
  const Eigen::VectorXd from_input =
      input_still ? Eigen::VectorXd(Eigen::VectorXd::Zero(weights.rows())) : weighted_sum<T>(weights, input.element);
  Eigen::VectorXd norms;
  Eigen::VectorXd drift(weights.rows());
  for (Index unit = 0; unit < weights.rows(); ++unit) {
    if (input_still && moved_weights[unit] == 0.0 && moved_bias[unit] == 0.0) {
      drift[unit] = 0.0;
      continue;
    }
    if (norms.size() == 0) norms = row_norms<T>(weights);
    // Of both computed values: Σ|w_j h_j| ≤ ‖w‖‖h‖ before, and now with w and h as far off as they may be.
    const double size_before = (norms[unit] + moved_weights[unit]) * input.norm + moved_bias[unit];
    const double size = 2.0 * (size_before + std::abs(static_cast<double>(bias_of(unit)))) + from_input[unit];
    const double slack = relative_slack<T>(weights.cols()) * size + 2.0 * tiny<T>(weights.cols());
    const double moved = moved_weights[unit] == 0.0 ? 0.0 : moved_weights[unit] * input.norm;
    const double bound = (moved + from_input[unit] + moved_bias[unit] + slack) * (1.0 + 1e-12);
    drift[unit] = std::isfinite(bound) ? bound : kInfinity;
  }
  return drift;
}

/// With W and b here, W' and b' there, and |h − h'| ≤ e,
///   |z − z'| ≤ |(W − W') h + b − b'| + |W'| e,
/// exactly; each computed sum of n products is off by γ_(n+1) (|b| + |W||h|), and so is the first term here. Twice the
/// slack of bounds.hpp, 2 (n + 8) u, on both sizes covers γ_(n+1) + γ_(n+2) and what the bound itself rounds; on one of
/// them it covers how far a z that is computed another time, in another order, may be from the first.
template <class T>
typename Affine<T>::Apart Affine<T>::map_apart(const Affine<T>& other, const Matrix<T>& input,
                                               const Matrix<T>& input_apart) const {
  constexpr Index kElementsAtOnce = 1 << 18;
  const Matrix<T>& weights = weight_.value;
  const Matrix<T> sizes = weights.cwiseAbs();
  const Matrix<T> other_sizes = other.weight_.value.cwiseAbs();
  const Matrix<T> moved_weights = weights - other.weight_.value;
  const Vector<T> moved_bias = (bias_.value - other.bias_.value).col(0);
  const Vector<T> bias_sizes = bias_.value.cwiseAbs().col(0);
  const Vector<T> both_bias_sizes = bias_sizes + other.bias_.value.cwiseAbs().col(0);
  const bool moved = (moved_weights.array() != T(0)).any() || (moved_bias.array() != T(0)).any();
  const auto slack = static_cast<T>(relative_slack<T>(fan_in()));
  const auto rounding = static_cast<T>(1.0 + 16.0 * kRoundoff<T>);
  const auto least = static_cast<T>(2.0 * tiny<T>(fan_in()));
  const auto multiply_by = [](const Matrix<T>& left, const Matrix<T>& right) {
    Matrix<T> product(left.rows(), right.cols());
    gemm<T>(Transposed::none, T(1), left, right, product);
    return product;
  };
  const Index samples = input_apart.cols();
  const Index positions = this->output_shape().positions();
  const Index at_once = std::max<Index>(1, kElementsAtOnce / (fan_in() * positions));
  const auto sized = [&] { return Matrix<T>(this->outputs(), samples); };
  Apart apart{sized(), sized(), sized()};
  for (Index first = 0; first < samples; first += at_once) {
    const Index count = std::min(at_once, samples - first);
    const Matrix<T> seen = patches(input, first, count);
    const Matrix<T> seen_apart = patches(input_apart, first, count);
    const Matrix<T> seen_size = seen.cwiseAbs();
    Matrix<T> size = multiply_by(sizes, seen_size);
    const Matrix<T> from_input = multiply_by(other_sizes, seen_apart);
    Matrix<T> both_sizes = size + from_input + (moved ? multiply_by(other_sizes, seen_size) : size);
    both_sizes.colwise() += both_bias_sizes;
    Matrix<T> away = (T(1) + slack) * from_input + slack * both_sizes;
    if (moved) away += (multiply_by(moved_weights, seen).colwise() + moved_bias).cwiseAbs();
    const Matrix<T> z = multiply_by(weights, seen).colwise() + bias_.value.col(0);
    size.colwise() += bias_sizes;
    const Index columns = count * positions;
    const auto put = [&](Matrix<T>& where, const auto& values) {
      Eigen::Map<Matrix<T>>(where.col(first).data(), this->units(), columns) =
          (values.leftCols(columns).array() + least).matrix();
    };
    put(apart.z, rounding * away);
    put(apart.high, z + slack * size);
    put(apart.size, z.cwiseAbs() + slack * size);
  }
  return apart;
}

template <class T>
Eigen::VectorXd Affine<T>::bound_size(double input_norm) const {
  return row_norms<T>(weight_.value) * input_norm + bias_.value.template cast<double>().cwiseAbs().col(0);
}

template class Affine<float>;
template class Affine<double>;

}  // namespace reluscope
