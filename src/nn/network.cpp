#include "nn/network.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "nn/fused_node.hpp"
#include "nn/layer_places.hpp"
#include "nn/penalty.hpp"

namespace reluscope {

namespace {

/// Joins each affine map with the activation that alone reads it.
template <class T>
std::vector<GraphNode<T>> fuse(std::vector<GraphNode<T>> nodes) {
  std::vector<std::size_t> readers(nodes.size());
  for (const GraphNode<T>& one : nodes)
    for (const std::size_t input : one.inputs)
      if (input < nodes.size()) ++readers[input];
  std::vector<std::size_t> goes_to(nodes.size());  // where a node's output is found
  std::vector<GraphNode<T>> fused;
  std::vector<std::size_t> joined(nodes.size(), kNetworkInput);  // the map that an activation takes in
  std::vector<bool> taken(nodes.size());
  for (std::size_t at = 0; at < nodes.size(); ++at) {
    const std::size_t below = nodes[at].inputs.size() == 1 ? nodes[at].inputs[0] : kNetworkInput;
    if (below >= at || nodes[at].node->activation() != nodes[at].node.get()) continue;
    if (nodes[below].node->affine() != nodes[below].node.get() || readers[below] != 1) continue;
    joined[at] = below;
    taken[below] = true;
  }
  for (std::size_t at = 0; at < nodes.size(); ++at) {
    if (taken[at]) continue;
    GraphNode<T> one = std::move(nodes[at]);
    if (joined[at] != kNetworkInput) {
      GraphNode<T>& map = nodes[joined[at]];
      one = {std::make_unique<FusedNode<T>>(std::move(map.node), *one.node->activation()), map.inputs};
    }
    for (std::size_t& input : one.inputs)
      if (input < goes_to.size()) input = goes_to[input];
    goes_to[at] = fused.size();
    fused.push_back(std::move(one));
  }
  return fused;
}

}  // namespace

template <class T>
std::vector<GraphNode<T>> draw_nodes(const NetworkSpec& spec, const Shape& input, std::uint64_t seed) {
  std::vector<GraphNode<T>> nodes;
  NodeStreams streams{seed, 0, 0};
  const auto append = [&](std::unique_ptr<Node<T>> node, const std::string& module, std::vector<std::size_t> inputs) {
    if (!module.empty()) node->name_arrays(module);
    nodes.push_back({std::move(node), std::move(inputs)});
    return nodes.size() - 1;
  };
  std::vector<std::size_t> node_of;  // of each place, the one that has its output
  for (const LayerPlace& place : place_layers(spec, input)) {
    const LayerSpec& layer = *place.layer;
    std::vector<std::size_t> inputs = place.inputs;
    for (std::size_t& from : inputs)
      if (from != kNetworkInput) from = node_of[from];
    std::size_t at = inputs[0];
    if (place.entry->make_float != nullptr)
      at = append(place.entry->make<T>(layer, place.node_input(), streams), place.module, std::move(inputs));
    if (place.activation != nullptr)
      at = append(std::make_unique<ActivationNode<T>>(layer.name, *place.activation, place.output, streams.map),
                  place.activation_module, {at});
    node_of.push_back(at);
    if (!place.is_own) continue;
    // Layers with weights are numbered on their own: taking dropout in or out leaves the initial weights as they were.
    if (layer.init) ++streams.map;
    ++streams.layer;
  }
  return nodes;
}

template <class T>
Network<T>::Network(const NetworkSpec& spec, const Shape& input, std::uint64_t seed)
    : Network(draw_nodes<T>(spec, input, seed), input) {}

template <class T>
Network<T>::Network(std::vector<GraphNode<T>> nodes, const Shape& input) : input_(input) {
  arrange(fuse(std::move(nodes)));
}

template <class T>
void Network<T>::arrange(std::vector<GraphNode<T>> nodes) {
  std::vector<std::vector<std::size_t>> inputs;
  for (GraphNode<T>& one : nodes) {
    const std::size_t at = nodes_.size();
    if (stages_.empty() || one.node->is_barrier()) stages_.push_back({at, at});
    stages_.back().end = at + 1;
    if (one.node->activation() != nullptr) sites_.push_back(at);
    inputs.push_back(std::move(one.inputs));
    nodes_.push_back(std::move(one.node));
  }
  graph_ = Graph(std::move(inputs));
}

template <class T>
Network<T>::Network(const Network& other)
    : input_(other.input_), graph_(other.graph_), sites_(other.sites_), stages_(other.stages_) {
  for (const auto& node : other.nodes_) nodes_.push_back(node->clone());
}

namespace {

std::vector<Index> count_up(Index count) {
  std::vector<Index> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), Index{0});
  return all;
}

}  // namespace

