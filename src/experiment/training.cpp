#include "experiment/training.hpp"

#include "experiment/features.hpp"
#include "experiment/initial_network.hpp"

namespace reluscope {

template <class T>
Training<T>::Training(const ExperimentSpec& experiment, const Dataset& data, ThreadPool& threads)
    : spec(experiment),
      dataset(data),
      pool(threads),
      plan(spec.train, dataset.train.count(), spec.seed),
      network(initial_network<T>(spec, dataset.features(), spec.seed)),
      criterion(criterion_of(spec, dataset)),
      optimizer(spec.train.optimizer, {spec.train.clip_norm, spec.train.clip_value}, spec.train.penalty,
                network.parameters()),
      schedule(spec.train.schedule, spec.train.warmup_steps, spec.train.warmup_start_factor),
      step(network, dataset, criterion, optimizer, plan.largest_batch(), pool) {
  summary.targets = describe_targets(dataset, output_shape(spec));
  summary.classes = describe_classes(dataset, dataset.train);
  for (const std::size_t layer : network.unit_layers()) {
    LayerSummary row;
    row.name = network.layer(layer).name();
    row.activation = network.layer(layer).activation()->name;
    row.units = network.layer(layer).outputs();
    row.is_output = layer + 1 == network.depth();
    summary.layers.push_back(row);
  }
}

template struct Training<float>;
template struct Training<double>;

}  // namespace reluscope
