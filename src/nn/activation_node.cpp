#include "nn/activation_node.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace reluscope {

template <class T>
ActivationNode<T>::ActivationNode(const std::string& name, const Choice& activation, const Shape& shape,
                                  std::uint64_t stream)
    : Node<T>(name, shape),
      entry_(find_entry(activation_table(), activation.name)),
      function_(entry_->shape(activation.params)),
      kernel_(entry_->make<T>(activation.params)),
      no_bias_(Vector<T>::Zero(shape.channels)),
      stream_(stream) {
  if (!entry_->learned_slope) return;
  const Index count = activation.params.text("slopes") == "unit" ? shape.channels : 1;
  const T start = static_cast<T>(entry_->negative_slope(activation.params));
  slope_ = {ParameterRole::slope, Matrix<T>::Constant(count, 1, start), activation.params.flag("weight_decay")};
  unit_slopes_ = Vector<T>::Constant(shape.channels, start);
}

template <class T>
std::unique_ptr<Node<T>> ActivationNode<T>::select(const std::vector<Index>& /*inputs*/,
                                                   const std::vector<Index>& outputs) const {
  if (entry_->coupled && std::ssize(outputs) != this->units()) return nullptr;
  auto part = std::make_unique<ActivationNode<T>>(*this);
  part->resize_output(static_cast<Index>(outputs.size()));
  part->no_bias_.setZero(part->units());
  if (entry_->learned_slope) {
    if (slope_.value.size() > 1) part->slope_.value = slope_.value(outputs, Eigen::all);
    part->unit_slopes_ = unit_slopes_(outputs);
  }
  return part;
}

template <class T>
Parameter<T>* ActivationNode<T>::parameter(ParameterRole role) {
  return role == ParameterRole::slope && entry_->learned_slope ? &slope_ : nullptr;
}

template <class T>
void ActivationNode<T>::parameters_changed() {
  if (!entry_->learned_slope) return;
  if (slope_.value.size() == 1) {
    unit_slopes_.setConstant(slope_.value(0, 0));
  } else {
    unit_slopes_ = slope_.value.col(0);
  }
}

template <class T>
ForwardCall<T> ActivationNode<T>::forward_call(const Matrix<T>& source, const T* bias, NodeState<T>& state,
                                               Index sample, Index position, ShardSums<T>& sums,
                                               const Pass& pass) const {
  ForwardCall<T> call;
  call.units = this->units();
  call.first_column = sample * this->positions() + position;
  call.source = source.col(sample).data() + position * this->units();
  call.z = state.saved.col(sample).data() + position * this->units();
  call.a = state.output.col(sample).data() + position * this->units();
  call.stride = this->units();
  call.bias = bias;
  call.slopes = unit_slopes_.data();
  call.random = {pass.seed, (pass.step << 16) + stream_, pass.training};
  if (pass.measure == Measure::activity || pass.measure == Measure::batch) call.activity = &sums.activity;
  if (pass.measure == Measure::batch) {
    if (sums.batch.z_sum.size() == 0) sums.batch.resize(this->units());
    call.batch = &sums.batch;
  } else if (pass.measure == Measure::census) {
    if (sums.census.margin.size() == 0) sums.census.resize(this->units());
    call.census = &sums.census;
  }
  return call;
}

template <class T>
void ActivationNode<T>::sweep(const Matrix<T>& source, const T* bias, NodeState<T>& state, const Shard& shard,
                              const Pass& pass) const {
  ShardSums<T>& sums = state.shards[static_cast<std::size_t>(shard.index)];
  if (this->positions() > 1) {
    sweep_positions(source, bias, state, shard, pass, sums);
    return;
  }
  ForwardCall<T> call = forward_call(source, bias, state, shard.first, 0, sums, pass);
  call.columns = shard.count;
  call.a_column_square = state.output_square.data() + shard.first;
  kernel_->forward(call);
}

/// Sample by sample, and some positions at a time: sums over many are taken of sums over few.
template <class T>
void ActivationNode<T>::sweep_positions(const Matrix<T>& source, const T* bias, NodeState<T>& state, const Shard& shard,
                                        const Pass& pass, ShardSums<T>& sums) const {
  ShardSums<T>& some = state.rooms[static_cast<std::size_t>(shard.index)].sample;
  sums.activity.resize(this->units());
  sums.activity.margin.setConstant(std::numeric_limits<T>::infinity());
  if (pass.measure == Measure::batch) sums.batch.resize(this->units());
  if (pass.measure == Measure::census) {
    sums.census.resize(this->units());
    sums.census.margin.setConstant(std::numeric_limits<T>::infinity());
  }
  for (Index sample = shard.first; sample < shard.first + shard.count; ++sample) {
    for (Index position = 0; position < this->positions(); position += kShardColumns) {
      ForwardCall<T> call = forward_call(source, bias, state, sample, position, some, pass);
      call.columns = std::min(kShardColumns, this->positions() - position);
      call.go_on = position > 0;
      kernel_->forward(call);
    }
    if (pass.measure == Measure::activity || pass.measure == Measure::batch) sums.activity.add(some.activity, sample);
    if (pass.measure == Measure::batch) {
      sums.batch.add(some.batch);
      state.output_square[sample] = some.batch.a_square.sum();
    }
    if (pass.measure == Measure::census) sums.census.add(some.census);
  }
}

