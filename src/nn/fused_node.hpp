#pragma once

#include <memory>
#include <utility>

#include "nn/activation_node.hpp"
#include "nn/affine.hpp"

namespace reluscope {

/// An affine map and the activation directly on it, a = φ(W h + b), as one node: z is swept once, from the cache. To
/// those who reason about the network it is still its two parts.
template <class T>
class FusedNode final : public Node<T> {
 public:
  /// `map` must be an affine one.
  FusedNode(std::unique_ptr<Node<T>> map, ActivationNode<T> phi)
      : Node<T>(map->name(), phi.output_shape()), owned_(std::move(map)), phi_(std::move(phi)) {
    map_ = static_cast<Affine<T>*>(owned_.get());
  }
  FusedNode(const FusedNode& other) : FusedNode(other.owned_->clone(), other.phi_) {}

  [[nodiscard]] std::unique_ptr<Node<T>> clone() const override { return std::make_unique<FusedNode<T>>(*this); }
  [[nodiscard]] std::unique_ptr<Node<T>> select(const std::vector<Index>& inputs,
                                                const std::vector<Index>& outputs) const override {
    std::unique_ptr<Node<T>> map = map_->select(inputs, outputs);
    const std::unique_ptr<Node<T>> phi = phi_.select(outputs, outputs);
    if (map == nullptr || phi == nullptr) return nullptr;
    return std::make_unique<FusedNode<T>>(std::move(map), static_cast<const ActivationNode<T>&>(*phi));
  }
  [[nodiscard]] const ActivationNode<T>* activation() const override { return &phi_; }
  [[nodiscard]] const Affine<T>* affine() const override { return map_; }
  using Node<T>::parameter;
  [[nodiscard]] Parameter<T>* parameter(ParameterRole role) override {
    return role == ParameterRole::slope ? phi_.parameter(role) : map_->parameter(role);
  }
  [[nodiscard]] std::vector<Index> array_shape(ParameterRole role) const override {
    return role == ParameterRole::slope ? phi_.array_shape(role) : map_->array_shape(role);
  }
  void parameters_changed() override {
    map_->parameters_changed();
    phi_.parameters_changed();
  }

  void prepare(NodeState<T>& state, Index batch, Index shards) const override { map_->prepare(state, batch, shards); }
  void forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const override {
    map_->multiply(*inputs[0], state, state.saved, shard);
    phi_.sweep(state.saved, map_->bias_data(), state, shard, pass);
  }
  void backward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass,
                InputDeltas<T> input_deltas) const override {
    phi_.sweep_back(state, shard, pass);
    map_->pass_back(*inputs[0], state, input_deltas[0], shard);
  }
  void gradient(NodeInputs<T> inputs, const NodeState<T>& state, Index batch, Index shards, const Tile& tile,
                T* out) const override {
    if (tile.role == ParameterRole::slope) {
      phi_.gradient(inputs, state, batch, shards, tile, out);
    } else {
      map_->gradient(inputs, state, batch, shards, tile, out);
    }
  }
  void append_tiles(std::size_t node, std::vector<Tile>& tiles) const override {
    map_->append_tiles(node, tiles);
    phi_.append_tiles(node, tiles);
  }

  [[nodiscard]] std::optional<Matrix<T>> apart(const Node<T>& other, NodeInputs<T> inputs,
                                               NodeInputs<T> inputs_apart) const override {
    const typename Affine<T>::Apart map = map_->map_apart(*other.affine(), *inputs[0], *inputs_apart[0]);
    return phi_.apart_of(*other.activation(), map.z, map.high, map.size);
  }
  [[nodiscard]] bool same_in_training() const override { return phi_.same_in_training(); }
  [[nodiscard]] bool never_negative(bool inputs_never_negative) const override {
    return phi_.never_negative(inputs_never_negative);
  }
  [[nodiscard]] bool is_silent_without_delta() const override { return true; }

 private:
  std::unique_ptr<Node<T>> owned_;
  Affine<T>* map_;  ///< the same
  ActivationNode<T> phi_;
};

}  // namespace reluscope
