#include "nn/batch_norm.hpp"

#include <cmath>

#include "nn/output_squares.hpp"

namespace reluscope {

namespace {

/// The shard's columns as channels × (samples · positions).
template <class Values>
auto by_channel(Values& values, const Shape& shape, const Shard& shard) {
  using Scalar = std::remove_pointer_t<decltype(values.data())>;
  using Plain = std::conditional_t<std::is_const_v<Scalar>, const Matrix<std::remove_const_t<Scalar>>, Matrix<Scalar>>;
  return Eigen::Map<Plain>(values.col(shard.first).data(), shape.channels, shard.count * shape.positions());
}

/// Σ over the columns, of a few hundred at a time in T.
template <class Values>
Eigen::VectorXd row_sums(const Values& values) {
  constexpr Index kAtOnce = 256;
  Eigen::VectorXd sums = Eigen::VectorXd::Zero(values.rows());
  for (Index first = 0; first < values.cols(); first += kAtOnce)
    sums += values.middleCols(first, std::min(kAtOnce, values.cols() - first)).rowwise().sum().template cast<double>();
  return sums;
}

}  // namespace

template <class T>
BatchNorm<T>::BatchNorm(const std::string& name, const ParamValues& settings, const Shape& shape)
    : Node<T>(name, shape),
      epsilon_(settings.number("eps")),
      momentum_(settings.number("momentum")),
      affine_(settings.flag("affine")),
      scale_{ParameterRole::scale, Matrix<T>::Ones(shape.channels, 1), true},
      shift_{ParameterRole::shift, Matrix<T>::Zero(shape.channels, 1), true},
      mean_{"running_mean", Matrix<T>::Zero(shape.channels, 1)},
      variance_{"running_var", Matrix<T>::Ones(shape.channels, 1)},
      batches_{"num_batches_tracked", Matrix<T>::Zero(1, 1), true} {
  parameters_changed();
}

template <class T>
Parameter<T>* BatchNorm<T>::parameter(ParameterRole role) {
  if (!affine_) return nullptr;
  if (role == ParameterRole::scale) return &scale_;
  return role == ParameterRole::shift ? &shift_ : nullptr;
}

template <class T>
std::unique_ptr<Node<T>> BatchNorm<T>::select(const std::vector<Index>& /*inputs*/,
                                              const std::vector<Index>& outputs) const {
  auto part = std::make_unique<BatchNorm<T>>(*this);
  part->resize_output(static_cast<Index>(outputs.size()));
  for (Matrix<T>* values : {&part->scale_.value, &part->shift_.value, &part->mean_.value, &part->variance_.value})
    *values = Matrix<T>((*values)(outputs, Eigen::all));
  part->parameters_changed();
  return part;
}

template <class T>
void BatchNorm<T>::parameters_changed() {
  inverse_ = (1.0 / (variance_.value.template cast<double>().array() + epsilon_).sqrt()).template cast<T>();
}

template <class T>
std::optional<typename Node<T>::Line> BatchNorm<T>::line(Index channel) const {
  const double slope = static_cast<double>(scale_.value(channel, 0)) * static_cast<double>(inverse_[channel]);
  return typename Node<T>::Line{
      slope, static_cast<double>(shift_.value(channel, 0)) - slope * static_cast<double>(mean_.value(channel, 0))};
}

template <class T>
void BatchNorm<T>::prepare(NodeState<T>& state, Index batch, Index shards) const {
  Node<T>::prepare(state, batch, shards);
  state.rooms.resize(static_cast<std::size_t>(shards));
  for (ShardRoom<T>& room : state.rooms) {
    room.channel_mean.setZero(this->units());
    room.channel_square.setZero(this->units());
  }
  state.joined.setZero(this->units(), kJoined);
}

/// The shard's mean and Σ (x − mean)².
template <class T>
void BatchNorm<T>::collect(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard) const {
  ShardRoom<T>& room = state.rooms[static_cast<std::size_t>(shard.index)];
  const auto x = by_channel(*inputs[0], this->output_shape(), shard);
  room.channel_mean = row_sums(x) / static_cast<double>(x.cols());
  const Vector<T> mean = room.channel_mean.template cast<T>();
  room.channel_square = row_sums((x.colwise() - mean).cwiseAbs2());
  // Of the mean as it was taken off.
  room.channel_mean = mean.template cast<double>();
  const Eigen::VectorXd rest = row_sums(x.colwise() - mean) / static_cast<double>(x.cols());
  room.channel_mean += rest;
  room.channel_square -= static_cast<double>(x.cols()) * rest.cwiseAbs2();
}

/// Chan, Golub & LeVeque 1983, eq. 1.5, shard by shard.
template <class T>
void BatchNorm<T>::join(NodeState<T>& state, Index batch, Index shards) const {
  const auto positions = static_cast<double>(this->positions());
  Eigen::VectorXd mean = state.rooms[0].channel_mean;
  Eigen::VectorXd square = state.rooms[0].channel_square;
  double count = static_cast<double>(std::min(kShardColumns, batch)) * positions;
  for (Index shard = 1; shard < shards; ++shard) {
    const ShardRoom<T>& room = state.rooms[static_cast<std::size_t>(shard)];
    const double more = static_cast<double>(std::min(kShardColumns, batch - shard * kShardColumns)) * positions;
    const Eigen::VectorXd apart = room.channel_mean - mean;
    const double all = count + more;
    mean += apart * (more / all);
    square += room.channel_square + apart.cwiseAbs2() * (count * more / all);
    count = all;
  }
  state.joined_samples = batch;
  state.joined.col(kMean) = mean;
  state.joined.col(kVariance) = (square / count).cwiseMax(0.0);
  // A variance that is no number stays one.
  for (Index channel = 0; channel < mean.size(); ++channel)
    if (std::isnan(square[channel])) state.joined(channel, kVariance) = square[channel];
  state.joined.col(kInverse) = 1.0 / (state.joined.col(kVariance).array() + epsilon_).sqrt();
}

template <class T>
void BatchNorm<T>::forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const {
  const auto x = by_channel(*inputs[0], this->output_shape(), shard);
  auto y = by_channel(state.output, this->output_shape(), shard);
  auto normalised = by_channel(state.saved, this->output_shape(), shard);
  Vector<T> mean = mean_.value.col(0);
  Vector<T> inverse = inverse_;
  if (pass.training) {
    mean = state.joined.col(kMean).template cast<T>();
    inverse = state.joined.col(kInverse).template cast<T>();
  }
  // Column by column and in this order of operations: evaluate() has the same.
  for (Index column = 0; column < x.cols(); ++column) {
    normalised.col(column) = (x.col(column) - mean).cwiseProduct(inverse);
    y.col(column) = scale_.value.col(0).cwiseProduct(normalised.col(column)) + shift_.value.col(0);
  }
  measure_output_squares(state, shard, pass);
}

template <class T>
void BatchNorm<T>::collect_backward(NodeInputs<T> /*inputs*/, NodeState<T>& state, const Shard& shard) const {
  ShardRoom<T>& room = state.rooms[static_cast<std::size_t>(shard.index)];
  const auto delta = by_channel(state.delta, this->output_shape(), shard);
  const auto normalised = by_channel(state.saved, this->output_shape(), shard);
  room.delta_sum = row_sums(delta);
  room.delta_x_sum = row_sums(delta.cwiseProduct(normalised));
}

template <class T>
void BatchNorm<T>::join_backward(NodeState<T>& state, Index /*batch*/, Index shards) const {
  state.joined.col(kDelta) = state.rooms[0].delta_sum;
  state.joined.col(kDeltaX) = state.rooms[0].delta_x_sum;
  for (Index shard = 1; shard < shards; ++shard) {
    state.joined.col(kDelta) += state.rooms[static_cast<std::size_t>(shard)].delta_sum;
    state.joined.col(kDeltaX) += state.rooms[static_cast<std::size_t>(shard)].delta_x_sum;
  }
}

/// ∂L/∂x = γ/√(σ² + ε) · (δ − mean(δ) − x̂ mean(δ x̂)): the derivatives of Ioffe & Szegedy 2015, section 3, put together.
template <class T>
void BatchNorm<T>::backward(NodeInputs<T> /*inputs*/, NodeState<T>& state, const Shard& shard, const Pass& /*pass*/,
                            InputDeltas<T> input_deltas) const {
  if (input_deltas[0] == nullptr) return;
  const auto delta = by_channel(state.delta, this->output_shape(), shard);
  const auto normalised = by_channel(state.saved, this->output_shape(), shard);
  auto back = by_channel(*input_deltas[0], this->output_shape(), shard);
  const double count = static_cast<double>(state.joined_samples * this->positions());
  const Vector<T> mean_delta = (state.joined.col(kDelta) / count).template cast<T>();
  const Vector<T> mean_delta_x = (state.joined.col(kDeltaX) / count).template cast<T>();
  const Vector<T> factor = state.joined.col(kInverse).template cast<T>().cwiseProduct(scale_.value.col(0));
  for (Index column = 0; column < delta.cols(); ++column)
    back.col(column) =
        (delta.col(column) - mean_delta - normalised.col(column).cwiseProduct(mean_delta_x)).cwiseProduct(factor);
}

template <class T>
void BatchNorm<T>::gradient(NodeInputs<T> /*inputs*/, const NodeState<T>& state, Index batch, Index /*shards*/,
                            const Tile& tile, T* out) const {
  const auto sums = state.joined.col(tile.role == ParameterRole::scale ? kDeltaX : kDelta);
  Eigen::Map<Vector<T>>(out, this->units()) = (sums / static_cast<double>(batch)).template cast<T>();
}

template <class T>
void BatchNorm<T>::append_tiles(std::size_t node, std::vector<Tile>& tiles) const {
  if (!affine_) return;
  tiles.push_back({node, ParameterRole::scale, 0, this->units()});
  tiles.push_back({node, ParameterRole::shift, 0, this->units()});
}

template <class T>
void BatchNorm<T>::learn_statistics(const NodeState<T>& state) {
  const double count = static_cast<double>(state.joined_samples * this->positions());
  const double unbiased = count > 1.0 ? count / (count - 1.0) : 1.0;
  const auto move = [&](Matrix<T>& running, const Eigen::VectorXd& seen) {
    running = ((1.0 - momentum_) * running.template cast<double>() + momentum_ * seen).template cast<T>();
  };
  move(mean_.value, state.joined.col(kMean));
  move(variance_.value, state.joined.col(kVariance) * unbiased);
  batches_.value(0, 0) += T(1);
  parameters_changed();
}

/// Each computed operation rises or falls with x, its rounding included: the ends are bounds as they are.
template <class T>
std::optional<Box> BatchNorm<T>::bound(std::span<const Box* const> inputs) const {
  Box box = *inputs[0];
  for (Index channel = 0; channel < this->units(); ++channel) {
    const auto left = static_cast<double>(evaluate(not_above<T>(box.low[channel]), channel));
    const auto right = static_cast<double>(evaluate(not_below<T>(box.high[channel]), channel));
    const bool known = !std::isnan(left) && !std::isnan(right);
    box.low[channel] = known ? std::min(left, right) : -kInfinity;
    box.high[channel] = known ? std::max(left, right) : kInfinity;
  }
  return box;
}

/// With s = γ/√(σ² + ε) and y = s (x − μ) + β,
///   Δy = s_now (Δx − Δμ) + Δs (x_before − μ_before) + Δβ,
/// and both computed values are off by the rounding of four operations. 0 where no bit can have changed.
template <class T>
double BatchNorm<T>::apart_from(const BatchNorm& before, Index channel, double moved, double size) const {
  const auto number = [&](const Matrix<T>& values) { return static_cast<double>(values(channel, 0)); };
  const bool still = number(scale_.value) == number(before.scale_.value) &&
                     number(shift_.value) == number(before.shift_.value) &&
                     number(mean_.value) == number(before.mean_.value) && inverse_[channel] == before.inverse_[channel];
  if (moved == 0.0 && still) return 0.0;
  const double slope = number(scale_.value) * static_cast<double>(inverse_[channel]);
  const double old_slope = number(before.scale_.value) * static_cast<double>(before.inverse_[channel]);
  const double reach = size + moved + std::abs(number(mean_.value)) + std::abs(number(before.mean_.value));
  const double exact = std::abs(slope) * (moved + std::abs(number(mean_.value) - number(before.mean_.value))) +
                       std::abs(slope - old_slope) * reach +
                       std::abs(number(shift_.value) - number(before.shift_.value));
  const double sizes = (std::abs(slope) + std::abs(old_slope)) * reach + std::abs(number(shift_.value)) +
                       std::abs(number(before.shift_.value));
  const double bound = exact + 16.0 * kRoundoff<T> * sizes + tiny<T>(8);
  return std::isfinite(bound) ? bound * (1.0 + 1e-9) : kInfinity;
}

template <class T>
std::optional<Eigen::VectorXd> BatchNorm<T>::drift(const Node<T>& before, std::span<const Drift* const> inputs) const {
  const auto& old = static_cast<const BatchNorm<T>&>(before);
  Eigen::VectorXd drift(this->units());
  for (Index channel = 0; channel < this->units(); ++channel)
    drift[channel] = apart_from(old, channel, inputs[0]->element[channel], inputs[0]->norm);
  return drift;
}

template <class T>
std::optional<Matrix<T>> BatchNorm<T>::apart(const Node<T>& other, NodeInputs<T> inputs,
                                             NodeInputs<T> inputs_apart) const {
  const auto& there = static_cast<const BatchNorm<T>&>(other);
  Matrix<T> apart = *inputs_apart[0];
  for (Index sample = 0; sample < apart.cols(); ++sample)
    for (Index at = 0; at < apart.rows(); ++at)
      apart(at, sample) =
          not_below<T>(there.apart_from(*this, at % this->units(), static_cast<double>(apart(at, sample)),
                                        std::abs(static_cast<double>((*inputs[0])(at, sample)))));
  return apart;
}

template <class T>
std::optional<double> BatchNorm<T>::norm(std::span<const double> inputs) const {
  double steepest = 0.0;
  double offsets = 0.0;
  for (Index channel = 0; channel < this->units(); ++channel) {
    const double slope = static_cast<double>(scale_.value(channel, 0)) * static_cast<double>(inverse_[channel]);
    const double offset = std::abs(slope * static_cast<double>(mean_.value(channel, 0))) +
                          std::abs(static_cast<double>(shift_.value(channel, 0)));
    steepest = std::max(steepest, std::abs(slope));
    offsets += offset * offset;
  }
  const double bound = steepest * inputs[0] + std::sqrt(offsets * static_cast<double>(this->positions()));
  return std::isfinite(bound) ? bound * (1.0 + 32.0 * kRoundoff<T>)+tiny<T>(8) : kInfinity;
}

template class BatchNorm<float>;
template class BatchNorm<double>;

}  // namespace reluscope