template <class T>
std::optional<Network<T>> Network<T>::select(const std::vector<std::vector<Index>>& units) const {
  const std::size_t depth = sites_[units.size() - 1] + 1;
  if (!graph_.is_chain(depth)) return std::nullopt;
  std::vector<std::vector<Index>> channels;
  std::size_t site = 0;
  for (std::size_t at = 0; at < depth; ++at) {
    const Node<T>& node = *nodes_[at];
    const bool is_site = node.activation() != nullptr;
    const Index inputs = at == 0 ? input_.size() : nodes_[at - 1]->units();
    // A norm makes something else of a 0, and has statistics.
    if (node.positions() > 1 || (is_site ? node.affine() == nullptr : node.outputs() != inputs)) return std::nullopt;
    if (is_site ? node.affine()->fan_in() != inputs : !node.buffers().empty()) return std::nullopt;
    channels.push_back(is_site ? units[site++] : at == 0 ? count_up(inputs) : channels.back());
  }
  return select_channels(channels);
}

template <class T>
std::optional<Network<T>> Network<T>::select_channels(const std::vector<std::vector<Index>>& channels) const {
  std::vector<GraphNode<T>> part;
  for (std::size_t at = 0; at < channels.size(); ++at) {
    const std::span<const std::size_t> inputs = graph_.inputs_of(at);
    const Node<T>& whole = *nodes_[at];
    std::vector<Index> from;
    bool keeps_all = std::ssize(channels[at]) == whole.units();
    if (inputs[0] != kNetworkInput) {
      from = channels[inputs[0]];
      keeps_all = keeps_all && std::ssize(from) == nodes_[inputs[0]]->units();
    } else if (const Affine<T>* map = whole.affine()) {
      from = count_up(map->fan_in() / map->inputs_per_channel());
    }
    std::unique_ptr<Node<T>> node = keeps_all ? whole.clone() : whole.select(from, channels[at]);
    if (node == nullptr) return std::nullopt;
    part.push_back({std::move(node), {inputs.begin(), inputs.end()}});
  }
  return Network(std::move(part), input_);
}

template <class T>
void Network<T>::copy_parameters(const Network& other) {
  const auto from = other.parameters();
  const auto to = parameters();
  for (std::size_t at = 0; at < to.size(); ++at) to[at]->value = from[at]->value;
  const auto from_buffers = other.buffers();
  const auto to_buffers = buffers();
  for (std::size_t at = 0; at < to_buffers.size(); ++at) to_buffers[at]->value = from_buffers[at]->value;
  parameters_changed();
}

template <class T>
std::vector<const Parameter<T>*> Network<T>::parameters() const {
  std::vector<const Parameter<T>*> all;
  for (const auto& node : nodes_)
    for (const Parameter<T>* parameter : std::as_const(*node).parameters()) all.push_back(parameter);
  return all;
}

template <class T>
std::vector<Parameter<T>*> Network<T>::parameters() {
  std::vector<Parameter<T>*> all;
  for (const auto& node : nodes_)
    for (Parameter<T>* parameter : node->parameters()) all.push_back(parameter);
  return all;
}

