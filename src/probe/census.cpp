#include "probe/census.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "probe/dead_on_domain.hpp"
#include "probe/extent.hpp"
#include "probe/sample_runner.hpp"

namespace reluscope {

std::int64_t LayerCensus::dead() const {
  return std::count_if(units.begin(), units.end(), [](const UnitCensus& unit) { return unit.dead; });
}

namespace {

template <class T>
class BruteCensus final : public Census<T> {
 public:
  BruteCensus(const Network<T>& network, const Dataset& dataset, LazyExtent<T>& extent, ThreadPool& pool)
      : Census<T>(network),
        extent_(extent),
        runner_(network, dataset, pool, std::min(network.pass_columns(), dataset.train.count())),
        samples_(static_cast<std::size_t>(dataset.train.count())) {
    std::iota(samples_.begin(), samples_.end(), Index{0});
  }

  CensusResult count(const Network<T>& network, const BatchActivity<T>* /*batch*/) override {
    BatchActivity<T> seen(network, false);
    CensusResult result;
    for (const LayerActivity<T>& layer : seen.layers) {
      result.layers.emplace_back().units.resize(layer.units());
      for (UnitCensus& unit : result.layers.back().units) unit.margin = std::numeric_limits<double>::infinity();
    }
    result.collapsed = true;
    Vector<T> first_output;
    run_over(runner_, network, samples_, Measure::activity, network.depth(), [&](std::size_t first) {
      seen.collect(network, runner_.state(), runner_.shards(), runner_.samples());
      for (std::size_t at = 0; at < seen.layers.size(); ++at) take_in(seen, at, result.layers[at]);
      const auto& output = runner_.state().output();
      if (first == 0) first_output = output.col(0);
      for (std::size_t column = 0; column < runner_.samples().size() && result.collapsed; ++column)
        result.collapsed = (output.col(static_cast<Index>(column)).array() == first_output.array()).all();
    });
    for (LayerCensus& layer : result.layers)
      for (UnitCensus& unit : layer.units) unit.dead = unit.margin >= 0.0;
    mark_dead_on_domain(network, extent_, result);
    ++this->work_.censuses;
    this->work_.samples += static_cast<std::int64_t>(samples_.size());
    return result;
  }

  std::vector<DeadBounds> bounds(const Network<T>& network, const BatchActivity<T>& batch) override {
    std::vector<DeadBounds> bounds(batch.layers.size());
    for (std::size_t at = 0; at < bounds.size(); ++at) {
      if (!network.site(at).activation()->mortal()) continue;
      for (std::size_t unit = 0; unit < batch.layers[at].units(); ++unit)
        if (at >= batch.exact_layers || !batch.layers[at].active(unit)) ++bounds[at].dead_max;
    }
    return bounds;
  }

 private:
  static void take_in(const BatchActivity<T>& seen, std::size_t at, LayerCensus& layer) {
    for (std::size_t unit = 0; unit < layer.units.size(); ++unit) {
      UnitCensus& census = layer.units[unit];
      const auto margin = static_cast<double>(seen.layers[at].margin[static_cast<Index>(unit)]);
      if (!is_nearer(margin, census.margin)) continue;
      census.margin = margin;
      if (seen.layers[at].active(unit)) census.witness = seen.sample(at, unit);
    }
  }

  LazyExtent<T>& extent_;
  SampleRunner<T> runner_;
  std::vector<Index> samples_;  ///< all of D
};

}  // namespace

template <class T>
std::unique_ptr<Census<T>> make_brute_census(const Network<T>& network, const Dataset& dataset, LazyExtent<T>& extent,
                                             ThreadPool& pool) {
  return std::make_unique<BruteCensus<T>>(network, dataset, extent, pool);
}

template std::unique_ptr<Census<float>> make_brute_census(const Network<float>&, const Dataset&, LazyExtent<float>&,
                                                          ThreadPool&);
template std::unique_ptr<Census<double>> make_brute_census(const Network<double>&, const Dataset&, LazyExtent<double>&,
                                                           ThreadPool&);

}  // namespace reluscope
