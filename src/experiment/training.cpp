#include "experiment/training.hpp"

#include "experiment/features.hpp"
#include "experiment/initial_network.hpp"
#include "experiment/sites.hpp"

namespace reluscope {

template <class T>
Training<T>::Training(const ExperimentSpec& experiment, const Dataset& data, ThreadPool& threads)
    : spec(experiment),
      dataset(data),
      pool(threads),
      plan(spec.train, dataset.train.count(), spec.seed),
      network(initial_network<T>(spec, dataset.shape(), spec.seed)),
      owned(owned_nodes(network)),
      criterion(criterion_of(spec, dataset)),
      optimizer(spec.train.optimizer, {spec.train.clip_norm, spec.train.clip_value}, spec.train.penalty,
                network.parameters()),
      schedule(spec.train.schedule, spec.train.warmup_steps, spec.train.warmup_start_factor),
      step(network, dataset, criterion, optimizer, plan.largest_batch(), pool) {
  summary.targets = describe_targets(dataset, output_shape(spec));
  summary.classes = describe_classes(dataset, dataset.train);
  for (const SiteRecord& site : describe_sites(spec.network, dataset.shape())) {
    LayerSummary& row = summary.layers.emplace_back();
    row.name = site.name;
    row.activation = site.activation;
    row.units = site.units;
    row.is_output = site.role == Role::output;
  }
}

template struct Training<float>;
template struct Training<double>;

}  // namespace reluscope
