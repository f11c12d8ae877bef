#include "nn/network_pack.hpp"

#include "nn/dense.hpp"
#include "nn/gemm_small.hpp"
#include "nn/layer_places.hpp"
#include "nn/pack_products.hpp"

namespace reluscope {

template <class T>
bool NetworkPack<T>::fits(const NetworkSpec& spec, Index inputs, Index batch) {
  const Index columns = std::min(batch, kShardColumns);
  for (const LayerPlace& place : place_layers(spec, inputs)) {
    const LayerSpec& layer = *place.layer;
    if (!place.entry->packs || !layer.activation) return false;
    const ActivationEntry& activation = *find_entry(activation_table(), layer.activation->name);
    if (activation.random || activation.coupled ||
        (activation.learned_slope && layer.activation->params.text("slopes") != "unit"))
      return false;
    const Index in = place.input.size();
    const Index out = place.output.size();
    if (!is_small_product(out, columns, in) || !is_small_product(in, columns, out) || !is_small_product(out, in, batch))
      return false;
  }
  return true;
}

template <class T>
NetworkPack<T>::NetworkPack(NetworkSpec spec, Index inputs) : spec_(std::move(spec)) {
  for (const LayerPlace& place : place_layers(spec_, inputs)) {
    PackedLayer packed;
    packed.spec = place.layer;
    packed.inputs = place.input.size();
    packed.units = place.output.size();
    const Choice& phi = *place.layer->activation;
    packed.activation = find_entry(activation_table(), phi.name);
    packed.kernel = packed.activation->template make<T>(phi.params);
    packed.weight = {ParameterRole::weight, Matrix<T>(kNetworks, packed.units * packed.inputs), true};
    packed.bias = {ParameterRole::bias, Matrix<T>(kNetworks, packed.units), true};
    if (packed.activation->learned_slope)
      packed.slope = {ParameterRole::slope, Matrix<T>(kNetworks, packed.units), phi.params.flag("weight_decay")};
    layers_.push_back(std::move(packed));
  }
}

template <class T>
void NetworkPack<T>::draw(std::span<const std::uint64_t> seeds) {
  InitialParameters drawn;
  for (std::size_t at = 0; at < layers_.size(); ++at) {
    PackedLayer& layer = layers_[at];
    InitContext context = init_context(*layer.spec, layer.inputs, layer.units, 0, at);
    for (std::size_t lane = 0; lane < kNetworks; ++lane) {
      const auto row = static_cast<Index>(lane);
      if (lane < seeds.size()) {
        context.seed = seeds[lane];
        draw_initial_parameters(layer.spec->init->weights, layer.spec->init->bias, context, drawn);
      }
      layer.weight.value.row(row) = drawn.weights.reshaped().transpose().template cast<T>();
      layer.bias.value.row(row) = drawn.bias.transpose().template cast<T>();
    }
    if (layer.activation->learned_slope) layer.slope.value.setConstant(static_cast<T>(context.negative_slope));
  }
}

template <class T>
std::vector<Parameter<T>*> NetworkPack<T>::parameters() {
  std::vector<Parameter<T>*> all;
  for (PackedLayer& layer : layers_) {
    all.push_back(&layer.weight);
    if (layer.spec->has_bias()) all.push_back(&layer.bias);
    if (layer.activation->learned_slope) all.push_back(&layer.slope);
  }
  return all;
}

template <class T>
PackState<T> NetworkPack<T>::make_state(Index batch) const {
  const auto columns = static_cast<std::size_t>(batch);
  const auto shards = static_cast<std::size_t>((batch + kShardColumns - 1) / kShardColumns);
  PackState<T> state;
  state.batch = batch;
  state.input.resize(static_cast<std::size_t>(inputs()) * columns);
  for (const PackedLayer& layer : layers_) {
    const auto units = static_cast<std::size_t>(layer.units);
    PackLayerState<T>& values = state.layers.emplace_back();
    for (auto* matrix : {&values.output, &values.saved, &values.delta}) matrix->resize(units * columns);
    for (auto* sums : {&values.delta_sum, &values.slope_sum}) sums->resize(units * shards);
    values.margin.resize(units);
  }
  return state;
}

template <class T>
const Block<T>* NetworkPack<T>::blocks(const Parameter<T>& parameter) {
  return reinterpret_cast<const Block<T>*>(parameter.value.data());
}

template <class T>
void NetworkPack<T>::forward(PackState<T>& state, const Shard& shard, bool margins) const {
  const Block<T>* input = state.input.data();
  for (std::size_t at = 0; at < layers_.size(); ++at) {
    const PackedLayer& layer = layers_[at];
    PackLayerState<T>& values = state.layers[at];
    PackProduct<T> product;
    product.a = blocks(layer.weight);
    product.a_row = 1;
    product.a_inner = layer.units;
    product.b = input + shard.first;
    product.out = values.saved.data() + shard.first;
    product.row_stride = state.batch;
    product.rows = layer.units;
    product.columns = shard.count;
    product.inner = layer.inputs;
    pack_product(product);
    for (Index unit = 0; unit < layer.units; ++unit) {
      const Index first = unit * state.batch + shard.first;
      ForwardCall<T> call;
      call.units = kNetworks;
      call.columns = shard.count;
      call.first_column = shard.first;
      call.z = reinterpret_cast<T*>(values.saved.data() + first);
      call.a = reinterpret_cast<T*>(values.output.data() + first);
      call.stride = kNetworks;
      call.bias = layer.bias.value.col(unit).data();
      if (layer.activation->learned_slope) call.slopes = layer.slope.value.col(unit).data();
      if (margins) call.margin = reinterpret_cast<T*>(values.margin.data() + unit);
      layer.kernel->forward(call);
    }
    input = values.output.data();
  }
}

template <class T>
void NetworkPack<T>::backward(PackState<T>& state, const Shard& shard) const {
  for (std::size_t at = layers_.size(); at-- > 0;) {
    const PackedLayer& layer = layers_[at];
    PackLayerState<T>& values = state.layers[at];
    for (Index unit = 0; unit < layer.units; ++unit) {
      const Index first = unit * state.batch + shard.first;
      const Index sum = shard.index * layer.units + unit;
      BackwardCall<T> call;
      call.units = kNetworks;
      call.columns = shard.count;
      call.saved = reinterpret_cast<const T*>(values.saved.data() + first);
      call.delta = reinterpret_cast<T*>(values.delta.data() + first);
      call.stride = kNetworks;
      call.delta_sum = reinterpret_cast<T*>(values.delta_sum.data() + sum);
      if (layer.activation->learned_slope) {
        call.slopes = layer.slope.value.col(unit).data();
        call.slope_sum = reinterpret_cast<T*>(values.slope_sum.data() + sum);
      }
      layer.kernel->backward(call);
    }
    if (at == 0) continue;
    PackProduct<T> product;
    product.a = blocks(layer.weight);
    product.a_row = layer.units;
    product.a_inner = 1;
    product.b = values.delta.data() + shard.first;
    product.out = state.layers[at - 1].delta.data() + shard.first;
    product.row_stride = state.batch;
    product.rows = layer.inputs;
    product.columns = shard.count;
    product.inner = layer.units;
    pack_product(product);
  }
}

template <class T>
void NetworkPack<T>::gradients(const PackState<T>& state, Index batch, Index shards,
                               std::vector<Matrix<T>>& gradients) const {
  const T scale = T(1) / static_cast<T>(batch);
  std::size_t parameter = 0;
  // A parameter with one element per unit, from its sums over each shard.
  const auto add_shards = [&](const std::vector<Block<T>>& sums, Index units) {
    auto* out = reinterpret_cast<Block<T>*>(gradients[parameter++].data());
    for (Index unit = 0; unit < units; ++unit) {
      Block<T> sum{};
      for (Index shard = 0; shard < shards; ++shard) sum += sums[static_cast<std::size_t>(shard * units + unit)];
      out[unit] = sum * scale;
    }
  };
  for (std::size_t at = 0; at < layers_.size(); ++at) {
    const PackedLayer& layer = layers_[at];
    const PackLayerState<T>& values = state.layers[at];
    PackGradient<T> product;
    product.delta = values.delta.data();
    product.h = at == 0 ? state.input.data() : state.layers[at - 1].output.data();
    product.out = reinterpret_cast<Block<T>*>(gradients[parameter++].data());
    product.row_stride = state.batch;
    product.rows = layer.units;
    product.inputs = layer.inputs;
    product.columns = batch;
    product.scale = scale;
    pack_gradient(product);
    if (layer.spec->has_bias()) add_shards(values.delta_sum, layer.units);
    if (layer.activation->learned_slope) add_shards(values.slope_sum, layer.units);
  }
}

template class NetworkPack<float>;
template class NetworkPack<double>;

}  // namespace reluscope
