#include "probe/z_histogram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "nn/gemm.hpp"
#include "probe/sample_runner.hpp"

namespace reluscope {

namespace detail {

/// The least and the greatest of what is finite.
struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

}  // namespace detail

namespace {

using detail::Range;

Histogram empty_histogram(const Range& range, std::size_t bins) {
  if (!(range.low <= range.high)) return {};
  return {range.low, range.high, std::vector<std::int64_t>(range.low < range.high ? bins : 1)};
}

void count_value(Histogram& histogram, double value) {
  if (!std::isfinite(value)) return;
  const double width = histogram.high - histogram.low;
  const auto bins = static_cast<double>(histogram.counts.size());
  // A range beyond what a double holds has one bin that is hit.
  const double place = width > 0.0 && std::isfinite(width) ? (value - histogram.low) / width * bins : 0.0;
  ++histogram.counts[std::min(static_cast<std::size_t>(place), histogram.counts.size() - 1)];
}

/// At most about `most` training samples, evenly spaced.
std::vector<Index> spaced_samples(const Dataset& dataset, Index most) {
  const Index every = (dataset.train.count() + most - 1) / most;
  std::vector<Index> samples;
  for (Index sample = 0; sample < dataset.train.count(); sample += every) samples.push_back(sample);
  return samples;
}

template <class T>
Index columns_for(const Network<T>& network, std::span<const Index> samples) {
  return std::min(network.pass_columns(), static_cast<Index>(samples.size()));
}

/// Positions of samples whose z is computed at once.
constexpr Index kPositionsAtOnce = 4096;

/// Calls visit(z) with z of a site's units in `rows` for the runner's samples, rows × positions of some samples.
/// With the bits that training has.
template <class T, class Visit>
void visit_pre_activations(const SampleRunner<T>& runner, const Network<T>& network, std::size_t site,
                           const std::vector<Index>& rows, Visit visit) {
  const std::size_t place = network.sites()[site];
  const Node<T>& node = network.node(place);
  const Matrix<T>& input = *runner.state().inputs_of(place)[0];
  const auto samples = static_cast<Index>(runner.samples().size());
  const Index at_once = std::max<Index>(1, kPositionsAtOnce / node.positions());
  for (Index first = 0; first < samples; first += at_once) {
    const Index count = std::min(at_once, samples - first);
    const Index columns = count * node.positions();
    const Affine<T>* map = node.affine();
    if (map == nullptr) {
      visit(Matrix<T>(Eigen::Map<const Matrix<T>>(input.col(first).data(), node.units(), columns)(rows, Eigen::all)));
      continue;
    }
    Matrix<T> z = map->multiply_rows(input, first, count, rows);
    for (Index row = 0; row < z.rows(); ++row) z.row(row).array() += map->bias_of(rows[static_cast<std::size_t>(row)]);
    visit(z);
  }
}

/// Calls visit(layer among those with units, z) for each pre-activation of the samples.
template <class T, class Visit>
void visit_all(const Network<T>& network, const Dataset& dataset, std::span<const Index> samples, ThreadPool& pool,
               Visit visit) {
  SampleRunner<T> runner(network, dataset, pool, columns_for(network, samples));
  run_over(runner, network, samples, Measure::nothing, network.depth(), [&](std::size_t /*first*/) {
    for (std::size_t at = 0; at < network.sites().size(); ++at) {
      std::vector<Index> units(static_cast<std::size_t>(network.site(at).units()));
      std::iota(units.begin(), units.end(), Index{0});
      visit_pre_activations(runner, network, at, units, [&](const Matrix<T>& z) {
        for (const T value : z.reshaped()) visit(at, static_cast<double>(value));
      });
    }
  });
}

/// z of each unit, sample by sample, position by position.
template <class T>
std::vector<std::vector<double>> trace(const Network<T>& network, const Dataset& dataset, std::span<const Death> deaths,
                                       std::span<const Index> samples, ThreadPool& pool) {
  std::vector<std::vector<double>> values(deaths.size());
  std::size_t layers = 0;
  for (const Death& death : deaths) layers = std::max(layers, network.sites()[death.layer]);
  SampleRunner<T> runner(network, dataset, pool, columns_for(network, samples));
  run_over(runner, network, samples, Measure::nothing, layers, [&](std::size_t /*first*/) {
    for (std::size_t at = 0; at < deaths.size(); ++at) {
      visit_pre_activations(runner, network, deaths[at].layer, {static_cast<Index>(deaths[at].unit)},
                            [&](const Matrix<T>& z) {
                              for (const T value : z.reshaped()) values[at].push_back(static_cast<double>(value));
                            });
    }
  });
  return values;
}

Histogram histogram_of(const std::vector<double>& values) {
  Range range;
  for (const double value : values) range.add(value);
  Histogram histogram = empty_histogram(range, kPortraitBins);
  for (const double value : values) count_value(histogram, value);
  return histogram;
}

}  // namespace

double Histogram::edge(std::size_t bin) const {
  if (bin >= counts.size()) return high;
  const double share = static_cast<double>(bin) / static_cast<double>(counts.size());
  return low * (1.0 - share) + high * share;
}

template <class T>
std::vector<Histogram> layer_histograms(const Network<T>& network, const Dataset& dataset, ThreadPool& pool) {
  const std::vector<Index> samples = spaced_samples(dataset, kHistogramSamples);
  std::vector<Range> ranges(network.sites().size());
  visit_all(network, dataset, samples, pool, [&](std::size_t layer, double z) { ranges[layer].add(z); });
  std::vector<Histogram> histograms;
  for (const Range& range : ranges) histograms.push_back(empty_histogram(range, kLayerBins));
  visit_all(network, dataset, samples, pool, [&](std::size_t layer, double z) { count_value(histograms[layer], z); });
  return histograms;
}

template <class T>
std::vector<Portrait> portray(const Network<T>& before, const Network<T>& now, const Dataset& dataset,
                              std::span<const Death> deaths, ThreadPool& pool) {
  if (deaths.empty()) return {};
  std::vector<Index> samples = spaced_samples(dataset, kPortraitSamples);
  for (const Death& death : deaths) samples.push_back(death.witness);
  std::sort(samples.begin(), samples.end());
  samples.erase(std::unique(samples.begin(), samples.end()), samples.end());
  const std::vector<std::vector<double>> old_values = trace(before, dataset, deaths, samples, pool);
  const std::vector<std::vector<double>> new_values = trace(now, dataset, deaths, samples, pool);
  std::vector<Portrait> portraits;
  for (std::size_t at = 0; at < deaths.size(); ++at) {
    portraits.push_back({histogram_of(old_values[at]), histogram_of(new_values[at])});
  }
  return portraits;
}

template std::vector<Histogram> layer_histograms(const Network<float>&, const Dataset&, ThreadPool&);
template std::vector<Histogram> layer_histograms(const Network<double>&, const Dataset&, ThreadPool&);
template std::vector<Portrait> portray(const Network<float>&, const Network<float>&, const Dataset&,
                                       std::span<const Death>, ThreadPool&);
template std::vector<Portrait> portray(const Network<double>&, const Network<double>&, const Dataset&,
                                       std::span<const Death>, ThreadPool&);

}  // namespace reluscope
