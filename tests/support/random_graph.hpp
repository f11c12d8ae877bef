#pragma once
// Random graphs around the layers of a random experiment: branches that are summed up, before an activation or behind
// it, and nodes that answer nothing.

#include "support/random_experiment.hpp"
#include "support/test_nodes.hpp"

namespace reluscope::test {

/// Another map of the same shape.
template <class T>
std::unique_ptr<Node<T>> other_map(const Node<T>& map) {
  std::unique_ptr<Node<T>> other = map.clone();
  Matrix<T>& weights = other->parameter(ParameterRole::weight)->value;
  weights = T(-0.7) * weights.rowwise().reverse().eval();
  return other;
}

/// The experiment's network, with some of its hidden layers changed.
template <class T>
Network<T> random_graph(const RandomExperiment& one, std::uint64_t seed) {
  Rng rng(seed, Purpose::generator, 79);
  const Shape input = one.dataset.shape();
  std::vector<GraphNode<T>> drawn = draw_nodes<T>(one.network, input, seed);
  std::vector<GraphNode<T>> nodes;
  const auto append = [&](std::unique_ptr<Node<T>> node, std::vector<std::size_t> inputs) {
    nodes.push_back({std::move(node), std::move(inputs)});
    return nodes.size() - 1;
  };
  std::size_t below = kNetworkInput;
  for (std::size_t at = 0; at < drawn.size(); ++at) {
    if (drawn[at].node->affine() == nullptr || at + 2 >= drawn.size()) {
      below = append(std::move(drawn[at].node), {below});
      continue;
    }
    const Node<T>& map = *drawn[at].node;
    const Node<T>& phi = *drawn[at + 1].node;
    const Shape shape = map.output_shape();
    const std::size_t from = below;
    switch (rng.below(6)) {
      case 0:  // a branch, summed up behind the activations
        below = append(phi.clone(), {append(map.clone(), {from})});
        below = append(std::make_unique<Sum<T>>("sum", shape),
                       {below, append(phi.clone(), {append(other_map(map), {from})})});
        break;
      case 1:  // before the activation
        below = append(map.clone(), {from});
        below = append(std::make_unique<Sum<T>>("sum", shape), {below, append(other_map(map), {from})});
        below = append(phi.clone(), {below});
        break;
      case 2:  // a mute node before the activation
        below = append(phi.clone(), {append(std::make_unique<Mute<T>>("mute", shape), {append(map.clone(), {from})})});
        break;
      case 3:  // behind it
        below = append(std::make_unique<Mute<T>>("mute", shape), {append(phi.clone(), {append(map.clone(), {from})})});
        break;
      case 4:  // a way around an activation
        below = append(map.clone(), {from});
        below = append(std::make_unique<Sum<T>>("sum", shape), {append(phi.clone(), {below}), below});
        break;
      default:
        below = append(phi.clone(), {append(map.clone(), {from})});
    }
    ++at;
  }
  return Network<T>(std::move(nodes), input);
}

/// Of each site: whether a mute node feeds it, with no other site between.
template <class T>
std::vector<bool> stands_on_mute(const Network<T>& network) {
  std::vector<bool> mute(network.depth());
  std::vector<bool> sites;
  for (std::size_t at = 0; at < network.depth(); ++at) {
    bool before = false;
    for (const std::size_t from : network.graph().inputs_of(at))
      before = before || (from != kNetworkInput && mute[from]);
    const bool is_site = network.node(at).activation() != nullptr;
    mute[at] = !is_site && (before || network.node(at).name() == "mute");
    if (is_site) sites.push_back(before);
  }
  return sites;
}

}  // namespace reluscope::test
