#include "probe/census_pass.hpp"

#include <numeric>
#include <utility>

#include "probe/census_groups.hpp"

namespace reluscope {

template <class T>
CensusPass<T>::CensusPass(const Network<T>& network, std::vector<std::vector<Index>> units, const Dataset& dataset,
                          ThreadPool& pool)
    : units_(std::move(units)),
      runner_(network, dataset, pool, census_columns(dataset.train.count(), network.pass_columns())),
      seen_(network, false) {}

template <class T>
void CensusPass<T>::run(const Network<T>& network, std::span<const Index> samples, std::size_t layers, Device device,
                        CensusDraft& draft) {
  runner_.run(network, samples, Measure::activity, network.sites()[layers - 1] + 1);
  draft.samples += static_cast<std::int64_t>(samples.size());
  seen_.exact_layers = seen_.seen_layers = layers;
  seen_.collect(network, runner_.state(), runner_.shards(), samples);
  for (std::size_t at = 0; at < layers; ++at)
    for (std::size_t row = 0; row < units_[at].size(); ++row) {
      auto& verdict = draft.units[at][static_cast<std::size_t>(units_[at][row])];
      if (verdict.state == UnitState::open && seen_.layers[at].active(row))
        verdict = {UnitState::alive, device, seen_.sample(at, row), 0.0};
    }
}

template <class T>
std::vector<std::vector<Index>> every_unit(const Network<T>& network) {
  std::vector<std::vector<Index>> units;
  for (const std::size_t layer : network.sites()) {
    units.emplace_back(static_cast<std::size_t>(network.node(layer).units()));
    std::iota(units.back().begin(), units.back().end(), Index{0});
  }
  return units;
}

template class CensusPass<float>;
template class CensusPass<double>;
template std::vector<std::vector<Index>> every_unit(const Network<float>&);
template std::vector<std::vector<Index>> every_unit(const Network<double>&);

}  // namespace reluscope
