#include "experiment/training_step.hpp"

#include <algorithm>
#include <cmath>

#include "nn/block.hpp"

namespace reluscope {

namespace {

/// Three products with every parameter and sample: forward, ∂L/∂W, ∂L/∂input.
template <class T>
double count_operations(Network<T>& network, Index batch) {
  double parameters = 0.0;
  for (const Parameter<T>* parameter : network.parameters()) parameters += static_cast<double>(parameter->value.size());
  return 6.0 * parameters * static_cast<double>(batch);
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
      full_shards_(cut_into_shards(largest_batch)) {
  correct_.resize(full_shards_.size());
  activation_sum_.resize(full_shards_.size());
  result_.layers.resize(network.depth());
  for (std::size_t layer = 0; layer < network.depth(); ++layer) network.layer(layer).append_tiles(layer, tiles_);
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
      short_shards_ = cut_into_shards(batch_);
    shards_ = short_shards_;
  }
  LayerState<T>& last = state_.layer(network_.depth() - 1);
  pool_.for_each(static_cast<std::int64_t>(shards_.size()), [&](std::int64_t index) {
    const Shard& shard = shards_[static_cast<std::size_t>(index)];
    const auto part = samples.subspan(static_cast<std::size_t>(shard.first), static_cast<std::size_t>(shard.count));
    auto input = state_.input().middleCols(shard.first, shard.count);
    gather<T>(dataset_, dataset_.train, part, input);
    targets_.gather(dataset_.train, part, shard.first, input);
    if (pass.measure == Measure::batch)
      input_square_.segment(shard.first, shard.count) = input.colwise().squaredNorm().transpose();
    state_.forward(network_, shard, pass);
    const auto output = last.output.middleCols(shard.first, shard.count);
    criterion_.loss.evaluate(criterion_.loss_params, output, targets_.columns(shard.first, shard.count),
                             std::span(losses_.data() + shard.first, static_cast<std::size_t>(shard.count)),
                             last.delta.middleCols(shard.first, shard.count));
    double correct = 0.0;
    if (targets_.classifies())
      for (Index column = 0; column < shard.count; ++column)
        correct += targets_.share_right(output.col(column), shard.first + column);
    correct_[static_cast<std::size_t>(index)] = correct;
    const double l1_activations = criterion_.penalty.l1_activations;
    if (l1_activations != 0.0)
      activation_sum_[static_cast<std::size_t>(index)] = activation_sum(network_, state_, shard);
    state_.backward(network_, shard, pass, l1_activations);
  });
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
    network_.layer(tile.layer)
        .gradient(state_.input_of(tile.layer), state_.layer(tile.layer), batch_, static_cast<Index>(shards_.size()),
                  tile, gradient);
    if (tile.role == ParameterRole::weight && criterion_.penalty.on_weights()) {
      const Index count = tile.end - tile.begin;
      if (measured_) loss_squares_[at] = optimizer_.measure(gradient, count).gradient_square;
      add_weight_penalty(criterion_.penalty, network_.layer(tile.layer).weights().data() + tile.begin, count, gradient);
    }
    tile_sums_[at] = update ? sweep(tile, gradient) : optimizer_.measure(gradient, tile.end - tile.begin);
  });
}

template <class T>
SweepSums TrainingStep<T>::sweep(const Tile& tile, const T* gradient) {
  return optimizer_.sweep(places_[tile.layer][place_of(tile.role)], tile.begin, tile.end, gradient);
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
  if (update) network_.parameters_changed();
  result_.total = SweepSums();
  for (auto& layer : result_.layers) layer.fill(SweepSums());
  for (std::size_t at = 0; at < tiles_.size(); ++at) {
    result_.layers[tiles_[at].layer][place_of(tiles_[at].role)] += tile_sums_[at];
    result_.total += tile_sums_[at];
  }
}

template <class T>
LayerStatistics TrainingStep<T>::statistics(std::size_t layer) const {
  return layer_statistics(state_.layer(layer), network_.layer(layer).outputs(), batch_,
                          static_cast<Index>(shards_.size()));
}

template <class T>
MonitorStatistics TrainingStep<T>::monitor_statistics(std::size_t layer) const {
  return reluscope::monitor_statistics(state_.layer(layer), batch_);
}

template <class T>
GradientNoise TrainingStep<T>::noise() const {
  double samples = 0.0;
  double batch = 0.0;
  for (const std::size_t layer : network_.unit_layers()) {
    const Vector<T>& input_square = layer == 0 ? input_square_ : state_.layer(layer - 1).output_square;
    const bool has_bias = network_.layer(layer).parameter(ParameterRole::bias) != nullptr;
    samples += sample_gradient_square_sum(state_.layer(layer), input_square, has_bias, batch_);
    batch += result_.of(layer, ParameterRole::weight).gradient_square +
             result_.of(layer, ParameterRole::bias).gradient_square;
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
  for (std::size_t layer = 0; layer < network_.depth(); ++layer) {
    // With a finite loss the parameters have been updated since, from the gradient that is looked for below.
    if (!loss_is_finite)
      for (const Parameter<T>* parameter : network_.layer(layer).parameters())
        if (!parameter->value.allFinite())
          return {layer, "the " + std::string(parameter_name(parameter->role)) + " parameters"};
    const LayerState<T>& state = state_.layer(layer);
    if (!state.output.leftCols(batch_).allFinite() || !state.saved.leftCols(batch_).allFinite())
      return {layer, "the activations"};
  }
  if (!loss_is_finite) return {network_.depth() - 1, "the loss, computed from the output"};
  for (std::size_t layer = network_.depth(); layer-- > 0;) {
    if (!state_.layer(layer).delta.leftCols(batch_).allFinite()) return {layer, "the loss gradient at the units"};
    for (const SweepSums& sums : result_.layers[layer])
      if (!std::isfinite(sums.gradient_square)) return {layer, "the norm of the gradient"};
  }
  return {0, "the norm of the gradient"};  // each layer's is finite, their sum is not
}

template class TrainingStep<float>;
template class TrainingStep<double>;

}  // namespace reluscope
