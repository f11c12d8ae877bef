#include "experiment/criterion.hpp"

#include "nn/layer_places.hpp"

namespace reluscope {

Criterion criterion_of(const ExperimentSpec& spec, const Dataset& dataset) {
  const Index outputs = count_outputs(spec.network, dataset.shape());
  return {*find_entry(loss_table(), spec.loss.name), spec.loss.params,
          plan_targets(spec.loss, *spec.network.layers.back().activation, dataset, outputs), spec.train.penalty};
}

template <class T>
LossParts weight_penalty(const Penalty& penalty, const Network<T>& network) {
  LossParts parts;
  if (!penalty.on_weights()) return parts;
  WeightSums sums;
  for (std::size_t node = 0; node < network.depth(); ++node) {
    const Parameter<T>* parameter = network.node(node).parameter(ParameterRole::weight);
    if (parameter == nullptr) continue;
    const WeightSums one = sum_weights(parameter->value.data(), parameter->value.size());
    sums.absolute += one.absolute;
    sums.square += one.square;
  }
  parts.l1_weights = penalty.l1_weights * sums.absolute;
  parts.l2_weights = penalty.l2_weights * sums.square;
  return parts;
}

template <class T>
double activation_sum(const Network<T>& network, const NetworkState<T>& state, const Shard& shard) {
  double sum = 0.0;
  for (std::size_t at = 0; at + 1 < network.sites().size(); ++at)
    sum += state.node(network.sites()[at])
               .output.middleCols(shard.first, shard.count)
               .template cast<double>()
               .cwiseAbs()
               .sum();
  return sum;
}

template LossParts weight_penalty(const Penalty&, const Network<float>&);
template LossParts weight_penalty(const Penalty&, const Network<double>&);
template double activation_sum(const Network<float>&, const NetworkState<float>&, const Shard&);
template double activation_sum(const Network<double>&, const NetworkState<double>&, const Shard&);

}  // namespace reluscope
