#include "nn/layer_norm.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "nn/affine.hpp"
#include "nn/output_squares.hpp"

namespace reluscope {

namespace {

/// Σ term(place). The lanes are counted from the first place, wherever its value lies in memory: which sums are formed
/// does not depend on the column that a sample stands in.
template <class Term>
double sum_of(Index count, Term term) {
  constexpr Index kLanes = 8;
  std::array<double, kLanes> sums{};
  Index first = 0;
  for (; first + kLanes <= count; first += kLanes)
    for (Index lane = 0; lane < kLanes; ++lane) sums[static_cast<std::size_t>(lane)] += term(first + lane);
  for (Index lane = 0; first + lane < count; ++lane) sums[static_cast<std::size_t>(lane)] += term(first + lane);
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

/// The largest |end| of a box; infinite where it is unknown.
double size_of(const Box& box) {
  double size = 0.0;
  for (Index channel = 0; channel < box.low.size(); ++channel) {
    const double largest = std::max(std::abs(box.low[channel]), std::abs(box.high[channel]));
    size = largest <= size ? size : largest;  // a NaN wins
  }
  return size;
}

}  // namespace

template <class T>
LayerNorm<T>::LayerNorm(const std::string& name, const ParamValues& settings, const Shape& shape)
    : Node<T>(name, shape),
      together_(settings.text("axes") == "sample" ? shape.size() : shape.channels),
      epsilon_(settings.number("eps")),
      affine_(settings.flag("affine")),
      scale_{ParameterRole::scale, Matrix<T>::Ones(together_, 1), true},
      shift_{ParameterRole::shift, Matrix<T>::Zero(together_, 1), true},
      scale_at_(Vector<T>::Ones(together_)),
      shift_at_(Vector<T>::Zero(together_)) {}

template <class T>
Parameter<T>* LayerNorm<T>::parameter(ParameterRole role) {
  if (!affine_) return nullptr;
  if (role == ParameterRole::scale) return &scale_;
  return role == ParameterRole::shift ? &shift_ : nullptr;
}

template <class T>
std::vector<Index> LayerNorm<T>::array_shape(ParameterRole /*role*/) const {
  if (together_ == this->units()) return {together_};
  return {this->units(), this->output_shape().height, this->output_shape().width};
}

template <class T>
Index LayerNorm<T>::element_at(Index place) const {
  if (together_ == this->units()) return place;
  return place % this->units() * this->positions() + place / this->units();
}

template <class T>
Index LayerNorm<T>::place_at(Index element) const {
  if (together_ == this->units()) return element;
  return element % this->positions() * this->units() + element / this->positions();
}

template <class T>
void LayerNorm<T>::parameters_changed() {
  for (Index place = 0; place < together_; ++place) {
    scale_at_[place] = scale_.value(element_at(place), 0);
    shift_at_[place] = shift_.value(element_at(place), 0);
  }
}

/// The variance in a second pass over the values (Chan, Golub & LeVeque 1983, eq. 1.1).
template <class T>
typename LayerNorm<T>::Statistics LayerNorm<T>::measure(const T* values) const {
  const auto count = static_cast<double>(together_);
  const double mean = sum_of(together_, [&](Index place) { return static_cast<double>(values[place]); }) / count;
  const double square = sum_of(together_, [&](Index place) {
    const double apart = static_cast<double>(values[place]) - mean;
    return apart * apart;
  });
  return {mean, 1.0 / std::sqrt(square / count + epsilon_)};
}

template <class T>
std::optional<typename Node<T>::Line> LayerNorm<T>::line(Index channel, Index position, const T* sample) const {
  const Index at = position * this->units() + channel;
  const Statistics statistics = measure(sample + at / together_ * together_);
  const double slope = static_cast<double>(scale_at_[at % together_]) * statistics.inverse;
  return typename Node<T>::Line{slope, static_cast<double>(shift_at_[at % together_]) - slope * statistics.mean};
}

template <class T>
void LayerNorm<T>::prepare(NodeState<T>& state, Index batch, Index shards) const {
  Node<T>::prepare(state, batch, shards);
  state.rooms.resize(static_cast<std::size_t>(shards));
  state.inverse.setZero(groups(), batch);
}

template <class T>
void LayerNorm<T>::forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const {
  const T* scale = scale_at_.data();
  const T* shift = shift_at_.data();
  for (Index sample = shard.first; sample < shard.first + shard.count; ++sample)
    for (Index group = 0; group < groups(); ++group) {
      const T* x = inputs[0]->col(sample).data() + group * together_;
      T* normalised = state.saved.col(sample).data() + group * together_;
      T* y = state.output.col(sample).data() + group * together_;
      const Statistics at = measure(x);
      state.inverse(group, sample) = at.inverse;
      for (Index place = 0; place < together_; ++place) {
        normalised[place] = static_cast<T>((static_cast<double>(x[place]) - at.mean) * at.inverse);
        y[place] = scale[place] * normalised[place] + shift[place];
      }
    }
  measure_output_squares(state, shard, pass);
}

/// With g = γ ∂L/∂y, ∂L/∂x = (g − mean(g) − x̂ mean(g x̂))/√(σ² + ε): the derivatives of Ioffe & Szegedy 2015, section
/// 3, over the values that are normalised together.
template <class T>
void LayerNorm<T>::backward(NodeInputs<T> /*inputs*/, NodeState<T>& state, const Shard& shard, const Pass& /*pass*/,
                            InputDeltas<T> input_deltas) const {
  ShardRoom<T>& room = state.rooms[static_cast<std::size_t>(shard.index)];
  room.delta_sum.setZero(together_);
  room.delta_x_sum.setZero(together_);
  const auto count = static_cast<double>(together_);
  const T* scale = scale_at_.data();
  for (Index sample = shard.first; sample < shard.first + shard.count; ++sample)
    for (Index group = 0; group < groups(); ++group) {
      const T* delta = state.delta.col(sample).data() + group * together_;
      const T* normalised = state.saved.col(sample).data() + group * together_;
      for (Index place = 0; place < together_; ++place) {
        room.delta_sum[place] += static_cast<double>(delta[place]);
        room.delta_x_sum[place] += static_cast<double>(delta[place]) * static_cast<double>(normalised[place]);
      }
      if (input_deltas[0] == nullptr) continue;
      T* back = input_deltas[0]->col(sample).data() + group * together_;
      const auto g = [&](Index place) { return static_cast<double>(scale[place]) * static_cast<double>(delta[place]); };
      const double mean = sum_of(together_, g) / count;
      const double x_mean =
          sum_of(together_, [&](Index place) { return g(place) * static_cast<double>(normalised[place]); }) / count;
      const double inverse = state.inverse(group, sample);
      for (Index place = 0; place < together_; ++place)
        back[place] = static_cast<T>((g(place) - mean - static_cast<double>(normalised[place]) * x_mean) * inverse);
    }
}

template <class T>
void LayerNorm<T>::gradient(NodeInputs<T> /*inputs*/, const NodeState<T>& state, Index batch, Index shards,
                            const Tile& tile, T* out) const {
  for (Index element = tile.begin; element < tile.end; ++element) {
    double sum = 0.0;
    for (Index shard = 0; shard < shards; ++shard) {
      const ShardRoom<T>& room = state.rooms[static_cast<std::size_t>(shard)];
      sum += (tile.role == ParameterRole::scale ? room.delta_x_sum : room.delta_sum)[place_at(element)];
    }
    out[element - tile.begin] = static_cast<T>(sum / static_cast<double>(batch));
  }
}

template <class T>
void LayerNorm<T>::append_tiles(std::size_t node, std::vector<Tile>& tiles) const {
  if (!affine_) return;
  for (const ParameterRole role : {ParameterRole::scale, ParameterRole::shift})
    for (Index first = 0; first < together_; first += kTileElements)
      tiles.push_back({node, role, first, std::min(first + kTileElements, together_)});
}

/// Neither the values in T nor their sum in float64 overflow. (A square may: x̂ is 0 then.)
template <class T>
bool LayerNorm<T>::is_finite_at(double size) const {
  return size <= static_cast<double>(std::numeric_limits<T>::max()) / (2.0 * static_cast<double>(together_));
}

/// |μ̂ − μ| ≤ γ_(n+1) size, and what x − μ̂ rounds adds u (2 size): half of this.
template <class T>
double LayerNorm<T>::mean_error(double size) const {
  return relative_slack<double>(together_) * size / std::sqrt(epsilon_);
}

/// The values that are normalised together have Σ ĉ² ≤ (1 + γ) n σ̂², and are rounded to T once.
template <class T>
double LayerNorm<T>::reach(double size) const {
  const auto count = static_cast<double>(together_);
  const double rounding = 1.0 + relative_slack<double>(together_) + 4.0 * kRoundoff<T>;
  return rounding * std::min(std::sqrt(count), std::sqrt(count - 1.0) + mean_error(size));
}

template <class T>
std::optional<Box> LayerNorm<T>::bound(std::span<const Box* const> inputs) const {
  const double size = size_of(*inputs[0]);
  Box box = Box::unknown(this->units());
  if (!is_finite_at(size)) return box;
  const double most = reach(size);
  box = {Eigen::VectorXd::Constant(this->units(), kInfinity), Eigen::VectorXd::Constant(this->units(), -kInfinity)};
  for (Index place = 0; place < together_; ++place) {
    const Index channel = place % this->units();
    const auto shift = static_cast<double>(shift_at_[place]);
    const double apart = std::abs(static_cast<double>(scale_at_[place])) * most;
    // Where γ = 0, y is β to the last bit.
    const double slack = apart == 0.0 ? 0.0 : 4.0 * kRoundoff<T> * (apart + std::abs(shift)) + tiny<T>(1);
    const bool known = apart + std::abs(shift) <= 0.5 * static_cast<double>(std::numeric_limits<T>::max());
    box.low[channel] = std::min(box.low[channel], known ? shift - apart - slack : -kInfinity);
    box.high[channel] = std::max(box.high[channel], known ? shift + apart + slack : kInfinity);
  }
  return box;
}

/// With a = w∘γ and ā its mean, Σ a x̂ = P(a)·x̂ + ā Σ x̂. Σ x̂ is what the error of μ makes of 0, and what rounding each x̂
/// to T does: at most n (e/√ε + 2u), as Σ |x̂| ≤ n.
template <class T>
std::optional<Box> LayerNorm<T>::bound_sums(const Matrix<T>& weights, std::span<const Box* const> inputs) const {
  const double size = size_of(*inputs[0]);
  if (together_ != this->units() || !is_finite_at(size)) return std::nullopt;
  const auto count = static_cast<double>(together_);
  const double most = reach(size);
  const double off_zero = count * std::min(2.0, mean_error(size) + 4.0 * kRoundoff<T>);
  const Eigen::VectorXd scale = scale_at_.template cast<double>();
  const Eigen::VectorXd shift = shift_at_.template cast<double>();
  const Eigen::VectorXd largest = most * scale.cwiseAbs() + shift.cwiseAbs();  // |y|
  const double rounding = relative_slack<double>(together_) + 8.0 * kRoundoff<T>;
  Box sums{Eigen::VectorXd(weights.rows()), Eigen::VectorXd(weights.rows())};
  for (Index row = 0; row < weights.rows(); ++row) {
    const Eigen::VectorXd w = weights.row(row).transpose().template cast<double>();
    const Eigen::VectorXd slopes = w.cwiseProduct(scale);
    const double mean = slopes.mean();
    const double middle = w.dot(shift);
    const double apart =
        std::sqrt(count) * (slopes.array() - mean).matrix().norm() * (1.0 + rounding) + std::abs(mean) * off_zero;
    const double slack = rounding * w.cwiseAbs().dot(largest) + w.cwiseAbs().sum() * tiny<T>(1) + tiny<T>(together_);
    const bool known = std::isfinite(middle) && std::isfinite(apart) && std::isfinite(slack);
    sums.low[row] = known ? middle - apart - slack : -kInfinity;
    sums.high[row] = known ? middle + apart + slack : kInfinity;
  }
  return sums;
}

/// The derivative of x̂ is (P − x̂x̂ᵀ/n)/√(σ² + ε), whose norm is at most 1/√ε: |Δx̂| ≤ ‖Δx‖/√ε over the values that are
/// normalised together, and at most 2 √n. Then Δy = γ_now Δx̂ + Δγ x̂_before + Δβ. A computed x̂ is off by e/√ε, by what σ
/// is off by then (a factor 1/√(1 + e²/ε) at most), and by its rounding.
template <class T>
std::optional<Eigen::VectorXd> LayerNorm<T>::drift(const Node<T>& before, std::span<const Drift* const> inputs) const {
  const auto& old = static_cast<const LayerNorm<T>&>(before);
  const double positions = static_cast<double>(together_ / this->units());
  const double moved = inputs[0]->element.norm() * std::sqrt(positions) * (1.0 + 1e-12);
  const double size = inputs[0]->norm + moved;
  const double most = reach(size);
  const double error = mean_error(size);
  const double inaccuracy = error + most * (error * error + relative_slack<double>(together_) + 4.0 * kRoundoff<T>);
  const double turned = std::min(moved / std::sqrt(epsilon_) + 2.0 * inaccuracy, 2.0 * most);
  Eigen::VectorXd drift = Eigen::VectorXd::Zero(this->units());
  for (Index place = 0; place < together_; ++place) {
    const auto scale = static_cast<double>(scale_at_[place]);
    const auto shift = static_cast<double>(shift_at_[place]);
    const auto old_scale = static_cast<double>(old.scale_at_[place]);
    const auto old_shift = static_cast<double>(old.shift_at_[place]);
    if (moved == 0.0 && scale == old_scale && shift == old_shift) continue;
    const double exact = std::abs(scale) * turned + std::abs(scale - old_scale) * most + std::abs(shift - old_shift);
    const double reached = (std::abs(scale) + std::abs(old_scale)) * most + std::abs(shift) + std::abs(old_shift);
    const double bound = (exact + 4.0 * kRoundoff<T> * reached + tiny<T>(8)) * (1.0 + 1e-9);
    double& most_of_channel = drift[place % this->units()];
    most_of_channel = is_finite_at(size) && std::isfinite(bound) ? std::max(most_of_channel, bound) : kInfinity;
  }
  return drift;
}

template <class T>
std::optional<double> LayerNorm<T>::norm(std::span<const double> inputs) const {
  if (!is_finite_at(inputs[0]) || !scale_at_.allFinite()) return kInfinity;
  const auto groups_of_sample = static_cast<double>(groups());
  const double largest = static_cast<double>(scale_at_.cwiseAbs().maxCoeff());
  const double bound = largest * std::sqrt(static_cast<double>(this->outputs())) +
                       shift_at_.template cast<double>().norm() * std::sqrt(groups_of_sample);
  const double rounded =
      bound * (1.0 + relative_slack<double>(together_) + 32.0 * kRoundoff<T>)+tiny<T>(this->outputs());
  return std::isfinite(rounded) ? rounded : kInfinity;
}

template class LayerNorm<float>;
template class LayerNorm<double>;

}  // namespace reluscope
