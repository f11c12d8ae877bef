#include "probe/probe_set.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "probe/activity.hpp"
#include "util/portable_math.hpp"
#include "util/random.hpp"

namespace reluscope {

std::int64_t LayerProbe::saturated() const {
  return std::count_if(units.begin(), units.end(), [](const UnitProbe& unit) { return unit.saturated; });
}

std::int64_t LayerProbe::dormant() const {
  return std::count_if(units.begin(), units.end(), [](const UnitProbe& unit) { return unit.dormant; });
}

namespace {

/// The mean of each unit over its positions: units × samples.
template <class T>
void average_positions(const Eigen::Ref<const Matrix<T>>& values, Eigen::Ref<Matrix<double>> means) {
  const Index units = means.rows();
  const Index positions = values.rows() / units;
  if (positions == 1) {
    means = values.template cast<double>();
    return;
  }
  for (Index sample = 0; sample < values.cols(); ++sample)
    means.col(sample) = Eigen::Map<const Matrix<T>>(values.col(sample).data(), units, positions)
                            .template cast<double>()
                            .rowwise()
                            .mean();
}

double mean_of(const std::vector<UnitProbe>& units, double UnitProbe::*member) {
  double sum = 0.0;
  for (const UnitProbe& unit : units) sum += unit.*member;
  return sum / static_cast<double>(units.size());
}

}  // namespace

double LayerProbe::mean() const { return mean_of(units, &UnitProbe::mean); }
double LayerProbe::zero_rate() const { return mean_of(units, &UnitProbe::zero_rate); }

template <class T>
ProbeSet<T>::Totals::Totals(std::size_t units, Index position_count, bool may_saturate)
    : positions(static_cast<double>(position_count)),
      saturates(may_saturate),
      margin(units, std::numeric_limits<double>::infinity()),
      active(units),
      live_samples(units),
      steepest(units),
      a_abs(units),
      a_sum(units),
      zeros(units) {}

template <class T>
void ProbeSet<T>::Totals::add(const CensusSums<T>& sums) {
  for (std::size_t unit = 0; unit < margin.size(); ++unit) {
    const auto at = static_cast<Index>(unit);
    const auto seen = static_cast<double>(sums.margin[at]);
    if (is_nearer(seen, margin[unit])) margin[unit] = seen;
    active[unit] += static_cast<double>(sums.active[at]);
    live_samples[unit] += static_cast<double>(positions > 1.0 ? sums.live_samples[at] : sums.active[at]);
    steepest[unit] = std::max(steepest[unit], static_cast<double>(sums.steepest[at]));
    a_abs[unit] += static_cast<double>(sums.a_abs[at]);
    a_sum[unit] += static_cast<double>(sums.a_sum[at]);
    zeros[unit] += static_cast<double>(sums.zeros[at]);
  }
}

template <class T>
void ProbeSet<T>::Totals::add_places(const T* margins) {
  // Written so that a NaN counts as live: such a unit is broken, not dead.
  for (std::size_t place = 0; place < live_places.size(); ++place)
    live_places[place] |= static_cast<std::uint8_t>(!(margins[place] >= T(0)));
}

template <class T>
double ProbeSet<T>::Totals::cover(std::size_t unit) const {
  double live = 0.0;
  for (std::size_t place = unit; place < live_places.size(); place += margin.size()) live += live_places[place];
  return live / positions;
}

template <class T>
ProbeSet<T>::ProbeSet(const Network<T>& network, const Dataset& dataset, const ProbeOptions& options, ThreadPool& pool)
    : dataset_(dataset),
      options_(options),
      runner_(network, dataset, pool, std::min(network.pass_columns(), dataset.train.count())),
      samples_(static_cast<std::size_t>(dataset.train.count())) {
  std::iota(samples_.begin(), samples_.end(), Index{0});
  if (options.samples == 0 || options.samples >= dataset.train.count()) return;
  Rng rng(options.seed, Purpose::probe);
  rng.shuffle(std::span(samples_));
  samples_.resize(static_cast<std::size_t>(options.samples));
  samples_.shrink_to_fit();
  std::sort(samples_.begin(), samples_.end());
}

template <class T>
void ProbeSet<T>::start_all(const Network<T>& network) {
  start(network);
  for (Totals& sums : totals_)
    if (sums.positions > 1.0)
      sums.live_places.assign(sums.margin.size() * static_cast<std::size_t>(sums.positions), std::uint8_t{0});
}

template <class T>
void ProbeSet<T>::start(const Network<T>& network) {
  totals_.clear();
  for (const std::size_t layer : network.sites())
    totals_.emplace_back(static_cast<std::size_t>(network.node(layer).units()), network.node(layer).positions(),
                         network.node(layer).activation()->function().saturates);
}

template <class T>
void ProbeSet<T>::add(const Network<T>& network, const NetworkState<T>& state, std::span<const Shard> shards) {
  for (const Shard& shard : shards)
    for (std::size_t at = 0; at < totals_.size(); ++at) {
      const NodeState<T>& site = state.node(network.sites()[at]);
      totals_[at].add(site.shards[static_cast<std::size_t>(shard.index)].census);
      for (Index sample = shard.first; sample < shard.first + shard.count; ++sample)
        totals_[at].add_places(site.saved.col(sample).data());
    }
}

template <class T>
std::vector<LayerProbe> ProbeSet<T>::finish_all(const Network<T>& network) {
  std::vector<LayerProbe> layers = judge(dataset_.train.count());
  const std::vector<LayerProbe> probed = measure(network);
  for (std::size_t at = 0; at < layers.size(); ++at) layers[at].effective_rank = probed[at].effective_rank;
  return layers;
}

template <class T>
std::vector<LayerProbe> ProbeSet<T>::measure(const Network<T>& network) {
  start(network);
  std::vector<Matrix<double>> activations;
  for (const std::size_t layer : network.sites())
    activations.emplace_back(network.node(layer).units(), static_cast<Index>(samples_.size()));
  run_over(runner_, network, samples_, Measure::census, network.depth(), [&](std::size_t first) {
    add(network, runner_.state(), runner_.shards());
    for (std::size_t at = 0; at < activations.size(); ++at) {
      const auto columns = static_cast<Index>(runner_.samples().size());
      const Matrix<T>& output = runner_.state().node(network.sites()[at]).output;
      average_positions<T>(output.leftCols(columns), activations[at].middleCols(static_cast<Index>(first), columns));
    }
  });
  std::vector<LayerProbe> layers = judge(static_cast<Index>(samples_.size()));
  runner_.pool().for_each(static_cast<std::int64_t>(layers.size()), [&](std::int64_t at) {
    const auto index = static_cast<std::size_t>(at);
    layers[index].effective_rank = effective_rank(activations[index]);
  });
  return layers;
}

template <class T>
std::vector<LayerProbe> ProbeSet<T>::judge(Index samples) const {
  std::vector<LayerProbe> layers;
  for (const Totals& sums : totals_) {
    const double count = static_cast<double>(samples) * sums.positions;
    LayerProbe& layer = layers.emplace_back();
    layer.units.resize(sums.margin.size());
    double mean_abs = 0.0;
    for (const double sum : sums.a_abs) mean_abs += sum / count / static_cast<double>(sums.a_abs.size());
    for (std::size_t unit = 0; unit < layer.units.size(); ++unit) {
      UnitProbe& seen = layer.units[unit];
      seen.margin = sums.margin[unit];
      // What is dead is saturated too.
      seen.saturated = sums.steepest[unit] <= options_.saturation_epsilon && (sums.saturates || seen.margin >= 0.0);
      seen.activation_rate = sums.active[unit] / count;
      seen.sample_rate = sums.live_samples[unit] / static_cast<double>(samples);
      seen.cover = sums.cover(unit);
      seen.mean_abs = sums.a_abs[unit] / count;
      seen.mean = sums.a_sum[unit] / count;
      seen.zero_rate = sums.zeros[unit] / count;
      seen.dormant = seen.mean_abs <= options_.dormant_tau * mean_abs;
    }
  }
  return layers;
}

template class ProbeSet<float>;
template class ProbeSet<double>;

double effective_rank(const Matrix<double>& activations) {
  if (!activations.allFinite()) return std::numeric_limits<double>::quiet_NaN();
  // The squares of the singular values are the eigenvalues of the smaller Gram matrix.
  const bool wide = activations.cols() >= activations.rows();
  const Index size = wide ? activations.rows() : activations.cols();
  Matrix<double> gram = Matrix<double>::Zero(size, size);
  if (wide) {
    gram.selfadjointView<Eigen::Lower>().rankUpdate(activations);
  } else {
    gram.selfadjointView<Eigen::Lower>().rankUpdate(activations.transpose());
  }
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
    if (p > 0.0) entropy -= p * portable_log(p);
  return portable_exp(entropy);
}

}  // namespace reluscope
