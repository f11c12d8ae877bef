#include "probe/census.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "util/random.hpp"

namespace reluscope {

namespace {

/// Samples per forward pass of the census: several shards, so that threads have something to share.
constexpr Index kCensusColumns = 512;

/// Sums of one layer over D, in double.
struct LayerTotals {
  std::vector<double> margin, active, steepest, a_abs;
  explicit LayerTotals(std::size_t units)
      : margin(units, std::numeric_limits<double>::infinity()), active(units), steepest(units), a_abs(units) {}

  template <class T>
  void add(const CensusSums<T>& sums) {
    for (std::size_t unit = 0; unit < margin.size(); ++unit) {
      const auto at = static_cast<Index>(unit);
      const auto seen = static_cast<double>(sums.margin[at]);
      if (!(margin[unit] <= seen) && !std::isnan(margin[unit])) margin[unit] = seen;  // a NaN wins and stays
      active[unit] += static_cast<double>(sums.active[at]);
      steepest[unit] = std::max(steepest[unit], static_cast<double>(sums.steepest[at]));
      a_abs[unit] += static_cast<double>(sums.a_abs[at]);
    }
  }
};

template <class T>
class BruteCensus final : public Census<T> {
 public:
  BruteCensus(const Network<T>& network, const Dataset& dataset, const CensusOptions& options, ThreadPool& pool)
      : dataset_(dataset),
        options_(options),
        pool_(pool),
        state_(network, std::min(kCensusColumns, dataset.train.count())),
        order_(static_cast<std::size_t>(dataset.train.count())) {
    std::iota(order_.begin(), order_.end(), Index(0));
    const Index wanted =
        options.probe_samples == 0 ? dataset.train.count() : std::min(options.probe_samples, dataset.train.count());
    probe_ = order_;
    if (wanted < dataset.train.count()) {
      Rng rng(options.seed, Purpose::probe);
      rng.shuffle(std::span(probe_));
      probe_.resize(static_cast<std::size_t>(wanted));
      std::sort(probe_.begin(), probe_.end());
    }
  }

  CensusResult take(const Network<T>& network) override {
    std::vector<LayerTotals> totals;
    for (const std::size_t layer : network.unit_layers())
      totals.emplace_back(static_cast<std::size_t>(network.layer(layer).outputs()));
    Vector<T> lowest;
    Vector<T> highest;
    for_each_batch(network, order_, Measure::census, [&](Index columns, const std::vector<Shard>& shards, Index first) {
      for (const Shard& shard : shards)
        for (std::size_t at = 0; at < totals.size(); ++at)
          totals[at].add(state_.layer(network.unit_layers()[at]).shards[static_cast<std::size_t>(shard.index)].census);
      const auto output = state_.output().leftCols(columns);
      if (first == 0) lowest = highest = output.col(0);
      lowest = lowest.cwiseMin(output.rowwise().minCoeff());
      highest = highest.cwiseMax(output.rowwise().maxCoeff());
    });
    CensusResult result;
    result.collapsed = (lowest.array() == highest.array()).all();
    for (const LayerTotals& layer : totals) result.layers.push_back(judge(layer));
    measure_ranks(network, result);
    return result;
  }

 private:
  /// Runs `samples` through the network, kCensusColumns at a time, and calls visit(columns, shards, first).
  template <class Visit>
  void for_each_batch(const Network<T>& network, const std::vector<Index>& samples, Measure measure, Visit visit) {
    Pass pass;
    pass.measure = measure;
    const auto total = static_cast<Index>(samples.size());
    for (Index first = 0; first < total; first += kCensusColumns) {
      const Index columns = std::min(kCensusColumns, total - first);
      const std::vector<Shard> shards = cut_into_shards(columns);
      pool_.for_each(static_cast<std::int64_t>(shards.size()), [&](std::int64_t index) {
        const Shard& shard = shards[static_cast<std::size_t>(index)];
        const std::span<const Index> part(samples.data() + first + shard.first, static_cast<std::size_t>(shard.count));
        gather<T>(dataset_, dataset_.train, part, state_.input().middleCols(shard.first, shard.count));
        state_.forward(network, shard, pass);
      });
      visit(columns, shards, first);
    }
  }

