#pragma once
// What a node of the network's graph is to everybody else. A batch is cut into shards of columns; forward and backward
// work on one shard at a time and shards never touch each other's columns, so that several threads can run them. Weight
// gradients are computed afterwards over the whole batch, tile by tile.
//
// Values are size × batch. Within a sample they are channels last, so that the same memory, read as channels × (batch ·
// positions), has a column for each position of each sample. What is known of them (bounds.hpp) is known by channel,
// whatever the position. The network's own input is as the data have it: a vector of features, of images channels
// first.
//
// A node answers questions about itself. Where a proof rests on the answer there is no default but *unknown*: nothing
// is proved of a node that says nothing, and the census then looks at the samples.

#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nn/activation.hpp"
#include "nn/bounds.hpp"
#include "nn/gemm.hpp"
#include "nn/matrix.hpp"
#include "nn/parameter.hpp"
#include "nn/shape.hpp"

namespace reluscope {

/// Columns [first, first + count) of the batch.
struct Shard {
  Index index = 0;
  Index first = 0;
  Index count = 0;
};

/// How much a forward pass measures. `activity`: how near the units came to their live region; `batch`: that and every
/// statistic of a mini-batch; `census`: what needs all samples.
enum class Measure { nothing, activity, batch, census };

/// What a forward pass is for. `seed` and `step` name the random numbers of dropout and rrelu.
struct Pass {
  bool training = false;
  Measure measure = Measure::nothing;
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
};

/// Per-unit sums of one shard, added up over the shards in their order.
template <class T>
struct ShardSums {
  ActivitySums<T> activity;
  BatchSums<T> batch;
  CensusSums<T> census;
  Vector<T> delta_sum;  ///< Σ ∂L/∂z, sample losses not averaged
  Vector<T> slope_sum;  ///< Σ ∂L/∂slope
  /// Those of `batch` and `census` are sized by who first measures them: most states never do.
  void resize(Index units);
};

/// What a back end of convolution.hpp keeps for a shard.
struct ConvolutionRoom {
  virtual ~ConvolutionRoom() = default;
};

/// What a node works with on a shard, sized once, so that a step allocates nothing.
template <class T>
struct ShardRoom {
  Matrix<T> patches;         ///< what some positions of a convolution see, one a column
  Matrix<T> patch_deltas;    ///< ∂L/∂patches
  Matrix<T> weight_product;  ///< of those positions
  Matrix<T> weight_sum;      ///< Σ ∂L/∂W over the shard
  std::unique_ptr<ConvolutionRoom> convolution;
  ShardSums<T> sample;  ///< of one sample's positions
  // Of a batch norm, channel by channel.
  Vector<T> channel_value, channel_some, channel_more;
  Eigen::VectorXd channel_mean, channel_square;  ///< mean x and Σ (x − mean)²
  double channel_count = 0.0;                    ///< of how many x
  Eigen::VectorXd delta_sum, delta_x_sum;        ///< of a norm, for each scale: Σ ∂L/∂y and Σ ∂L/∂y · x̂
};

/// A node's part of one batch: values handed in, so that the node itself stays constant during a pass.
template <class T>
struct NodeState {
  Matrix<T> output;  ///< size × batch
  Matrix<T> saved;   ///< what backward needs: size × batch
  Matrix<T> delta;   ///< ∂L/∂output of each sample's own loss; after backward of a site ∂L/∂z: size × batch
  Vector<T> output_square;  ///< ‖output‖² of each column, with Measure::batch
  Vector<T> delta_square;   ///< ‖∂L/∂z‖² of each column, with Measure::batch
  std::vector<ShardSums<T>> shards;
  std::vector<ShardRoom<T>> rooms;  ///< of each shard, of a node that needs any
  Matrix<double> joined;            ///< of a barrier: what the whole batch says of each channel
  Index joined_samples = 0;         ///< of that batch
  Matrix<double> inverse;           ///< of a layer norm: 1/√(σ² + ε) of what is normalised together, × batch
};

/// Elements [begin, end) of a node's parameter, for one task of the gradient and update phase.
struct Tile {
  std::size_t node = 0;
  ParameterRole role = ParameterRole::weight;
  Index begin = 0;
  Index end = 0;
};

/// What feeds a node: the output of each of its inputs, size × batch with room for whole groups of columns (gemm.hpp).
template <class T>
using NodeInputs = std::span<const Matrix<T>* const>;
/// Where a node leaves ∂L/∂input of each of its inputs; nullptr for what needs none.
template <class T>
using InputDeltas = std::span<Matrix<T>* const>;

template <class T>
class ActivationNode;
template <class T>
class Affine;

template <class T>
class Node {
 public:
  Node(std::string name, const Shape& output) : name_(std::move(name)), output_(output) {}
  Node& operator=(const Node&) = delete;
  virtual ~Node() = default;
  [[nodiscard]] virtual std::unique_ptr<Node<T>> clone() const = 0;
  /// The node with these channels of its inputs and outputs alone, in this order; nullptr where it cannot do without
  /// the others.
  [[nodiscard]] virtual std::unique_ptr<Node<T>> select(const std::vector<Index>& inputs,
                                                        const std::vector<Index>& outputs) const {
    (void)inputs, (void)outputs;
    return nullptr;
  }

