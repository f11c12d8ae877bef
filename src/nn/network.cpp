#include "nn/network.hpp"

#include <numeric>
#include <utility>

#include "nn/dense.hpp"
#include "nn/dropout.hpp"
#include "nn/penalty.hpp"

namespace reluscope {

template <class T>
Network<T>::Network(const NetworkSpec& spec, Index inputs, std::uint64_t seed) {
  Index width = inputs;
  for (const LayerSpec& layer : spec.layers) {
    const std::size_t index = layers_.size();
    if (const auto* dense = std::get_if<DenseSpec>(&layer.kind)) {
      // Dense layers are numbered on their own: taking dropout in or out leaves the initial weights as they were.
      layers_.push_back(std::make_unique<Dense<T>>(layer.name, *dense, width, seed, unit_layers_.size()));
      unit_layers_.push_back(index);
      width = dense->units;
    } else {
      const auto& dropout = std::get<DropoutSpec>(layer.kind);
      layers_.push_back(std::make_unique<Dropout<T>>(layer.name, dropout.p, width, 0x8000 + index));
    }
  }
}

template <class T>
Network<T>::Network(const Network& other) : unit_layers_(other.unit_layers_) {
  for (const auto& layer : other.layers_) layers_.push_back(layer->clone());
}

template <class T>
Network<T> Network<T>::select(const std::vector<std::vector<Index>>& units) const {
  Network<T> part;
  std::vector<Index> inputs(static_cast<std::size_t>(this->inputs()));
  std::iota(inputs.begin(), inputs.end(), Index{0});
  for (std::size_t index = 0; part.unit_layers_.size() < units.size(); ++index) {
    const bool has_units = layers_[index]->activation() != nullptr;
    const std::vector<Index>& outputs = has_units ? units[part.unit_layers_.size()] : inputs;
    part.layers_.push_back(layers_[index]->select(inputs, outputs));
    if (has_units) part.unit_layers_.push_back(index);
    inputs = outputs;
  }
  return part;
}

template <class T>
void Network<T>::copy_parameters(const Network& other) {
  const auto from = other.parameters();
  const auto to = parameters();
  for (std::size_t at = 0; at < to.size(); ++at) to[at]->value = from[at]->value;
  parameters_changed();
}

template <class T>
std::vector<const Parameter<T>*> Network<T>::parameters() const {
  std::vector<const Parameter<T>*> all;
  for (const auto& layer : layers_)
    for (const Parameter<T>* parameter : std::as_const(*layer).parameters()) all.push_back(parameter);
  return all;
}

template <class T>
std::vector<Parameter<T>*> Network<T>::parameters() {
  std::vector<Parameter<T>*> all;
  for (const auto& layer : layers_)
    for (Parameter<T>* parameter : layer->parameters()) all.push_back(parameter);
  return all;
}

template <class T>
void Network<T>::parameters_changed() {
  for (const auto& layer : layers_) layer->parameters_changed();
}

template <class T>
std::vector<ByRole<std::size_t>> parameter_places(const Network<T>& network) {
  std::vector<ByRole<std::size_t>> places(network.depth());
  std::size_t next = 0;
  for (std::size_t layer = 0; layer < network.depth(); ++layer) {
    places[layer].fill(kNowhere);
    for (const Parameter<T>* parameter : network.layer(layer).parameters())
      places[layer][place_of(parameter->role)] = next++;
  }
  return places;
}

std::vector<Shard> cut_into_shards(Index columns) {
  std::vector<Shard> shards;
  for (Index first = 0; first < columns; first += kShardColumns)
    shards.push_back({static_cast<Index>(shards.size()), first, std::min(kShardColumns, columns - first)});
  return shards;
}

template <class T>
NetworkState<T>::NetworkState(const Network<T>& network, Index batch)
    : input_(Matrix<T>::Zero(network.inputs(), whole_groups(batch))), layers_(network.depth()) {
  const auto shards = static_cast<Index>(cut_into_shards(batch).size());
  for (std::size_t index = 0; index < layers_.size(); ++index)
    network.layer(index).prepare(layers_[index], batch, shards);
}

template <class T>
void NetworkState<T>::forward(const Network<T>& network, const Shard& shard, const Pass& pass, std::size_t layers) {
  for (std::size_t index = 0; index < layers; ++index)
    network.layer(index).forward(input_of(index), layers_[index], shard, pass);
}

template <class T>
void NetworkState<T>::backward(const Network<T>& network, const Shard& shard, const Pass& pass, double l1_activations) {
  for (std::size_t index = layers_.size(); index-- > 0;) {
    LayerState<T>* below = index == 0 ? nullptr : &layers_[index - 1];
    network.layer(index).backward(layers_[index], shard, pass, below == nullptr ? nullptr : &below->delta);
    if (l1_activations != 0.0 && below != nullptr && network.layer(index - 1).activation() != nullptr)
      add_activation_penalty<T>(l1_activations, below->output.middleCols(shard.first, shard.count),
                                below->delta.middleCols(shard.first, shard.count));
  }
}

template class Network<float>;
template class Network<double>;
template std::vector<ByRole<std::size_t>> parameter_places(const Network<float>&);
template std::vector<ByRole<std::size_t>> parameter_places(const Network<double>&);
template class NetworkState<float>;
template class NetworkState<double>;

}  // namespace reluscope