template <class T>
std::vector<const Buffer<T>*> Network<T>::buffers() const {
  std::vector<const Buffer<T>*> all;
  for (const auto& node : nodes_)
    for (const Buffer<T>* buffer : std::as_const(*node).buffers()) all.push_back(buffer);
  return all;
}

template <class T>
std::vector<Buffer<T>*> Network<T>::buffers() {
  std::vector<Buffer<T>*> all;
  for (const auto& node : nodes_)
    for (Buffer<T>* buffer : node->buffers()) all.push_back(buffer);
  return all;
}

template <class T>
double Network<T>::operations() const {
  double operations = 0.0;
  for (const auto& node : nodes_)
    for (const Parameter<T>* parameter : std::as_const(*node).parameters())
      operations += 2.0 * static_cast<double>(parameter->value.size() * node->positions());
  return operations;
}

Index shard_columns(Index most_values) {
  constexpr Index kShardValues = Index{1} << 17;  // 512 KiB of float32
  constexpr Index kFewest = kShardColumns / 8;
  Index columns = kShardColumns;
  while (columns > kFewest && columns * most_values > kShardValues) columns /= 2;
  return columns;
}

template <class T>
Index Network<T>::shard_columns() const {
  Index most = 0;
  for (const auto& node : nodes_)
    if (node->positions() > 1) most = std::max(most, node->outputs());
  return reluscope::shard_columns(most);
}

Index pass_columns(std::uint64_t values_of_sample) {
  constexpr std::uint64_t kPassValues = std::uint64_t{1} << 24;  // 64 MiB of float32
  const auto shards = static_cast<Index>(kPassValues / std::max<std::uint64_t>(values_of_sample, 1) / kShardColumns);
  return std::clamp(shards * kShardColumns, kShardColumns, kPassColumns);
}

template <class T>
Index Network<T>::pass_columns() const {
  std::uint64_t values = 0;
  for (const auto& node : nodes_) values += static_cast<std::uint64_t>(node->outputs());
  return reluscope::pass_columns(values);
}

template <class T>
void Network<T>::parameters_changed() {
  for (const auto& node : nodes_) node->parameters_changed();
}

template <class T>
std::vector<ByRole<std::size_t>> parameter_places(const Network<T>& network) {
  std::vector<ByRole<std::size_t>> places(network.depth());
  std::size_t next = 0;
  for (std::size_t node = 0; node < network.depth(); ++node) {
    places[node].fill(kNowhere);
    for (const Parameter<T>* parameter : network.node(node).parameters())
      places[node][place_of(parameter->role)] = next++;
  }
  return places;
}

template <class T>
std::vector<std::vector<std::size_t>> owned_nodes(const Network<T>& network) {
  std::vector<std::vector<std::size_t>> owned(network.sites().size());
  std::vector<std::size_t> owner(network.depth(), owned.size());  // the first site that a node feeds, or is
  for (std::size_t at = network.depth(); at-- > 0;) {
    const std::vector<std::size_t>& sites = network.sites();
    if (network.node(at).activation() != nullptr)
      owner[at] = static_cast<std::size_t>(std::find(sites.begin(), sites.end(), at) - sites.begin());
    else
      for (const std::size_t reader : network.graph().readers_of(at)) owner[at] = std::min(owner[at], owner[reader]);
  }
  for (std::size_t at = 0; at < network.depth(); ++at)
    if (owner[at] < owned.size() && network.node(at).has_parameters()) owned[owner[at]].push_back(at);
  return owned;
}

std::vector<Shard> cut_into_shards(Index columns, Index shard_columns) {
  std::vector<Shard> shards;
  for (Index first = 0; first < columns; first += shard_columns)
    shards.push_back({static_cast<Index>(shards.size()), first, std::min(shard_columns, columns - first)});
  return shards;
}