  [[nodiscard]] LayerCensus judge(const LayerTotals& totals) const {
    LayerCensus layer;
    layer.units.resize(totals.margin.size());
    const auto samples = static_cast<double>(order_.size());
    double mean_abs = 0.0;
    for (const double sum : totals.a_abs) mean_abs += sum / samples / static_cast<double>(totals.a_abs.size());
    for (std::size_t unit = 0; unit < layer.units.size(); ++unit) {
      UnitCensus& seen = layer.units[unit];
      seen.margin = totals.margin[unit];
      seen.dead = seen.margin >= 0.0;
      seen.saturated = totals.steepest[unit] <= options_.saturation_epsilon;
      seen.activation_rate = totals.active[unit] / samples;
      seen.mean_abs = totals.a_abs[unit] / samples;
      seen.dormant = seen.mean_abs <= options_.dormant_tau * mean_abs;
    }
    return layer;
  }

  void measure_ranks(const Network<T>& network, CensusResult& result) {
    std::vector<Matrix<double>> activations;
    for (const std::size_t layer : network.unit_layers())
      activations.emplace_back(network.layer(layer).outputs(), static_cast<Index>(probe_.size()));
    for_each_batch(network, probe_, Measure::nothing, [&](Index columns, const std::vector<Shard>&, Index first) {
      for (std::size_t at = 0; at < activations.size(); ++at)
        activations[at].middleCols(first, columns) =
            state_.layer(network.unit_layers()[at]).output.leftCols(columns).template cast<double>();
    });
    pool_.for_each(static_cast<std::int64_t>(activations.size()), [&](std::int64_t at) {
      result.layers[static_cast<std::size_t>(at)].effective_rank =
          effective_rank(activations[static_cast<std::size_t>(at)]);
    });
  }

  const Dataset& dataset_;
  CensusOptions options_;
  ThreadPool& pool_;
  NetworkState<T> state_;
  std::vector<Index> order_;  ///< all training samples
  std::vector<Index> probe_;
};

}  // namespace

template <class T>
std::unique_ptr<Census<T>> make_brute_census(const Network<T>& network, const Dataset& dataset,
                                             const CensusOptions& options, ThreadPool& pool) {
  return std::make_unique<BruteCensus<T>>(network, dataset, options, pool);
}

template std::unique_ptr<Census<float>> make_brute_census(const Network<float>&, const Dataset&, const CensusOptions&,
                                                          ThreadPool&);
template std::unique_ptr<Census<double>> make_brute_census(const Network<double>&, const Dataset&, const CensusOptions&,
                                                           ThreadPool&);

double effective_rank(const Matrix<double>& activations) {
  if (!activations.allFinite()) return std::numeric_limits<double>::quiet_NaN();
  // The squares of the singular values are the eigenvalues of the smaller Gram matrix.
  const bool wide = activations.cols() >= activations.rows();
  const Matrix<double> gram = wide ? Matrix<double>(activations * activations.transpose())
                                   : Matrix<double>(activations.transpose() * activations);
  const Eigen::SelfAdjointEigenSolver<Matrix<double>> solver(gram, Eigen::EigenvaluesOnly);
  const Eigen::ArrayXd eigenvalues = solver.eigenvalues().array().max(0.0);
  const double largest = eigenvalues.maxCoeff();
  if (!(largest > 0.0)) return 0.0;
  // Eigenvalues at rounding level stand for singular values of 0.
  const double floor = largest * static_cast<double>(gram.rows()) * std::numeric_limits<double>::epsilon();
  const Eigen::ArrayXd singular = (eigenvalues > floor).select(eigenvalues.sqrt(), 0.0);
  const Eigen::ArrayXd share = singular / singular.sum();
  double entropy = 0.0;
  for (const double p : share)
    if (p > 0.0) entropy -= p * std::log(p);
  return std::exp(entropy);
}

}  // namespace reluscope