template <class T>
void ActivationNode<T>::sweep_back(NodeState<T>& state, const Shard& shard, const Pass& pass) const {
  ShardSums<T>& sums = state.shards[static_cast<std::size_t>(shard.index)];
  const bool squares = pass.measure == Measure::batch;
  if (this->positions() > 1) {
    sweep_positions_back(state, shard, squares, sums);
    return;
  }
  BackwardCall<T> call = backward_call(state, shard.first, 0, sums);
  call.columns = shard.count;
  if (squares) call.delta_column_square = state.delta_square.data() + shard.first;
  kernel_->backward(call);
}

template <class T>
BackwardCall<T> ActivationNode<T>::backward_call(NodeState<T>& state, Index sample, Index position,
                                                 ShardSums<T>& sums) const {
  BackwardCall<T> call;
  call.units = this->units();
  call.saved = state.saved.col(sample).data() + position * this->units();
  call.delta = state.delta.col(sample).data() + position * this->units();
  call.stride = this->units();
  call.delta_sum = sums.delta_sum.data();
  call.slopes = unit_slopes_.data();
  call.slope_sum = sums.slope_sum.data();
  return call;
}

template <class T>
void ActivationNode<T>::sweep_positions_back(NodeState<T>& state, const Shard& shard, bool measures_squares,
                                             ShardSums<T>& sums) const {
  ShardSums<T>& some = state.rooms[static_cast<std::size_t>(shard.index)].sample;
  sums.delta_sum.setZero();
  sums.slope_sum.setZero();
  for (Index sample = shard.first; sample < shard.first + shard.count; ++sample) {
    T square(0);
    for (Index position = 0; position < this->positions(); position += kShardColumns) {
      BackwardCall<T> call = backward_call(state, sample, position, some);
      call.columns = std::min(kShardColumns, this->positions() - position);
      call.go_on = position > 0;
      if (measures_squares) call.delta_square = &square;
      kernel_->backward(call);
    }
    sums.delta_sum += some.delta_sum;
    sums.slope_sum += some.slope_sum;
    if (measures_squares) state.delta_square[sample] = square;
  }
}

template <class T>
void ActivationNode<T>::forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const {
  sweep(*inputs[0], no_bias_.data(), state, shard, pass);
}

template <class T>
void ActivationNode<T>::backward(NodeInputs<T> /*inputs*/, NodeState<T>& state, const Shard& shard, const Pass& pass,
                                 InputDeltas<T> input_deltas) const {
  sweep_back(state, shard, pass);
  if (input_deltas[0] != nullptr)
    input_deltas[0]->middleCols(shard.first, shard.count) = state.delta.middleCols(shard.first, shard.count);
}

template <class T>
void ActivationNode<T>::gradient(NodeInputs<T> /*inputs*/, const NodeState<T>& state, Index batch, Index shards,
                                 const Tile& tile, T* out) const {
  Eigen::Map<Vector<T>> gradient(out, tile.end - tile.begin);
  gradient.setZero();
  for (Index shard = 0; shard < shards; ++shard) {
    const Vector<T>& sums = state.shards[static_cast<std::size_t>(shard)].slope_sum;
    if (gradient.size() == this->units()) {
      gradient += sums;
    } else {
      gradient[0] += sums.sum();  // one slope for all units
    }
  }
  gradient *= T(1) / static_cast<T>(batch);
}

template <class T>
void ActivationNode<T>::append_tiles(std::size_t node, std::vector<Tile>& tiles) const {
  if (entry_->learned_slope) tiles.push_back({node, ParameterRole::slope, 0, slope_.value.size()});
}

template <class T>
void ActivationNode<T>::respond(Matrix<T>& z) const {
  Matrix<T> a(z.rows(), z.cols());
  ForwardCall<T> call;
  call.units = this->units();
  call.columns = z.cols();
  call.z = z.data();
  call.a = a.data();
  call.stride = this->units();
  call.bias = no_bias_.data();
  call.slopes = unit_slopes_.data();
  kernel_->forward(call);
  z = a;
}

