#include "nn/batch_norm.hpp"

#include <cmath>

#include "nn/output_squares.hpp"

namespace reluscope {

namespace {

/// Columns that are summed up in T, before they count in float64.
constexpr Index kAtOnce = 256;

/// Two sums over the columns, channel by channel. add(column, first, second) adds a column's terms to those of some.
template <class T, class Add>
void sum_columns(Index columns, Vector<T>& first_of_some, Vector<T>& second_of_some, Eigen::VectorXd& first,
                 Eigen::VectorXd& second, Add add) {
  first.setZero();
  second.setZero();
  for (Index from = 0; from < columns; from += kAtOnce) {
    first_of_some.setZero();
    second_of_some.setZero();
    for (Index column = from; column < std::min(from + kAtOnce, columns); ++column)
      add(column, first_of_some.data(), second_of_some.data());
    first += first_of_some.template cast<double>();
    second += second_of_some.template cast<double>();
  }
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
std::optional<typename Node<T>::Line> BatchNorm<T>::line(Index channel, Index /*position*/, const T* /*sample*/) const {
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
    room.channel_value.setZero(this->units());
    room.channel_some.setZero(this->units());
    room.channel_more.setZero(this->units());
    room.delta_sum.setZero(this->units());
    room.delta_x_sum.setZero(this->units());
  }
  state.joined.setZero(this->units(), kJoined);
}

/// The shard's mean and Σ (x − mean)²: of the mean as it rounds first, then corrected (Chan, Golub & LeVeque 1983,
/// eq. 1.7).
template <class T>
void BatchNorm<T>::collect(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard) const {
  ShardRoom<T>& room = state.rooms[static_cast<std::size_t>(shard.index)];
  const Index channels = this->units();
  const Index columns = shard.count * this->positions();
  const T* const x = inputs[0]->col(shard.first).data();
  sum_columns(columns, room.channel_some, room.channel_more, room.channel_mean, room.channel_square,
              [&](Index column, T* __restrict sum, T* /*none*/) {
                const T* __restrict values = x + column * channels;
                for (Index channel = 0; channel < channels; ++channel) sum[channel] += values[channel];
              });
  room.channel_value = (room.channel_mean / static_cast<double>(columns)).template cast<T>();
  const T* __restrict mean = room.channel_value.data();
  sum_columns(columns, room.channel_some, room.channel_more, room.channel_mean, room.channel_square,
              [&](Index column, T* __restrict sum, T* __restrict square) {
                const T* __restrict values = x + column * channels;
                for (Index channel = 0; channel < channels; ++channel) {
                  const T apart = values[channel] - mean[channel];
                  sum[channel] += apart;
                  square[channel] += apart * apart;
                }
              });
  room.channel_count = static_cast<double>(columns);
  room.channel_square.array() -= room.channel_mean.array().square() / static_cast<double>(columns);
  room.channel_mean = room.channel_mean / static_cast<double>(columns) + room.channel_value.template cast<double>();
}

/// Chan, Golub & LeVeque 1983, eq. 1.5, shard by shard.
template <class T>
void BatchNorm<T>::join(NodeState<T>& state, Index batch, Index shards) const {
  Eigen::VectorXd mean = state.rooms[0].channel_mean;
  Eigen::VectorXd square = state.rooms[0].channel_square;
  double count = state.rooms[0].channel_count;
  for (Index shard = 1; shard < shards; ++shard) {
    const ShardRoom<T>& room = state.rooms[static_cast<std::size_t>(shard)];
    const double more = room.channel_count;
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
  ShardRoom<T>& room = state.rooms[static_cast<std::size_t>(shard.index)];
  const Index channels = this->units();
  const Index columns = shard.count * this->positions();
  if (pass.training) {
    room.channel_some = state.joined.col(kMean).template cast<T>();
    room.channel_more = state.joined.col(kInverse).template cast<T>();
  } else {
    room.channel_some = mean_.value.col(0);
    room.channel_more = inverse_;
  }
  const T* __restrict mean = room.channel_some.data();
  const T* __restrict inverse = room.channel_more.data();
  const T* __restrict scale = scale_.value.data();
  const T* __restrict shift = shift_.value.data();
  const T* __restrict x = inputs[0]->col(shard.first).data();
  T* __restrict normalised = state.saved.col(shard.first).data();
  T* __restrict y = state.output.col(shard.first).data();
  // Both in the order of operations that evaluate() has.
  if (pass.training) {
    for (Index first = 0; first < columns * channels; first += channels)
      for (Index channel = 0; channel < channels; ++channel) {
        const T value = (x[first + channel] - mean[channel]) * inverse[channel];
        normalised[first + channel] = value;
        y[first + channel] = scale[channel] * value + shift[channel];
      }
  } else {
    for (Index first = 0; first < columns * channels; first += channels)
      for (Index channel = 0; channel < channels; ++channel)
        y[first + channel] =
            scale[channel] * ((x[first + channel] - mean[channel]) * inverse[channel]) + shift[channel];
  }
  measure_output_squares(state, shard, pass);
}

template <class T>
void BatchNorm<T>::collect_backward(NodeInputs<T> /*inputs*/, NodeState<T>& state, const Shard& shard) const {
  ShardRoom<T>& room = state.rooms[static_cast<std::size_t>(shard.index)];
  const Index channels = this->units();
  const T* const deltas = state.delta.col(shard.first).data();
  const T* const normalised = state.saved.col(shard.first).data();
  sum_columns(shard.count * this->positions(), room.channel_some, room.channel_more, room.delta_sum, room.delta_x_sum,
              [&](Index column, T* __restrict sum, T* __restrict x_sum) {
                const T* __restrict delta = deltas + column * channels;
                const T* __restrict x = normalised + column * channels;
                for (Index channel = 0; channel < channels; ++channel) {
                  sum[channel] += delta[channel];
                  x_sum[channel] += delta[channel] * x[channel];
                }
              });
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
  ShardRoom<T>& room = state.rooms[static_cast<std::size_t>(shard.index)];
  const Index channels = this->units();
  const Index columns = shard.count * this->positions();
  const double count = static_cast<double>(state.joined_samples * this->positions());
  room.channel_some = (state.joined.col(kDelta) / count).template cast<T>();
  room.channel_more = (state.joined.col(kDeltaX) / count).template cast<T>();
  room.channel_value = state.joined.col(kInverse).template cast<T>().cwiseProduct(scale_.value.col(0));
  const T* __restrict mean_delta = room.channel_some.data();
  const T* __restrict mean_delta_x = room.channel_more.data();
  const T* __restrict factor = room.channel_value.data();
  const T* __restrict delta = state.delta.col(shard.first).data();
  const T* __restrict normalised = state.saved.col(shard.first).data();
  T* __restrict back = input_deltas[0]->col(shard.first).data();
  for (Index first = 0; first < columns * channels; first += channels)
    for (Index channel = 0; channel < channels; ++channel)
      back[first + channel] =
          (delta[first + channel] - mean_delta[channel] - normalised[first + channel] * mean_delta_x[channel]) *
          factor[channel];
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
