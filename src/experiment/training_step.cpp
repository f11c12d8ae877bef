#include "experiment/training_step.hpp"

#include <algorithm>
#include <cmath>

#include "nn/block.hpp"
#include "nn/training_pass.hpp"

namespace reluscope {

namespace {

/// Three products with every sample: forward, ∂L/∂W, ∂L/∂input.
template <class T>
double count_operations(const Network<T>& network, Index batch) {
  return 3.0 * network.operations() * static_cast<double>(batch);
}

}  // namespace

template <class T>
TrainingStep<T>::TrainingStep(Network<T>& network, const Dataset& dataset, const Criterion& criterion,
                              Optimizer<T>& optimizer, Index largest_batch, ThreadPool& pool)
    : network_(network),
      dataset_(dataset),
      criterion_(criterion),
      optimizer_(optimizer),
      operations_(count_operations(network, largest_batch)),
      pool_(operations_ >= kWorthSharing ? pool : alone_),
      state_(network, largest_batch),
      targets_(criterion.targets, network.outputs(), largest_batch),
      losses_(largest_batch),
      input_square_(largest_batch),
      activity_(network, true),
      places_(parameter_places(network)),
      full_shards_(network.cut(largest_batch)) {
  correct_.resize(full_shards_.size());
  activation_sum_.resize(full_shards_.size());
  result_.nodes.resize(network.depth());
  for (std::size_t node = 0; node < network.depth(); ++node) network.node(node).append_tiles(node, tiles_);
  tile_sums_.resize(tiles_.size());
  loss_squares_.resize(tiles_.size());
  // Tiles start on whole blocks, so that threads never share a cache line.
  Index all_tiles = 0;
  for (const Tile& tile : tiles_) {
    const Index size = padded(tile.end - tile.begin);
    tile_offsets_.push_back(all_tiles);
    all_tiles += size;
    largest_tile_ = std::max(largest_tile_, size);
  }
  gradients_.resize(optimizer_.needs_global_norm() ? all_tiles : largest_tile_ * pool_.threads());
  network.parameters_changed();
}

template <class T>
void TrainingStep<T>::compute(std::span<const Index> samples, const Pass& pass) {
  batch_ = static_cast<Index>(samples.size());
  if (batch_ == losses_.size()) {
    shards_ = full_shards_;
  } else {
    if (short_shards_.empty() || short_shards_.back().first + short_shards_.back().count != batch_)
      short_shards_ = network_.cut(batch_);
    shards_ = short_shards_;
  }
  const double l1_activations = criterion_.penalty.l1_activations;
  const auto samples_of = [&](const Shard& shard) {
    return samples.subspan(static_cast<std::size_t>(shard.first), static_cast<std::size_t>(shard.count));
  };
  const auto fill = [&](const Shard& shard) {
    auto input = state_.input().middleCols(shard.first, shard.count);
    gather<T>(dataset_, dataset_.train, samples_of(shard), input);
    targets_.gather(dataset_.train, samples_of(shard), shard.first, input);
    if (pass.measure == Measure::batch)
      input_square_.segment(shard.first, shard.count) = input.colwise().squaredNorm().transpose();
  };
  const auto turn = [&](const Shard& shard) {
    NodeState<T>& last = state_.node(network_.depth() - 1);
    const auto output = last.output.middleCols(shard.first, shard.count);
    criterion_.loss.evaluate(criterion_.loss_params, output, targets_.columns(shard.first, shard.count),
                             std::span(losses_.data() + shard.first, static_cast<std::size_t>(shard.count)),
                             last.delta.middleCols(shard.first, shard.count));
    double correct = 0.0;
    if (targets_.classifies())
      for (Index column = 0; column < shard.count; ++column)
        correct += targets_.share_right(output.col(column), shard.first + column);
    correct_[static_cast<std::size_t>(shard.index)] = correct;
    if (l1_activations != 0.0)
      activation_sum_[static_cast<std::size_t>(shard.index)] = activation_sum(network_, state_, shard);
  };
  run_training_pass(network_, state_, shards_, pass, l1_activations, pool_, fill, turn);
  measured_ = pass.measure == Measure::batch;
  if (pass.measure != Measure::nothing) activity_.collect(network_, state_, shards_, samples);
  const auto samples_count = static_cast<double>(batch_);
  double loss = 0.0;
  for (Index column = 0; column < batch_; ++column) loss += static_cast<double>(losses_[column]);
  result_.parts = weight_penalty(criterion_.penalty, network_);
  result_.parts.data = loss / samples_count;
  if (criterion_.penalty.l1_activations != 0.0) {
    double sum = 0.0;
    for (std::size_t shard = 0; shard < shards_.size(); ++shard) sum += activation_sum_[shard];
    result_.parts.l1_activations = criterion_.penalty.l1_activations * sum / samples_count;
  }
  result_.loss = result_.parts.total();
  result_.correct = 0.0;
  for (std::size_t shard = 0; shard < shards_.size(); ++shard) result_.correct += correct_[shard];
}

template <class T>
void TrainingStep<T>::run_tiles(bool update) {
  pool_.for_each(static_cast<std::int64_t>(tiles_.size()), [&](std::int64_t index, int thread) {
    const auto at = static_cast<std::size_t>(index);
    const Tile& tile = tiles_[at];
    // Used up at once, from the cache, unless all gradients must be known before the first is used.
    T* gradient = optimizer_.needs_global_norm() ? gradients_.data() + tile_offsets_[at]
                                                 : gradients_.data() + thread * largest_tile_;
    network_.node(tile.node).gradient(state_.inputs_of(tile.node), state_.node(tile.node), batch_,
                                      static_cast<Index>(shards_.size()), tile, gradient);
    if (tile.role == ParameterRole::weight && criterion_.penalty.on_weights()) {
      const Index count = tile.end - tile.begin;
      if (measured_) loss_squares_[at] = optimizer_.measure(gradient, count).gradient_square;
      const Matrix<T>& weights = network_.node(tile.node).parameter(ParameterRole::weight)->value;
      add_weight_penalty(criterion_.penalty, weights.data() + tile.begin, count, gradient);
    }
    tile_sums_[at] = update ? sweep(tile, gradient) : optimizer_.measure(gradient, tile.end - tile.begin);
  });
}

template <class T>
SweepSums TrainingStep<T>::sweep(const Tile& tile, const T* gradient) {
  return optimizer_.sweep(places_[tile.node][place_of(tile.role)], tile.begin, tile.end, gradient);
}

template <class T>
void TrainingStep<T>::apply(double lr, bool update) {
  optimizer_.begin_step(lr);
  const bool two_phases = update && optimizer_.needs_global_norm();
  run_tiles(update && !two_phases);
  if (two_phases) {
    double square = 0.0;
    for (const SweepSums& sums : tile_sums_) square += sums.gradient_square;
    optimizer_.set_global_norm(std::sqrt(square));
    pool_.for_each(static_cast<std::int64_t>(tiles_.size()), [&](std::int64_t index) {
      const auto at = static_cast<std::size_t>(index);
      tile_sums_[at] = sweep(tiles_[at], gradients_.data() + tile_offsets_[at]);
    });
  }
  if (update) {
    for (std::size_t node = 0; node < network_.depth(); ++node) network_.node(node).learn_statistics(state_.node(node));
    network_.parameters_changed();
  }
  result_.total = SweepSums();
  for (auto& node : result_.nodes) node.fill(SweepSums());
  for (std::size_t at = 0; at < tiles_.size(); ++at) {
    result_.nodes[tiles_[at].node][place_of(tiles_[at].role)] += tile_sums_[at];
    result_.total += tile_sums_[at];
  }
}

template <class T>
LayerStatistics TrainingStep<T>::statistics(std::size_t node) const {
  return layer_statistics(state_.node(node), network_.node(node).output_shape(), batch_,
                          static_cast<Index>(shards_.size()));
}

template <class T>
MonitorStatistics TrainingStep<T>::monitor_statistics(std::size_t node) const {
  return reluscope::monitor_statistics(state_.node(node), network_.node(node).units(), batch_);
}

template <class T>
std::optional<GradientNoise> TrainingStep<T>::noise() const {
  double samples = 0.0;
  double batch = 0.0;
  for (std::size_t at = 0; at < network_.depth(); ++at) {
    const Node<T>& node = network_.node(at);
    if (node.affine() == nullptr || node.positions() > 1) {
      if (node.has_parameters()) return std::nullopt;
      continue;
    }
    const std::size_t from = network_.graph().inputs_of(at)[0];
    const Vector<T>& input_square = from == kNetworkInput ? input_square_ : state_.node(from).output_square;
    const bool has_bias = node.parameter(ParameterRole::bias) != nullptr;
    samples += sample_gradient_square_sum(state_.node(at), input_square, has_bias, batch_);
    batch +=
        result_.of(at, ParameterRole::weight).gradient_square + result_.of(at, ParameterRole::bias).gradient_square;
  }
  double sample_mean = samples / static_cast<double>(batch_);
  if (criterion_.penalty.on_weights()) {
    // Every sample's gradient g has the penalty's p on top: the mean of ‖g + p‖² is that of ‖g‖² and, with G the
    // batch's gradient, ‖G + p‖² − ‖G‖².
    for (std::size_t at = 0; at < tiles_.size(); ++at)
      if (tiles_[at].role == ParameterRole::weight) sample_mean += tile_sums_[at].gradient_square - loss_squares_[at];
  }
  return gradient_noise(sample_mean, batch, batch_);
}

template <class T>
NonFinite TrainingStep<T>::find_non_finite() const {
  const bool loss_is_finite = std::isfinite(result_.loss);
  for (std::size_t node = 0; node < network_.depth(); ++node) {
    // With a finite loss the parameters have been updated since, from the gradient that is looked for below.
    if (!loss_is_finite)
      for (const Parameter<T>* parameter : network_.node(node).parameters())
        if (!parameter->value.allFinite())
          return {node, "the " + std::string(parameter_name(parameter->role)) + " parameters"};
    const NodeState<T>& state = state_.node(node);
    if (!state.output.leftCols(batch_).allFinite() || !state.saved.leftCols(batch_).allFinite())
      return {node, "the activations"};
  }
  if (!loss_is_finite) return {network_.depth() - 1, "the loss, computed from the output"};
  for (std::size_t node = network_.depth(); node-- > 0;) {
    if (!state_.node(node).delta.leftCols(batch_).allFinite()) return {node, "the loss gradient at the units"};
    for (const SweepSums& sums : result_.nodes[node])
      if (!std::isfinite(sums.gradient_square)) return {node, "the norm of the gradient"};
  }
  return {0, "the norm of the gradient"};  // each layer's is finite, their sum is not
}

template class TrainingStep<float>;
template class TrainingStep<double>;

}  // namespace reluscope
