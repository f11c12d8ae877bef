// The same as the predictions, measured on fresh networks.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiment/initial_network.hpp"
#include "experiment/study.hpp"
#include "experiment/theory.hpp"
#include "experiment/training_step.hpp"
#include "util/random.hpp"

namespace reluscope {

namespace {

/// Samples that each fresh network is measured on.
constexpr Index kMeasured = 128;

/// Mean of values with the normal 95 % interval of the mean.
Interval interval_of_mean(const std::vector<double>& values) {
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  double square = 0.0;
  for (const double value : values) square += (value - mean) * (value - mean);
  const auto count = static_cast<double>(values.size());
  const double error = values.size() > 1 ? 1.959963985 * std::sqrt(square / (count - 1.0) / count) : 0.0;
  return {mean, mean - error, mean + error};
}

/// Share of successes with Wilson's 95 % interval (Wilson 1927).
Interval interval_of_share(double successes, double count) {
  constexpr double kZ = 1.959963985;
  const double share = successes / count;
  const double center = (share + kZ * kZ / (2.0 * count)) / (1.0 + kZ * kZ / count);
  const double width =
      kZ / (1.0 + kZ * kZ / count) * std::sqrt(share * (1.0 - share) / count + kZ * kZ / (4.0 * count * count));
  return {share, center - width, center + width};
}

/// q and the mean of δ² of each layer of one fresh network.
struct Measurement {
  std::vector<double> q;
  std::vector<double> delta_square;
};

template <class T>
Measurement measure_fresh(const ExperimentSpec& spec, const Dataset& dataset, std::uint64_t seed) {
  // Samples of its own for each network: their choice is then part of the intervals.
  std::vector<Index> samples(static_cast<std::size_t>(std::min(kMeasured, dataset.train.count())));
  Rng rng(seed, Purpose::probe, 2);
  for (Index& sample : samples)
    sample = static_cast<Index>(rng.below(static_cast<std::uint64_t>(dataset.train.count())));
  ThreadPool alone(1);
  Network<T> network = initial_network<T>(spec, dataset.features(), seed);
  Optimizer<T> optimizer(spec.train.optimizer, {}, spec.train.penalty, network.parameters());
  TrainingStep<T> step(network, dataset, criterion_of(spec, dataset), optimizer, static_cast<Index>(samples.size()),
                       alone);
  step.compute(samples, {true, Measure::batch, seed, 0});
  Measurement measurement;
  for (const std::size_t layer : network.sites()) {
    const LayerStatistics seen = step.statistics(layer);
    measurement.q.push_back(seen.z_std * seen.z_std + seen.z_mean * seen.z_mean);
    measurement.delta_square.push_back(seen.delta_rms * seen.delta_rms);
  }
  return measurement;
}

}  // namespace

Theory predict_and_sample(const ExperimentSpec& spec, const Dataset& dataset, std::int64_t samples, ThreadPool& pool) {
  Theory theory = predict(spec, dataset);
  if (theory.from_file) return theory;
  theory.samples = samples;
  std::vector<std::uint64_t> seeds(static_cast<std::size_t>(samples));
  std::iota(seeds.begin(), seeds.end(), spec.seed);
  std::vector<Measurement> fresh(seeds.size());
  pool.for_each(samples, [&](std::int64_t index) {
    const auto at = static_cast<std::size_t>(index);
    fresh[at] = spec.precision == Precision::float32 ? measure_fresh<float>(spec, dataset, seeds[at])
                                                     : measure_fresh<double>(spec, dataset, seeds[at]);
  });
  std::vector<Index> units;
  for (std::size_t layer = 0; layer < theory.layers.size(); ++layer) {
    units.push_back(theory.layers[layer].units);
    std::vector<double> q;
    std::vector<double> delta_square;
    for (const Measurement& one : fresh) {
      q.push_back(one.q[layer]);
      delta_square.push_back(one.delta_square[layer]);
    }
    theory.layers[layer].q_sampled = interval_of_mean(q);
    const Interval square = interval_of_mean(delta_square);
    theory.layers[layer].delta_rms_sampled =
        Interval{std::sqrt(square.value), std::sqrt(std::max(0.0, square.low)), std::sqrt(square.high)};
  }
  double born_dead = 0.0;
  for (const StudyOutcome& outcome : run_study(spec, dataset, seeds, pool, 0))
    born_dead += is_born_dead(outcome.born_dead, units) ? 1.0 : 0.0;
  theory.born_dead.sampled = interval_of_share(born_dead, static_cast<double>(samples));
  return theory;
}

}  // namespace reluscope