  /// The layer of the config that it belongs to.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const Shape& output_shape() const { return output_; }
  [[nodiscard]] Index outputs() const { return output_.size(); }
  [[nodiscard]] Index units() const { return output_.channels; }
  [[nodiscard]] Index positions() const { return output_.positions(); }

  // What it is made of.

  /// The activation that it ends in, or nullptr. A node that has one is a *site*, and its channels are units: what can
  /// die.
  [[nodiscard]] virtual const ActivationNode<T>* activation() const { return nullptr; }
  /// The affine map that it is, or starts with. nullptr if there is none.
  [[nodiscard]] virtual const Affine<T>* affine() const { return nullptr; }
  /// The parameter of this role, or nullptr where the node has none.
  [[nodiscard]] virtual Parameter<T>* parameter(ParameterRole role) {
    (void)role;
    return nullptr;
  }
  [[nodiscard]] const Parameter<T>* parameter(ParameterRole role) const {
    return const_cast<Node<T>*>(this)->parameter(role);
  }
  /// All that it has, in the order of the roles.
  [[nodiscard]] std::vector<Parameter<T>*> parameters() { return collect(*this); }
  [[nodiscard]] std::vector<const Parameter<T>*> parameters() const { return collect(*this); }
  [[nodiscard]] bool has_parameters() const {
    for (std::size_t role = 0; role < kParameterRoles; ++role)
      if (parameter(static_cast<ParameterRole>(role)) != nullptr) return true;
    return false;
  }
  /// What files say of its dimensions, the last index running fastest.
  [[nodiscard]] virtual std::vector<Index> array_shape(ParameterRole role) const {
    return {parameter(role)->value.rows()};
  }
  /// What training changes beside them, in the order of a PyTorch module's buffers.
  [[nodiscard]] virtual std::vector<Buffer<T>*> buffers() { return {}; }
  [[nodiscard]] std::vector<const Buffer<T>*> buffers() const {
    const std::vector<Buffer<T>*> mine = const_cast<Node<T>*>(this)->buffers();
    return {mine.begin(), mine.end()};
  }
  /// Takes over what a training pass over `state` has found out, after it.
  virtual void learn_statistics(const NodeState<T>& state) { (void)state; }
  /// What must be recomputed when parameters have changed, before forward. Not concurrent.
  virtual void parameters_changed() {}

  /// Calls its arrays as those of this module: "layers.0" has layers.0.weight.
  void name_arrays(const std::string& module) {
    for (Parameter<T>* one : parameters()) {
      const bool is_weight = one->role == ParameterRole::scale || one->role == ParameterRole::slope;
      const bool is_bias = one->role == ParameterRole::shift;
      one->name = module + "." + (is_weight ? "weight" : is_bias ? "bias" : std::string(parameter_name(one->role)));
    }
    for (Buffer<T>* one : buffers()) one->full_name = module + "." + std::string(one->name);
  }

  /// y = slope · x + offset of a channel, where that is what evaluation makes of a single input at this position of
  /// `sample` (a column of it).
  struct Line {
    double slope = 1.0;
    double offset = 0.0;
  };
  [[nodiscard]] virtual std::optional<Line> line(Index channel, Index position, const T* sample) const {
    (void)channel, (void)position, (void)sample;
    return std::nullopt;
  }
  /// Of each channel of its output, the channel of every input that alone it is computed from; nothing where a channel
  /// may depend on several. (An affine map's do, on all of them, and linearly.)
  [[nodiscard]] virtual std::optional<std::vector<Index>> channel_sources() const { return std::nullopt; }
  /// Whether it is the sum of its inputs.
  [[nodiscard]] virtual bool adds_up() const { return false; }

  // What it computes.

  /// Sizes `state` for batches of up to `batch` columns in `shards` shards, but for `delta`.
  virtual void prepare(NodeState<T>& state, Index batch, Index shards) const;
  /// Fills the shard's columns of state.output, in evaluation each from its own column of the inputs alone, to the last
  /// bit.
  virtual void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const = 0;
  /// state.delta holds ∂L/∂output in the shard's columns; each of `input_deltas` receives ∂L/∂input.
  virtual void backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass,
                        InputDeltas<T> input_deltas) const = 0;
  /// Gradient of the mean loss over the first `batch` columns for elements [tile.begin, tile.end) of a parameter,
  /// written to `out`.
  virtual void gradient(NodeInputs<T> inputs, const NodeState<T>& state, Index batch, Index shards, const Tile& tile,
                        T* out) const {
    (void)inputs, (void)state, (void)batch, (void)shards, (void)tile, (void)out;
  }
  /// The tiles of the node's parameters: a fixed cut, whatever the thread count.
  virtual void append_tiles(std::size_t node, std::vector<Tile>& tiles) const { (void)node, (void)tiles; }

  // A barrier: in training a column's output depends on the other columns. Its inputs' columns are then collected shard
  // by shard, everything is joined once, and forward comes after that; backward likewise. A shard may be on its way
  // back while another one still comes: what is joined forward must stay as it is until join_backward().

