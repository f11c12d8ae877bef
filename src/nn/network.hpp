#pragma once
// A feed-forward network: nodes in a graph, and the values that one batch has in it.

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nn/activation_node.hpp"
#include "nn/affine.hpp"
#include "nn/graph.hpp"
#include "nn/node.hpp"
#include "nn/spec.hpp"

namespace reluscope {

/// A node, and the nodes that feed it (graph.hpp).
template <class T>
struct GraphNode {
  std::unique_ptr<Node<T>> node;
  std::vector<std::size_t> inputs;
};

/// The nodes of a config's layers, with their initial parameters.
template <class T>
std::vector<GraphNode<T>> draw_nodes(const NetworkSpec& spec, const Shape& input, std::uint64_t seed);

/// Nodes [begin, end), which a shard runs through without regard to the others. The first one is a barrier, but for
/// that of the first stage.
struct Stage {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// How a batch of `columns` is cut into shards: not by the number of threads, so that results do not depend on it.
std::vector<Shard> cut_into_shards(Index columns, Index shard_columns = kShardColumns);

template <class T>
class Network {
 public:
  /// Builds the layers of a config and draws their initial parameters.
  Network(const NetworkSpec& spec, const Shape& input, std::uint64_t seed);
  /// Any graph. An affine node that an activation alone reads becomes one node with it.
  Network(std::vector<GraphNode<T>> nodes, const Shape& input);
  /// A copy with parameters of its own.
  Network(const Network& other);
  Network& operator=(const Network&) = delete;
  Network(Network&&) noexcept = default;
  /// The nodes up to some site, with some of their units only: `units` has an entry for each site that is kept. The
  /// others must have an output of exactly 0 for what the part computes to be what the whole one computes. Nothing
  /// where the nodes up to there are no chain, have several positions, or make something else of a 0.
  [[nodiscard]] std::optional<Network> select(const std::vector<std::vector<Index>>& units) const;
  /// The network with some channels only of each node's output. Nothing where a node cannot do without some of its own.
  [[nodiscard]] std::optional<Network> select_channels(const std::vector<std::vector<Index>>& channels) const;
  /// Takes over the parameters and buffers of a network of the same shape.
  void copy_parameters(const Network& other);

  [[nodiscard]] const Shape& input_shape() const { return input_; }
  [[nodiscard]] Index inputs() const { return input_.size(); }
  [[nodiscard]] Index outputs() const { return nodes_.back()->outputs(); }
  [[nodiscard]] std::size_t depth() const { return nodes_.size(); }
  [[nodiscard]] const Node<T>& node(std::size_t index) const { return *nodes_[index]; }
  [[nodiscard]] Node<T>& node(std::size_t index) { return *nodes_[index]; }
  [[nodiscard]] const Graph& graph() const { return graph_; }
  /// The nodes that end in an activation, from the input side: the ℓ-th of them (from 1) is "layer ℓ" in traces.
  [[nodiscard]] const std::vector<std::size_t>& sites() const { return sites_; }
  [[nodiscard]] const Node<T>& site(std::size_t at) const { return *nodes_[sites_[at]]; }
  [[nodiscard]] Node<T>& site(std::size_t at) { return *nodes_[sites_[at]]; }
  [[nodiscard]] const std::vector<Stage>& stages() const { return stages_; }
  /// All parameters, node by node, in the order of their roles.
  [[nodiscard]] std::vector<Parameter<T>*> parameters();
  [[nodiscard]] std::vector<const Parameter<T>*> parameters() const;
  /// What training changes beside them, node by node.
  [[nodiscard]] std::vector<Buffer<T>*> buffers();
  [[nodiscard]] std::vector<const Buffer<T>*> buffers() const;
  /// Of a sample's way through it: two for each parameter, at each position that it is used at.
  [[nodiscard]] double operations() const;
  /// Samples of a shard: kShardColumns, or a half, a quarter or an eighth of it where a node yields so many values of
  /// each sample that they would have left the cache when the next node reads them.
  [[nodiscard]] Index shard_columns() const;
  [[nodiscard]] std::vector<Shard> cut(Index columns) const { return cut_into_shards(columns, shard_columns()); }
  /// Samples of one piece of a pass over many: several shards, so that threads have something to share, and fewer where
  /// a sample has so many values that their memory is what takes the time.
  [[nodiscard]] Index pass_columns() const;
  /// To be called after parameters were changed, before the next forward.
  void parameters_changed();

