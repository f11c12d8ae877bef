#pragma once
// What a layer is to the training loop. The batch is cut into shards of columns; forward and backward work on one
// shard at a time and shards never touch each other's columns, so that several threads can run them. Weight gradients
// are computed afterwards over the whole batch, tile by tile.
//
// A *unit* is what can die: a neuron of a dense layer. (For layers that share weights over positions it is a channel,
// with one column per sample and position.)

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/activation.hpp"
#include "nn/gemm.hpp"
#include "nn/matrix.hpp"
#include "nn/parameter.hpp"

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
};

/// A layer's part of one batch: values handed in, so that the layer itself stays constant during a pass.
template <class T>
struct LayerState {
  Matrix<T> output;         ///< a: outputs × batch
  Matrix<T> saved;          ///< what backward needs: outputs × batch
  Matrix<T> delta;          ///< ∂L/∂a, after backward ∂L/∂z, of each sample's own loss: outputs × batch
  Vector<T> output_square;  ///< ‖a‖² of each column, with Measure::batch
  Vector<T> delta_square;   ///< ‖∂L/∂z‖² of each column, with Measure::batch
  std::vector<ShardSums<T>> shards;
};

/// Elements [begin, end) of a layer's parameter, for one task of the gradient and update phase.
struct Tile {
  std::size_t layer = 0;
  ParameterRole role = ParameterRole::weight;
  Index begin = 0;
  Index end = 0;
};

template <class T>
class Layer {
 public:
  explicit Layer(std::string name) : name_(std::move(name)) {}
  Layer& operator=(const Layer&) = delete;
  virtual ~Layer() = default;
  [[nodiscard]] virtual std::unique_ptr<Layer<T>> clone() const = 0;
  /// The layer with these inputs and outputs alone, in this order.
  [[nodiscard]] virtual std::unique_ptr<Layer<T>> select(const std::vector<Index>& inputs,
                                                         const std::vector<Index>& outputs) const = 0;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] virtual Index inputs() const = 0;
  [[nodiscard]] virtual Index outputs() const = 0;
  /// Whether the layer has units to watch, and which activation they have.
  [[nodiscard]] virtual const ActivationEntry* activation() const { return nullptr; }
  /// The parameter of this role, or nullptr where the layer has none. A layer with units has weights (outputs ×
  /// inputs).
  [[nodiscard]] virtual Parameter<T>* parameter(ParameterRole role) {
    (void)role;
    return nullptr;
  }
  [[nodiscard]] const Parameter<T>* parameter(ParameterRole role) const {
    return const_cast<Layer<T>*>(this)->parameter(role);
  }
  /// All that it has, in the order of the roles.
  [[nodiscard]] std::vector<Parameter<T>*> parameters() { return collect(*this); }
  [[nodiscard]] std::vector<const Parameter<T>*> parameters() const { return collect(*this); }
  /// Of a layer with units: the weights, and what a unit's bias is: 0 where there is none.
  [[nodiscard]] const Matrix<T>& weights() const { return parameter(ParameterRole::weight)->value; }
  [[nodiscard]] T bias_of(Index unit) const {
    const Parameter<T>* bias = parameter(ParameterRole::bias);
    return bias == nullptr ? T(0) : bias->value(unit, 0);
  }
  /// Of a layer with units: what its activation is like.
  [[nodiscard]] virtual ActivationShape activation_shape() const { return {}; }
  /// Of a layer with units: z becomes φ(z), as evaluation computes it (units × any number of columns).
  virtual void respond(Matrix<T>& z) const { (void)z; }
  /// Whether its output in training is not the one of evaluation; the largest factor that an element may then get
  /// instead of 1 (dropout: 1/(1 − p), and 0 is the smallest), or infinity where there is no such bound.
  [[nodiscard]] virtual bool random_in_training() const { return false; }
  [[nodiscard]] virtual double training_factor() const { return 1.0; }

  /// Sizes `state` for batches of up to `batch` columns in `shards` shards.
  virtual void prepare(LayerState<T>& state, Index batch, Index shards) const;
  /// What must be recomputed when parameters have changed, before forward. Not concurrent.
  virtual void parameters_changed() {}
  /// input: inputs × batch, with room for whole groups of columns (gemm.hpp). Fills the shard's columns of
  /// state.output, in evaluation each from its own column of `input` alone, to the last bit.
  virtual void forward(const Matrix<T>& input, LayerState<T>& state, const Shard& shard, const Pass& pass) const = 0;
  /// state.delta holds ∂L/∂a in the shard's columns and receives ∂L/∂z; `input_delta` (inputs × batch; nullptr for
  /// the first layer) receives ∂L/∂input.
  virtual void backward(LayerState<T>& state, const Shard& shard, const Pass& pass, Matrix<T>* input_delta) const = 0;
  /// Gradient of the mean loss over the first `batch` columns for elements [tile.begin, tile.end) of a parameter,
  /// written to `out`.
  virtual void gradient(const Matrix<T>& input, const LayerState<T>& state, Index batch, Index shards, const Tile& tile,
                        T* out) const {
    (void)input, (void)state, (void)batch, (void)shards, (void)tile, (void)out;
  }
  /// The tiles of the layer's parameters: a fixed cut, whatever the thread count.
  virtual void append_tiles(std::size_t layer, std::vector<Tile>& tiles) const { (void)layer, (void)tiles; }

 protected:
  Layer(const Layer&) = default;

 private:
  template <class Self>
  static auto collect(Self& layer) {
    std::vector<decltype(layer.parameter(ParameterRole::weight))> all;
    for (std::size_t role = 0; role < kParameterRoles; ++role)
      if (auto* parameter = layer.parameter(static_cast<ParameterRole>(role))) all.push_back(parameter);
    return all;
  }

  std::string name_;
};

template <class T>
void Layer<T>::prepare(LayerState<T>& state, Index batch, Index shards) const {
  // Room for whole groups of columns (gemm.hpp); those beyond the batch hold nothing.
  for (Matrix<T>* values : {&state.output, &state.saved, &state.delta}) values->setZero(outputs(), whole_groups(batch));
  state.output_square.setZero(batch);
  state.delta_square.setZero(batch);
  state.shards.resize(static_cast<std::size_t>(shards));
  for (ShardSums<T>& sums : state.shards) {
    sums.activity.resize(outputs());
    sums.batch.resize(outputs());
    sums.census.resize(outputs());
    sums.delta_sum.setZero(outputs());
    sums.slope_sum.setZero(outputs());
  }
}

}  // namespace reluscope