template <class T>
std::optional<Box> ActivationNode<T>::bound(std::span<const Box* const> inputs) const {
  if (entry_->coupled) return std::nullopt;
  const Box& z = *inputs[0];
  Matrix<T> ends(z.low.size(), 2);
  for (Index unit = 0; unit < z.low.size(); ++unit) {
    ends(unit, 0) = not_above<T>(z.low[unit]);
    ends(unit, 1) = not_below<T>(z.high[unit]);
  }
  const Matrix<T> at = ends;
  respond(ends);
  Box box = z;
  for (Index unit = 0; unit < z.low.size(); ++unit) {
    const auto left = static_cast<double>(ends(unit, 0));
    const auto right = static_cast<double>(ends(unit, 1));
    const double reach =
        std::max(std::abs(static_cast<double>(at(unit, 0))), std::abs(static_cast<double>(at(unit, 1))));
    const double slack = kActivationSlack * kRoundoff<T> * (1.0 + reach);
    double low = std::min(left, right);
    double high = std::max(left, right);
    const bool around_zero = z.low[unit] < 0.0 && z.high[unit] > 0.0;
    if (entry_->learned_slope && around_zero) {  // a slope below 0 turns the function at 0
      low = std::min(low, 0.0);
      high = std::max(high, 0.0);
    }
    if (function_.valley > ActivationShape::kNowhereBelow && z.low[unit] < function_.valley + 0.01 &&
        z.high[unit] > function_.valley - 0.01)
      low = function_.lowest;
    // A function that is 0 or more is computed so, and dead pre-activations give exactly 0.
    box.low[unit] = function_.lowest == 0.0 ? std::max(0.0, low - slack) : low - slack;
    box.high[unit] = high + slack;
    if (z.high[unit] <= function_.dead_below) box.low[unit] = box.high[unit] = 0.0;
    if (std::isnan(left) || std::isnan(right)) {
      box.low[unit] = -kInfinity;
      box.high[unit] = kInfinity;
    }
  }
  return box;
}

template <class T>
Eigen::VectorXd ActivationNode<T>::slope_motion(const Node<T>& before) const {
  if (!entry_->learned_slope) return Eigen::VectorXd::Zero(this->units());
  const Matrix<T>& old = before.activation()->slope_.value;
  const Eigen::VectorXd apart = (slope_.value.template cast<double>() - old.template cast<double>()).cwiseAbs().col(0) *
                                (1.0 + 4.0 * kRoundoff<double>);
  return apart.size() == 1 ? Eigen::VectorXd(Eigen::VectorXd::Constant(this->units(), apart[0])) : apart;
}

template <class T>
std::optional<Eigen::VectorXd> ActivationNode<T>::drift(const Node<T>& before,
                                                        std::span<const Drift* const> inputs) const {
  if (entry_->coupled) return std::nullopt;
  return drift_of(before, inputs[0]->element, Eigen::VectorXd::Constant(this->units(), inputs[0]->norm));
}

template <class T>
double ActivationNode<T>::apart_by(Index unit, double z_moved, double slope_moved, double size) const {
  if (z_moved == 0.0 && slope_moved == 0.0) return 0.0;
  const double reach = size + z_moved;
  double steepest = function_.lipschitz;
  double from_slope = 0.0;
  if (entry_->learned_slope) {
    const double slope = std::abs(static_cast<double>(unit_slopes_[unit]));
    steepest = std::max(steepest, slope + slope_moved);
    from_slope = slope_moved * (reach + z_moved);
  }
  const double bound = steepest * z_moved + from_slope +
                       2.0 * kActivationSlack * kRoundoff<T> * std::max(1.0, steepest) * (1.0 + reach + z_moved);
  return std::isfinite(bound) ? bound * (1.0 + 1e-12) : kInfinity;
}

template <class T>
Eigen::VectorXd ActivationNode<T>::drift_of(const Node<T>& before, const Eigen::VectorXd& z_drift,
                                            const Eigen::VectorXd& size) const {
  const Eigen::VectorXd slope_moved = slope_motion(before);
  Eigen::VectorXd drift(z_drift.size());
  for (Index unit = 0; unit < drift.size(); ++unit)
    drift[unit] = apart_by(unit, z_drift[unit], slope_moved[unit], size.size() == 0 ? 0.0 : size[unit]);
  return drift;
}

template <class T>
std::optional<Matrix<T>> ActivationNode<T>::apart(const Node<T>& other, NodeInputs<T> inputs,
                                                  NodeInputs<T> inputs_apart) const {
  const Matrix<T> z = inputs[0]->leftCols(inputs_apart[0]->cols());
  return apart_of(other, *inputs_apart[0], z, z.cwiseAbs());
}

/// Where both z are in the dead region below, both outputs are 0.
template <class T>
std::optional<Matrix<T>> ActivationNode<T>::apart_of(const Node<T>& other, const Matrix<T>& z_apart,
                                                     const Matrix<T>& high, const Matrix<T>& size) const {
  if (entry_->coupled) return std::nullopt;
  const Eigen::VectorXd slope_moved = slope_motion(other);
  Matrix<T> apart = z_apart;
  for (Index sample = 0; sample < apart.cols(); ++sample)
    for (Index at = 0; at < apart.rows(); ++at) {
      const Index unit = at % this->units();
      const auto moved = static_cast<double>(z_apart(at, sample));
      const bool both_dead = add_up(static_cast<double>(high(at, sample)), moved) <= function_.dead_below;
      apart(at, sample) =
          both_dead ? T(0)
                    : not_below<T>(apart_by(unit, moved, slope_moved[unit], static_cast<double>(size(at, sample))));
    }
  return apart;
}

template class ActivationNode<float>;
template class ActivationNode<double>;

}  // namespace reluscope