template <class T>
NetworkState<T>::NetworkState(const Network<T>& network, Index batch, Way way)
    : input_(Matrix<T>::Zero(network.inputs(), whole_groups(batch))),
      nodes_(network.depth()),
      inputs_(network.depth()),
      learns_(network.depth()),
      deltas_(network.depth()),
      added_(network.depth()) {
  const auto shards = static_cast<Index>(network.cut(batch).size());
  for (std::size_t at = 0; at < nodes_.size(); ++at) {
    network.node(at).prepare(nodes_[at], batch, shards);
    learns_[at] = network.node(at).has_parameters() || network.node(at).activation() != nullptr;
    for (const std::size_t input : network.graph().inputs_of(at))
      if (input != kNetworkInput && learns_[input]) learns_[at] = true;
    if (way == Way::both || at + 1 == nodes_.size())
      nodes_[at].delta.setZero(network.node(at).outputs(), whole_groups(batch));
  }
  // Backward runs from the last node down: who comes first writes an input's delta, the others add to it.
  std::vector<bool> written(nodes_.size());
  for (std::size_t at = nodes_.size(); at-- > 0;) {
    const std::span<const std::size_t> inputs = network.graph().inputs_of(at);
    added_[at].resize(inputs.size());
    for (std::size_t slot = 0; slot < inputs.size(); ++slot) {
      const std::size_t input = inputs[slot];
      inputs_[at].push_back(input == kNetworkInput ? &input_ : &nodes_[input].output);
      if (input == kNetworkInput || !learns_[input]) {
        deltas_[at].push_back(nullptr);
      } else if (!written[input]) {
        written[input] = true;
        deltas_[at].push_back(&nodes_[input].delta);
      } else {
        added_[at][slot].setZero(nodes_[input].delta.rows(), nodes_[input].delta.cols());
        deltas_[at].push_back(&added_[at][slot]);
      }
    }
  }
}

template <class T>
void NetworkState<T>::forward(const Network<T>& network, const Shard& shard, const Pass& pass, const Stage& stage) {
  for (std::size_t at = stage.begin; at < stage.end; ++at)
    network.node(at).forward(inputs_[at], nodes_[at], shard, pass);
}

template <class T>
void NetworkState<T>::backward(const Network<T>& network, const Shard& shard, const Pass& pass, const Stage& stage,
                               double l1_activations) {
  for (std::size_t at = stage.end; at-- > stage.begin;) {
    // All that reads the node has run: its delta is whole, but for what a penalty adds.
    if (l1_activations != 0.0 && at + 1 < nodes_.size() && network.node(at).activation() != nullptr)
      add_activation_penalty<T>(l1_activations, nodes_[at].output.middleCols(shard.first, shard.count),
                                nodes_[at].delta.middleCols(shard.first, shard.count));
    if (at == stage.begin && network.node(at).is_barrier()) {
      network.node(at).collect_backward(inputs_[at], nodes_[at], shard);
    } else {
      backward_node(network, shard, pass, at);
    }
  }
}

template <class T>
void NetworkState<T>::backward_node(const Network<T>& network, const Shard& shard, const Pass& pass, std::size_t node) {
  if (!learns_[node]) return;
  network.node(node).backward(inputs_[node], nodes_[node], shard, pass, deltas_[node]);
  for (std::size_t slot = 0; slot < added_[node].size(); ++slot)
    if (added_[node][slot].size() > 0)
      nodes_[network.graph().inputs_of(node)[slot]].delta.middleCols(shard.first, shard.count) +=
          added_[node][slot].middleCols(shard.first, shard.count);
}

template std::vector<GraphNode<float>> draw_nodes(const NetworkSpec&, const Shape&, std::uint64_t);
template std::vector<GraphNode<double>> draw_nodes(const NetworkSpec&, const Shape&, std::uint64_t);
template class Network<float>;
template class Network<double>;
template std::vector<ByRole<std::size_t>> parameter_places(const Network<float>&);
template std::vector<ByRole<std::size_t>> parameter_places(const Network<double>&);
template std::vector<std::vector<std::size_t>> owned_nodes(const Network<float>&);
template std::vector<std::vector<std::size_t>> owned_nodes(const Network<double>&);
template class NetworkState<float>;
template class NetworkState<double>;

}  // namespace reluscope
