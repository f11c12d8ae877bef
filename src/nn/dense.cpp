#include "nn/dense.hpp"

#include "nn/gemm.hpp"

namespace reluscope {

namespace {

/// Weight elements per tile: small enough to be swept from the cache right after the product, large enough for the
/// product to run at full speed. Part of the definition of a result: another value gives other last bits.
constexpr Index kTileElements = 1 << 16;

}  // namespace

bool has_bias(const DenseSpec& spec) { return spec.bias_init.name != "none"; }

InitContext init_context(const DenseSpec& spec, Index inputs, std::uint64_t seed, std::uint64_t index) {
  InitContext context;
  context.fan_in = inputs;
  context.fan_out = spec.units;
  context.negative_slope = find_entry(activation_table(), spec.activation.name)->negative_slope(spec.activation.params);
  context.seed = seed;
  context.layer = index;
  return context;
}

template <class T>
Dense<T>::Dense(const std::string& name, const DenseSpec& spec, Index inputs, std::uint64_t seed, std::uint64_t index)
    : Layer<T>(name),
      activation_(find_entry(activation_table(), spec.activation.name)),
      shape_(activation_->shape(spec.activation.params)),
      kernel_(activation_->make<T>(spec.activation.params)),
      has_bias_(has_bias(spec)),
      index_(index) {
  const InitContext context = init_context(spec, inputs, seed, index);
  InitialParameters initial;
  draw_initial_parameters(spec.weight_init, spec.bias_init, context, initial);
  weight_ = {ParameterRole::weight, initial.weights.template cast<T>(), true};
  bias_ = {ParameterRole::bias, initial.bias.template cast<T>(), true};
  if (activation_->learned_slope) {
    const Index count = spec.activation.params.text("slopes") == "unit" ? spec.units : 1;
    const T start = static_cast<T>(context.negative_slope);
    slope_ = {ParameterRole::slope, Matrix<T>::Constant(count, 1, start), spec.activation.params.flag("weight_decay")};
    unit_slopes_ = Vector<T>::Constant(spec.units, start);
  }
}

template <class T>
std::unique_ptr<Layer<T>> Dense<T>::select(const std::vector<Index>& inputs, const std::vector<Index>& outputs) const {
  auto part = std::make_unique<Dense<T>>(*this);
  part->weight_.value = weight_.value(outputs, inputs);
  part->bias_.value = bias_.value(outputs, Eigen::all);
  if (activation_->learned_slope) {
    if (slope_.value.size() > 1) part->slope_.value = slope_.value(outputs, Eigen::all);
    part->unit_slopes_ = unit_slopes_(outputs);
  }
  return part;
}

template <class T>
Parameter<T>* Dense<T>::parameter(ParameterRole role) {
  switch (role) {
    case ParameterRole::weight:
      return &weight_;
    case ParameterRole::bias:
      return has_bias_ ? &bias_ : nullptr;
    case ParameterRole::slope:
      return activation_->learned_slope ? &slope_ : nullptr;
  }
  return nullptr;
}

template <class T>
void Dense<T>::parameters_changed() {
  if (!activation_->learned_slope) return;
  if (slope_.value.size() == 1) {
    unit_slopes_.setConstant(slope_.value(0, 0));
  } else {
    unit_slopes_ = slope_.value.col(0);
  }
}

template <class T>
void Dense<T>::forward(const Matrix<T>& input, LayerState<T>& state, const Shard& shard, const Pass& pass) const {
  const Index columns = whole_groups(shard.count);
  gemm<T>(Transposed::none, T(1), weight_.value, input.middleCols(shard.first, columns),
          state.saved.middleCols(shard.first, columns));
  ShardSums<T>& sums = state.shards[static_cast<std::size_t>(shard.index)];
  ForwardCall<T> call;
  call.units = outputs();
  call.columns = shard.count;
  call.first_column = shard.first;
  call.z = state.saved.col(shard.first).data();
  call.a = state.output.col(shard.first).data();
  call.stride = outputs();
  call.bias = bias_.value.data();
  call.slopes = unit_slopes_.data();
  call.random = {pass.seed, (pass.step << 16) + index_, pass.training};
  if (pass.measure == Measure::activity || pass.measure == Measure::batch) call.activity = &sums.activity;
  if (pass.measure == Measure::batch) {
    call.batch = &sums.batch;
    call.a_column_square = state.output_square.data() + shard.first;
  } else if (pass.measure == Measure::census) {
    call.census = &sums.census;
  }
  kernel_->forward(call);
}

template <class T>
void Dense<T>::respond(Matrix<T>& z) const {
  const Vector<T> no_bias = Vector<T>::Zero(outputs());
  Matrix<T> a(z.rows(), z.cols());
  ForwardCall<T> call;
  call.units = outputs();
  call.columns = z.cols();
  call.z = z.data();
  call.a = a.data();
  call.stride = outputs();
  call.bias = no_bias.data();
  call.slopes = unit_slopes_.data();
  kernel_->forward(call);
  z = a;
}

template <class T>
void Dense<T>::backward(LayerState<T>& state, const Shard& shard, const Pass& pass, Matrix<T>* input_delta) const {
  ShardSums<T>& sums = state.shards[static_cast<std::size_t>(shard.index)];
  BackwardCall<T> call;
  call.units = outputs();
  call.columns = shard.count;
  call.saved = state.saved.col(shard.first).data();
  call.delta = state.delta.col(shard.first).data();
  call.stride = outputs();
  call.delta_sum = sums.delta_sum.data();
  call.slopes = unit_slopes_.data();
  call.slope_sum = sums.slope_sum.data();
  if (pass.measure == Measure::batch) call.delta_column_square = state.delta_square.data() + shard.first;
  kernel_->backward(call);
  if (input_delta != nullptr)
    gemm<T>(Transposed::left, T(1), weight_.value, state.delta.middleCols(shard.first, shard.count),
            input_delta->middleCols(shard.first, shard.count));
}

template <class T>
void Dense<T>::gradient(const Matrix<T>& input, const LayerState<T>& state, Index batch, Index shards, const Tile& tile,
                        T* out) const {
  const T scale = T(1) / static_cast<T>(batch);
  if (tile.role == ParameterRole::weight) {
    // ∂L/∂W = δ hᵀ / batch; a tile is a range of whole columns of W, one column per input.
    const Index units = outputs();
    const Index first = tile.begin / units;
    const Index count = (tile.end - tile.begin) / units;
    gemm<T>(Transposed::right, scale, state.delta.leftCols(batch), input.block(first, 0, count, batch),
            Eigen::Map<Matrix<T>>(out, units, count));
    return;
  }
  Eigen::Map<Vector<T>> gradient(out, tile.end - tile.begin);
  gradient.setZero();
  for (Index shard = 0; shard < shards; ++shard) {
    const ShardSums<T>& sums = state.shards[static_cast<std::size_t>(shard)];
    if (tile.role == ParameterRole::bias) {
      gradient += sums.delta_sum;
    } else if (gradient.size() == outputs()) {
      gradient += sums.slope_sum;
    } else {
      gradient[0] += sums.slope_sum.sum();  // one slope for all units
    }
  }
  gradient *= scale;
}

template <class T>
void Dense<T>::append_tiles(std::size_t layer, std::vector<Tile>& tiles) const {
  const Index units = outputs();
  const Index columns_per_tile = std::max<Index>(1, kTileElements / units);
  for (Index first = 0; first < inputs(); first += columns_per_tile)
    tiles.push_back(
        {layer, ParameterRole::weight, first * units, std::min(first + columns_per_tile, inputs()) * units});
  if (has_bias_) tiles.push_back({layer, ParameterRole::bias, 0, units});
  if (activation_->learned_slope) tiles.push_back({layer, ParameterRole::slope, 0, slope_.value.size()});
}

template class Dense<float>;
template class Dense<double>;

}  // namespace reluscope