  [[nodiscard]] virtual bool is_barrier() const { return false; }
  virtual void collect(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard) const {
    (void)inputs, (void)state, (void)shard;
  }
  virtual void join(NodeState<T>& state, Index batch, Index shards) const { (void)state, (void)batch, (void)shards; }
  virtual void collect_backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard) const {
    (void)inputs, (void)state, (void)shard;
  }
  virtual void join_backward(NodeState<T>& state, Index batch, Index shards) const {
    (void)state, (void)batch, (void)shards;
  }

  // What a proof may rest on: about evaluation, where nothing else is said.

  /// Whether a training pass computes what evaluation does, to the last bit.
  [[nodiscard]] virtual bool same_in_training() const = 0;
  /// Bounds on its computed outputs for all inputs in the boxes.
  [[nodiscard]] virtual std::optional<Box> bound(std::span<const Box* const> inputs) const {
    (void)inputs;
    return std::nullopt;
  }
  /// Bounds on Σ w_c y_c, for each row w of `weights` (rows × channels), of the computed outputs y at any position:
  /// where they can be sharper than what follows from bound().
  [[nodiscard]] virtual std::optional<Box> bound_sums(const Matrix<T>& weights,
                                                      std::span<const Box* const> inputs) const {
    (void)weights, (void)inputs;
    return std::nullopt;
  }
  /// The same as bound() for what training passes may make of the inputs.
  [[nodiscard]] virtual std::optional<Box> bound_in_training(std::span<const Box* const> inputs) const {
    return same_in_training() ? bound(inputs) : std::nullopt;
  }
  /// How far its computed outputs are from those of `before`, this node at other parameters: for each, at most.
  [[nodiscard]] virtual std::optional<Eigen::VectorXd> drift(const Node<T>& before,
                                                             std::span<const Drift* const> inputs) const {
    (void)before, (void)inputs;
    return std::nullopt;
  }
  /// How far the outputs that it computes for the first samples of `inputs` are from those that `other`, this node at
  /// other parameters, computes for inputs that are `apart` from these: of each element, at most, for all of
  /// `apart`'s columns. In whatever order either adds up: also where the other one leaves out terms of weight 0.
  [[nodiscard]] virtual std::optional<Matrix<T>> apart(const Node<T>& other, NodeInputs<T> inputs,
                                                       NodeInputs<T> inputs_apart) const {
    (void)other, (void)inputs, (void)inputs_apart;
    return std::nullopt;
  }
  /// max ‖output‖, from that of each input.
  [[nodiscard]] virtual std::optional<double> norm(std::span<const double> inputs) const {
    (void)inputs;
    return std::nullopt;
  }
  /// Of a node that makes y = γ x̂ + β of its input, each channel by its own elements of the parameters scale and shift,
  /// which follow each other channel by channel: the largest computed |x̂|, in training too, for all finite inputs.
  [[nodiscard]] virtual std::optional<double> normal_reach() const { return std::nullopt; }
  /// Whether its outputs are never negative, whatever its parameters become, if its inputs are not.
  [[nodiscard]] virtual bool never_negative(bool inputs_never_negative) const {
    (void)inputs_never_negative;
    return false;
  }
  /// Whether ∂L/∂output = 0 gives its parameters a gradient of exactly 0 and passes on exactly 0, and a training pass
  /// changes nothing else of it.
  [[nodiscard]] virtual bool is_silent_without_delta() const { return false; }

 protected:
  Node(const Node&) = default;
  /// For select(): so many channels.
  void resize_output(Index units) { output_.channels = units; }
  /// For channel_sources(): each channel is computed from the one in its place.
  [[nodiscard]] std::vector<Index> own_channels() const {
    std::vector<Index> all(static_cast<std::size_t>(units()));
    std::iota(all.begin(), all.end(), Index{0});
    return all;
  }

 private:
  template <class Self>
  static auto collect(Self& node) {
    std::vector<decltype(node.parameter(ParameterRole::weight))> all;
    for (std::size_t role = 0; role < kParameterRoles; ++role)
      if (auto* parameter = node.parameter(static_cast<ParameterRole>(role))) all.push_back(parameter);
    return all;
  }

  std::string name_;
  Shape output_;
};

template <class T>
void ShardSums<T>::resize(Index units) {
  activity.resize(units);
  delta_sum.setZero(units);
  slope_sum.setZero(units);
}

template <class T>
void Node<T>::prepare(NodeState<T>& state, Index batch, Index shards) const {
  // Room for whole groups of columns (gemm.hpp); those beyond the batch hold nothing.
  for (Matrix<T>* values : {&state.output, &state.saved}) values->setZero(outputs(), whole_groups(batch));
  state.output_square.setZero(batch);
  state.delta_square.setZero(batch);
  state.shards.resize(static_cast<std::size_t>(shards));
  for (ShardSums<T>& sums : state.shards) sums.resize(units());
  state.rooms.clear();
  if (positions() == 1) return;
  state.rooms.resize(state.shards.size());
  for (ShardRoom<T>& room : state.rooms) room.sample.resize(units());
}

}  // namespace reluscope
