#pragma once

#include "nn/node.hpp"
#include "nn/spec.hpp"

namespace reluscope {

/// y = γ x̂ + β, x̂ = (x − μ)/√(σ² + ε), with μ and σ² the mean and the biased variance of the n values that are
/// normalised together (Ba, Kiros & Hinton 2016, eq. 3): the channels of a position, or a whole sample. The same in
/// training and in evaluation. Parameters, unless `affine` is false: scale γ and shift β (n, over a whole sample in
/// PyTorch's order, channel by channel); both are subject to weight decay, as in PyTorch.
///
/// What is known of it whatever feeds it. Σ x̂ = 0 and Σ x̂² ≤ n, so |x̂| ≤ √(n − 1), and for any w
///   Σ w γ x̂ ≤ √n ‖P(w∘γ)‖  (Cauchy–Schwarz), with P subtracting the mean.
/// The statistics are computed in float64 from c = x − μ. As c sums up to at most n·e instead of 0, with e the error of
/// μ, these become √(n − 1) + e/√ε, and √n ‖P(w∘γ)‖ + |Σ w γ| e/√ε; and x̂² never sums up to more than n. Where an input
/// is not finite none of it holds.
template <class T>
class LayerNorm final : public Node<T> {
 public:
  /// Settings axes, eps, affine.
  LayerNorm(const std::string& name, const ParamValues& settings, const Shape& shape);
  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<LayerNorm<T>>(*this); }
  using Node<T>::parameter;
  [[nodiscard]] Parameter<T>* parameter(ParameterRole role) override;
  [[nodiscard]] std::vector<Index> array_shape(ParameterRole role) const override;
  void parameters_changed() override;
  [[nodiscard]] std::optional<typename Node<T>::Line> line(Index channel, Index position,
                                                           const T* sample) const override;

  void prepare(NodeState<T>& state, Index batch, Index shards) const override;
  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const override;
  void backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass,
                InputDeltas<T> input_deltas) const override;
  void gradient(NodeInputs<T> inputs, const NodeState<T>& state, Index batch, Index shards, const Tile& tile,
                T* out) const override;
  void append_tiles(std::size_t node, std::vector<Tile>& tiles) const override;

  [[nodiscard]] bool same_in_training() const override { return true; }
  [[nodiscard]] std::optional<Box> bound(std::span<const Box* const> inputs) const override;
  [[nodiscard]] std::optional<Box> bound_sums(const Matrix<T>& weights,
                                              std::span<const Box* const> inputs) const override;
  [[nodiscard]] std::optional<Eigen::VectorXd> drift(const Node<T>& before,
                                                     std::span<const Drift* const> inputs) const override;
  [[nodiscard]] std::optional<double> norm(std::span<const double> inputs) const override;
  [[nodiscard]] std::optional<double> normal_reach() const override { return reach(kInfinity); }
  [[nodiscard]] bool is_silent_without_delta() const override { return true; }

 private:
  struct Statistics {
    double mean = 0.0;
    double inverse = 0.0;  ///< 1/√(σ² + ε)
  };
  [[nodiscard]] Statistics measure(const T* values) const;
  /// Groups of values of a sample that are normalised together, each after the other.
  [[nodiscard]] Index groups() const { return this->outputs() / together_; }
  /// Where the parameters' element for the value at this place of a group is, and the other way round.
  [[nodiscard]] Index element_at(Index place) const;
  [[nodiscard]] Index place_at(Index element) const;

  // For finite inputs of at most this size, if it is known.
  [[nodiscard]] bool is_finite_at(double size) const;
  /// The error of μ, over √ε.
  [[nodiscard]] double mean_error(double size) const;
  /// |x̂| of every value.
  [[nodiscard]] double reach(double size) const;

  Index together_;  ///< n
  double epsilon_;
  bool affine_;
  Parameter<T> scale_;  ///< ones that nobody sees, unless `affine`
  Parameter<T> shift_;
  Vector<T> scale_at_;  ///< of each place of a group
  Vector<T> shift_at_;
};

}  // namespace reluscope