 private:
  void arrange(std::vector<GraphNode<T>> nodes);

  Shape input_;
  std::vector<std::unique_ptr<Node<T>>> nodes_;
  Graph graph_;
  std::vector<std::size_t> sites_;
  std::vector<Stage> stages_;
};

/// Where each node's parameters are in parameters(), by role; kNowhere for those that it does not have.
inline constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
template <class T>
std::vector<ByRole<std::size_t>> parameter_places(const Network<T>& network);

/// Of each site: the nodes whose parameters it owns, those since the sites before it. A node belongs to the first site
/// that it feeds.
template <class T>
std::vector<std::vector<std::size_t>> owned_nodes(const Network<T>& network);

/// Network::shard_columns(), from the most values that a node with positions yields of a sample.
Index shard_columns(Index most_values);

/// What Network::pass_columns() is at most, and for so many values of all nodes together.
inline constexpr Index kPassColumns = 512;
Index pass_columns(std::uint64_t values_of_sample);

/// Whether a state is for forward passes alone, and has no room for deltas but those of the output.
enum class Way { forward, both };

/// The values of one batch in a network: one state per node, and the input.
template <class T>
class NetworkState {
 public:
  /// Room for batches of up to `batch` columns.
  NetworkState(const Network<T>& network, Index batch, Way way = Way::both);
  NetworkState(const NetworkState&) = delete;
  NetworkState& operator=(const NetworkState&) = delete;

  /// inputs × batch (and room up to a whole group of columns); the caller fills the first columns.
  Matrix<T>& input() { return input_; }
  [[nodiscard]] NodeInputs<T> inputs_of(std::size_t node) const { return inputs_[node]; }
  [[nodiscard]] const Matrix<T>& output() const { return nodes_.back().output; }
  NodeState<T>& node(std::size_t index) { return nodes_[index]; }
  [[nodiscard]] const NodeState<T>& node(std::size_t index) const { return nodes_[index]; }

  /// Runs the shard's columns through all nodes. In training of a network without barriers, or in evaluation.
  void forward(const Network<T>& network, const Shard& shard, const Pass& pass) {
    forward(network, shard, pass, {0, nodes_.size()});
  }
  /// Through some of them; what feeds these must have run.
  void forward(const Network<T>& network, const Shard& shard, const Pass& pass, const Stage& stage);
  /// From ∂L/∂output in the delta of the stage's nodes down to what feeds them, but for a barrier at its begin, which
  /// only collects. A node that learns nothing, and has nothing below it that does, is left out: its delta stays 0.
  /// `l1_activations`: of the penalty on what the hidden sites yield (penalty.hpp).
  void backward(const Network<T>& network, const Shard& shard, const Pass& pass, const Stage& stage,
                double l1_activations = 0.0);
  void backward(const Network<T>& network, const Shard& shard, const Pass& pass, double l1_activations = 0.0) {
    backward(network, shard, pass, {0, nodes_.size()}, l1_activations);
  }
  /// One node alone.
  void backward_node(const Network<T>& network, const Shard& shard, const Pass& pass, std::size_t node);

 private:
  Matrix<T> input_;
  std::vector<NodeState<T>> nodes_;
  std::vector<std::vector<const Matrix<T>*>> inputs_;  ///< of each node
  std::vector<bool> learns_;                     ///< needs its delta: has parameters or is a site, or feeds on one
  std::vector<std::vector<Matrix<T>*>> deltas_;  ///< where each node leaves those of its inputs
  /// Of each node, what it adds to the delta of an input that another node has written already; empty: it is the first.
  std::vector<std::vector<Matrix<T>>> added_;
};

}  // namespace reluscope
