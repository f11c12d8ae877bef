#include "probe/reach.hpp"

#include <algorithm>
#include <utility>

#include "nn/activation_node.hpp"
#include "nn/affine.hpp"

namespace reluscope {

namespace {

/// What feeds a node, of `outputs` of the nodes before it.
template <class V>
std::vector<const V*> inputs_of(const Graph& graph, std::size_t node, const V& input, const std::vector<V>& outputs) {
  std::vector<const V*> inputs;
  for (const std::size_t from : graph.inputs_of(node))
    inputs.push_back(from == kNetworkInput ? &input : &outputs[from]);
  return inputs;
}

/// Of the norms that drifts have.
std::vector<double> norms_of(const std::vector<const Drift*>& drifts) {
  std::vector<double> norms;
  for (const Drift* drift : drifts) norms.push_back(drift->norm);
  return norms;
}

/// Of each site: whether `holds` for every node that it depends on, but itself.
template <class T, class Holds>
std::vector<bool> holds_before(const Network<T>& network, Holds holds) {
  std::vector<bool> up_to(network.depth());  // the node itself included
  std::vector<bool> sites;
  for (std::size_t at = 0; at < network.depth(); ++at) {
    const std::span<const std::size_t> inputs = network.graph().inputs_of(at);
    const bool before = std::all_of(inputs.begin(), inputs.end(),
                                    [&](std::size_t from) { return from == kNetworkInput || up_to[from]; });
    up_to[at] = before && holds(network.node(at));
    if (network.node(at).activation() != nullptr) sites.push_back(before);
  }
  return sites;
}

}  // namespace

template <class T>
BoxReach<T>::BoxReach(const Network<T>& network, Box input) : network_(network), input_(std::move(input)) {}

template <class T>
PreActivationBox BoxReach<T>::next() {
  while (true) {
    const std::size_t at = boxes_.size();
    const Node<T>& node = network_.node(at);
    const std::vector<const Box*> inputs = inputs_of(network_.graph(), at, input_, boxes_);
    if (node.affine() != nullptr) {
      PreActivationBox z = bound_map(at);
      if (node.activation() != nullptr) return z;
      boxes_.push_back(std::move(z.z));
    } else if (node.activation() == nullptr) {
      boxes_.push_back(node.bound(inputs).value_or(Box::unknown(node.units())));
    } else {
      return {*inputs[0], std::vector<bool>(static_cast<std::size_t>(node.units()))};
    }
  }
}

/// What feeds the map may know more of a sum of its channels than of each.
template <class T>
PreActivationBox BoxReach<T>::bound_map(std::size_t node) const {
  const Graph& graph = network_.graph();
  const Affine<T>& map = *network_.node(node).affine();
  const std::size_t from = graph.inputs_of(node)[0];
  std::optional<Box> sums;
  if (from != kNetworkInput && map.is_pointwise() && network_.node(from).units() == map.fan_in())
    sums = network_.node(from).bound_sums(map.weights(), inputs_of(graph, from, input_, boxes_));
  return map.bound_map(*inputs_of(graph, node, input_, boxes_)[0], sums);
}

template <class T>
void BoxReach<T>::pass_on(const Box& z, const std::vector<std::size_t>& zero) {
  const Node<T>& site = network_.node(boxes_.size());
  const Box* input = &z;
  Box box = site.activation()->bound(std::span(&input, 1)).value_or(Box::unknown(site.units()));
  for (const std::size_t unit : zero) box.low[static_cast<Index>(unit)] = box.high[static_cast<Index>(unit)] = 0.0;
  boxes_.push_back(std::move(box));
}

template <class T>
DriftReach<T>::DriftReach(const Network<T>& before, const Network<T>& now, double norm)
    : before_(before), now_(now), input_{norm, Eigen::VectorXd::Zero(now.inputs())} {}

template <class T>
Eigen::VectorXd DriftReach<T>::next() {
  while (true) {
    const std::size_t at = drifts_.size();
    const Node<T>& node = now_.node(at);
    const std::vector<const Drift*> inputs = inputs_of(now_.graph(), at, input_, drifts_);
    const auto unknown = [&] { return Eigen::VectorXd::Constant(node.units(), kInfinity); };
    if (node.activation() == nullptr) {
      const std::vector<double> norms = norms_of(inputs);
      drifts_.push_back(
          {before_.node(at).norm(norms).value_or(kInfinity), node.drift(before_.node(at), inputs).value_or(unknown())});
    } else if (const Affine<T>* map = node.affine()) {
      return map->drift(before_.node(at), inputs).value_or(unknown());
    } else {
      return inputs[0]->element;
    }
  }
}

template <class T>
Eigen::VectorXd DriftReach<T>::of_outputs(const Eigen::VectorXd& z_drift) const {
  const std::size_t at = drifts_.size();
  const Node<T>& site = now_.node(at);
  const ActivationNode<T>& phi = *site.activation();
  const Node<T>& before = before_.node(at);
  if (phi.entry().coupled) return Eigen::VectorXd::Constant(site.units(), kInfinity);
  const std::vector<const Drift*> inputs = inputs_of(now_.graph(), at, input_, drifts_);
  Eigen::VectorXd size;
  if (phi.entry().learned_slope || (z_drift.array() != 0.0).any())
    size = site.affine() != nullptr ? site.affine()->bound_size(inputs[0]->norm)
                                    : Eigen::VectorXd::Constant(site.units(), inputs[0]->norm);
  return phi.drift_of(before, z_drift, size);
}

template <class T>
Box bound_input_in_training(const Network<T>& network, std::size_t site, const Box& box) {
  const std::size_t place = network.sites()[site];
  const std::vector<bool> before = network.graph().ancestors_of(place);
  std::vector<Box> boxes(place);
  for (std::size_t at = 0; at < place; ++at) {
    if (!before[at]) continue;
    const Node<T>& node = network.node(at);
    boxes[at] = node.bound_in_training(inputs_of(network.graph(), at, box, boxes)).value_or(Box::unknown(node.units()));
  }
  return *inputs_of(network.graph(), place, box, boxes)[0];
}

template <class T>
double bound_input_norm(const Network<T>& network, std::size_t site, double norm) {
  const std::size_t place = network.sites()[site];
  const std::vector<bool> before = network.graph().ancestors_of(place);
  std::vector<double> norms(place, kInfinity);
  for (std::size_t at = 0; at < place; ++at) {
    if (!before[at]) continue;
    std::vector<double> inputs;
    for (const double* input : inputs_of(network.graph(), at, norm, norms)) inputs.push_back(*input);
    norms[at] = network.node(at).norm(inputs).value_or(kInfinity);
  }
  return *inputs_of(network.graph(), place, norm, norms)[0];
}

template <class T>
std::optional<Matrix<T>> outputs_apart(const Network<T>& network, const Network<T>& other, const NetworkState<T>& state,
                                       Index samples) {
  const Matrix<T> same = Matrix<T>::Zero(network.inputs(), samples);
  std::vector<Matrix<T>> apart;
  for (std::size_t at = 0; at < network.depth(); ++at) {
    std::optional<Matrix<T>> one =
        network.node(at).apart(other.node(at), state.inputs_of(at), inputs_of(network.graph(), at, same, apart));
    if (!one) return std::nullopt;
    apart.push_back(std::move(*one));
  }
  return std::move(apart.back());
}

template <class T>
std::vector<bool> never_negative(const Network<T>& network) {
  std::vector<bool> known(network.depth());
  for (std::size_t at = 0; at < network.depth(); ++at) {
    const std::span<const std::size_t> inputs = network.graph().inputs_of(at);
    known[at] = network.node(at).never_negative(std::all_of(
        inputs.begin(), inputs.end(), [&](std::size_t from) { return from != kNetworkInput && known[from]; }));
  }
  return known;
}

template <class T>
std::vector<bool> fed_by_data(const Network<T>& network) {
  return holds_before(network, [](const Node<T>& node) { return !node.has_parameters(); });
}

template <class T>
std::vector<bool> sees_what_evaluation_sees(const Network<T>& network) {
  return holds_before(network, [](const Node<T>& node) { return node.same_in_training(); });
}

#define RELUSCOPE_INSTANTIATE(T)                                                                                \
  template std::optional<Matrix<T>> outputs_apart(const Network<T>&, const Network<T>&, const NetworkState<T>&, \
                                                  Index);                                                       \
  template class BoxReach<T>;                                                                                   \
  template class DriftReach<T>;                                                                                 \
  template Box bound_input_in_training(const Network<T>&, std::size_t, const Box&);                             \
  template double bound_input_norm(const Network<T>&, std::size_t, double);                                     \
  template std::vector<bool> never_negative(const Network<T>&);                                                 \
  template std::vector<bool> fed_by_data(const Network<T>&);                                                    \
  template std::vector<bool> sees_what_evaluation_sees(const Network<T>&);
RELUSCOPE_INSTANTIATE(float)
RELUSCOPE_INSTANTIATE(double)
#undef RELUSCOPE_INSTANTIATE

}  // namespace reluscope
