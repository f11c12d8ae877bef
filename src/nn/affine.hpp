#pragma once
// The affine maps: z = W h + b at each position of the output, with a row of W for each unit, and h what the position
// sees of the input. In a dense layer h is the whole input, in a convolution it is a patch.

#include <optional>
#include <span>

#include "nn/initializer.hpp"
#include "nn/node.hpp"
#include "nn/spec.hpp"

namespace reluscope {

/// What the initialisers of a layer with weights are told; (seed, stream) name its streams.
/// `kernel`: positions that a unit's weights cover, 1 in a dense layer.
InitContext init_context(const LayerSpec& layer, Index fan_in, Index fan_out, std::uint64_t seed, std::uint64_t stream,
                         Index kernel = 1);

/// Parameters: weight (units × fan-in), bias (units) unless it has none.
template <class T>
class Affine : public Node<T> {
 public:
  [[nodiscard]] const Affine<T>* affine() const final { return this; }
  using Node<T>::parameter;
  [[nodiscard]] Parameter<T>* parameter(ParameterRole role) final;
  [[nodiscard]] Index fan_in() const { return weight_.value.cols(); }
  [[nodiscard]] const Matrix<T>& weights() const { return weight_.value; }
  [[nodiscard]] std::vector<Index> array_shape(ParameterRole role) const override {
    if (role == ParameterRole::weight) return {this->units(), fan_in()};
    return {this->units()};
  }
  /// 0 where there are no biases.
  [[nodiscard]] T bias_of(Index unit) const { return bias_.value(unit, 0); }
  [[nodiscard]] const T* bias_data() const { return bias_.value.data(); }

  void prepare(NodeState<T>& state, Index batch, Index shards) const final {
    Node<T>::prepare(state, batch, shards);
    prepare_room(state, shards);
  }
  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const final;
  void backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass,
                InputDeltas<T> input_deltas) const final;
  /// The shard's columns of W·h, without the biases, into those of `z`. `state` lends its room.
  virtual void multiply(const Matrix<T>& input, NodeState<T>& state, Matrix<T>& z, const Shard& shard) const = 0;
  /// From ∂L/∂z in the shard's columns of state.delta: ∂L/∂input, unless that is nullptr, and what gradient() wants.
  virtual void pass_back(const Matrix<T>& input, NodeState<T>& state, Matrix<T>* input_delta,
                         const Shard& shard) const = 0;
  /// Sizes the room that the map needs for so many shards, beside what Node::prepare() gives.
  virtual void prepare_room(NodeState<T>& state, Index shards) const { (void)state, (void)shards; }
  /// W·h of these units at the positions of the samples [first, first + count), with the bits of multiply(): rows ×
  /// (count · positions).
  [[nodiscard]] virtual Matrix<T> multiply_rows(const Matrix<T>& input, Index first, Index count,
                                                const std::vector<Index>& rows) const = 0;
  /// What the positions of the samples [first, first + count) see: fan-in × (count · positions), and columns of 0 up to
  /// a whole group (gemm.hpp).
  [[nodiscard]] virtual Matrix<T> patches(const Matrix<T>& input, Index first, Index count) const = 0;

  /// Columns of W that belong to a channel of the input: so many, from channel · inputs_per_channel() on.
  [[nodiscard]] virtual Index inputs_per_channel() const { return 1; }
  /// Whether some of h may be zeros in place of what lies beyond the input's edge.
  [[nodiscard]] virtual bool pads() const { return false; }

  [[nodiscard]] bool same_in_training() const final { return true; }
  [[nodiscard]] std::optional<Box> bound(std::span<const Box* const> inputs) const final {
    return bound_map(*inputs[0]).z;
  }
  [[nodiscard]] std::optional<Eigen::VectorXd> drift(const Node<T>& before,
                                                     std::span<const Drift* const> inputs) const final;
  [[nodiscard]] bool is_silent_without_delta() const final { return true; }
  [[nodiscard]] std::optional<Matrix<T>> apart(const Node<T>& other, NodeInputs<T> inputs,
                                               NodeInputs<T> inputs_apart) const final {
    return map_apart(*other.affine(), *inputs[0], *inputs_apart[0]).z;
  }
  /// Of each z, as Node::apart(), with what the z that is computed here and its size are at most.
  struct Apart {
    Matrix<T> z;
    Matrix<T> high;
    Matrix<T> size;
  };
  [[nodiscard]] Apart map_apart(const Affine<T>& other, const Matrix<T>& input, const Matrix<T>& input_apart) const;

  /// What holds for each h_j at every position, from what holds for the input. The norm of h is at most the input's.
  [[nodiscard]] virtual Box patch_of(const Box& input) const { return input; }
  [[nodiscard]] virtual Eigen::VectorXd patch_of(const Eigen::VectorXd& drift) const { return drift; }
  /// Whether h_j is channel j of the input, all at one position.
  [[nodiscard]] virtual bool is_pointwise() const = 0;
  /// `sums`: bounds on W h, where they are known otherwise too.
  [[nodiscard]] PreActivationBox bound_map(const Box& input, const std::optional<Box>& sums = std::nullopt) const;
  /// Bounds on |z_u| for inputs of at most this norm.
  [[nodiscard]] Eigen::VectorXd bound_size(double input_norm) const;

 protected:
  /// Draws the initial parameters.
  Affine(const LayerSpec& layer, const Shape& output, const InitContext& context);
  Affine(const Affine&) = default;
  /// Keeps these units, and the columns of W that belong to these channels of the input.
  void keep(const std::vector<Index>& channels, const std::vector<Index>& units);
  /// Appends the bias' tile.
  void append_bias_tile(std::size_t node, std::vector<Tile>& tiles) const;
  /// Σ ∂L/∂z over the batch, averaged.
  void bias_gradient(const NodeState<T>& state, Index batch, Index shards, T* out) const;

  Parameter<T> weight_;
  Parameter<T> bias_;  ///< zeros that nobody sees, unless the layer has one

 private:
  bool has_bias_;
};

/// Weight elements per tile: small enough to be swept from the cache right after the product, large enough for the
/// product to run at full speed. Part of the definition of a result: another value gives other last bits.
inline constexpr Index kTileElements = 1 << 16;

}  // namespace reluscope
