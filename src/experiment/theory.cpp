#include "experiment/theory.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "experiment/initial_network.hpp"
#include "experiment/study.hpp"
#include "experiment/training_step.hpp"
#include "nn/dense.hpp"
#include "nn/gaussian_moments.hpp"
#include "nn/node_table.hpp"
#include "trace/table_writer.hpp"
#include "util/json_file.hpp"
#include "util/random.hpp"

namespace reluscope {

namespace {

/// Samples whose norms stand for the data set's, and groups of equal size that they are gathered in.
constexpr Index kNorms = 4096;
constexpr Index kGroups = 64;
/// Random outputs for the loss gradient: one per sample and repeat.
constexpr Index kLossSamples = 2048;
/// Samples that each fresh network is measured on.
constexpr Index kMeasured = 128;
/// Half-width of the critical regime around χ₁ = 1.
constexpr double kCriticalWidth = 0.02;

/// Up to `most` sample indices, evenly spread over the training part.
std::vector<Index> spread_samples(const Dataset& dataset, Index most) {
  const Index count = std::min(most, dataset.train.count());
  std::vector<Index> samples(static_cast<std::size_t>(count));
  for (Index at = 0; at < count; ++at) samples[static_cast<std::size_t>(at)] = at * dataset.train.count() / count;
  return samples;
}

/// A layer with units as the theory sees it.
struct UnitLayer {
  std::string name;
  const Choice* phi;
  const ActivationEntry* activation;
  Index units;
  Index fan_in;
  InitMoments moments;
  double kept = 1.0;  ///< share of the inputs that dropout keeps below this layer
};

std::vector<UnitLayer> layers_of(const NetworkSpec& network, Index inputs) {
  std::vector<UnitLayer> layers;
  double kept = 1.0;
  for (const LayerPlace& place : place_layers(network, inputs)) {
    kept *= place.entry->moment_divisor(*place.layer);
    if (!place.layer->activation) continue;
    const LayerSpec& spec = *place.layer;
    UnitLayer layer;
    layer.name = spec.name;
    layer.phi = &*spec.activation;
    layer.activation = find_entry(activation_table(), spec.activation->name);
    layer.units = place.output.channels;
    layer.fan_in = place.entry->fan_in(spec, place.input);
    layer.moments =
        initial_moments(spec.init->weights, spec.init->bias,
                        init_context(spec, layer.fan_in, place.entry->fan_out(spec, place.input), 0, layers.size()));
    layer.kept = kept;
    layers.push_back(layer);
    kept = 1.0;
  }
  return layers;
}

/// Samples in order of their norm, and the mean of ‖x‖² in each of some groups of neighbours.
struct Norms {
  std::vector<Index> samples;
  std::vector<double> means;

  [[nodiscard]] std::size_t group_of(std::size_t at) const { return at * means.size() / samples.size(); }
};

Norms measure_norms(const Dataset& dataset) {
  Norms norms;
  norms.samples = spread_samples(dataset, kNorms);
  std::vector<double> squares(norms.samples.size());
  Matrix<double> column(dataset.features(), 1);
  for (std::size_t at = 0; at < squares.size(); ++at) {
    gather<double>(dataset, dataset.train, std::span(norms.samples).subspan(at, 1), column);
    squares[at] = column.squaredNorm();
  }
  std::vector<std::size_t> order(squares.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto left, auto right) { return squares[left] < squares[right]; });
  std::vector<Index> sorted;
  sorted.reserve(order.size());
  for (const std::size_t at : order) sorted.push_back(norms.samples[at]);
  norms.samples = std::move(sorted);
  norms.means.resize(std::min<std::size_t>(kGroups, squares.size()));
  std::vector<double> counts(norms.means.size());
  for (std::size_t at = 0; at < order.size(); ++at) {
    norms.means[norms.group_of(at)] += squares[order[at]];
    counts[norms.group_of(at)] += 1.0;
  }
  for (std::size_t group = 0; group < norms.means.size(); ++group) norms.means[group] /= counts[group];
  return norms;
}

/// E[(∂L/∂z)²] of the output layer for each group, where its pre-activations are N(mean, variances[group]).
std::vector<double> output_delta_square(const ExperimentSpec& spec, const Dataset& dataset, const UnitLayer& last,
                                        const Norms& norms, const std::vector<double>& variances) {
  const Criterion criterion = criterion_of(spec, dataset);
  const Index units = last.units;
  const auto kernel = last.activation->make<double>(last.phi->params);
  std::vector<double> sums(variances.size());
  std::vector<double> counts(variances.size());
  Matrix<double> z(units, 1);
  Matrix<double> a(units, 1);
  Matrix<double> input(dataset.features(), 1);
  const Vector<double> no_bias = Vector<double>::Zero(units);
  const Vector<double> slopes = Vector<double>::Constant(units, last.activation->negative_slope(last.phi->params));
  Vector<double> delta_sum(units);
  Vector<double> slope_sum(units);
  ForwardCall<double> forward;
  forward.units = forward.stride = units;
  forward.columns = 1;
  forward.z = z.data();
  forward.a = a.data();
  forward.bias = no_bias.data();
  forward.slopes = slopes.data();
  BackwardCall<double> backward;
  backward.units = backward.stride = units;
  backward.columns = 1;
  backward.saved = z.data();
  backward.delta = a.data();
  backward.delta_sum = delta_sum.data();
  backward.slopes = slopes.data();
  backward.slope_sum = slope_sum.data();
  TargetBatch<double> target(criterion.targets, units, 1);
  double lost = 0.0;
  Rng rng(spec.seed, Purpose::probe, 1);
  const auto repeats = std::max<Index>(1, kLossSamples / static_cast<Index>(norms.samples.size()));
  for (Index repeat = 0; repeat < repeats; ++repeat)
    for (std::size_t at = 0; at < norms.samples.size(); ++at) {
      const std::size_t group = norms.group_of(at);
      for (double& value : z.reshaped()) value = last.moments.bias.mean + std::sqrt(variances[group]) * rng.normal();
      kernel->forward(forward);
      const auto sample = std::span(norms.samples).subspan(at, 1);
      if (criterion.targets.coding == TargetCoding::inputs) gather<double>(dataset, dataset.train, sample, input);
      target.gather(dataset.train, sample, 0, input);
      // ∂L/∂a takes the place of a, and becomes ∂L/∂z.
      criterion.loss.evaluate(criterion.loss_params, a, target.columns(0, 1), std::span(&lost, 1), a);
      kernel->backward(backward);
      sums[group] += a.squaredNorm() / static_cast<double>(units);
      counts[group] += 1.0;
    }
  for (std::size_t group = 0; group < sums.size(); ++group) sums[group] /= counts[group];
  return sums;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

void predict_layers(const ExperimentSpec& spec, const Dataset& dataset, const std::vector<UnitLayer>& layers,
                    Theory& theory) {
  const Norms norms = measure_norms(dataset);
  const std::size_t groups = norms.means.size();
  std::vector<std::vector<SecondMoments>> moments;  // [layer][group]
  std::vector<double> inputs = norms.means;         // Σ over the inputs of E[h²], of each group
  std::vector<double> variances(groups);
  bool covered = true;
  for (std::size_t at = 0; at < layers.size(); ++at) {
    const UnitLayer& layer = layers[at];
    covered = covered && layer.moments.weight.mean == 0.0;
    if (!covered) break;
    const double mean = layer.moments.bias.mean;
    moments.emplace_back();
    for (std::size_t group = 0; group < groups; ++group) {
      variances[group] = layer.moments.weight.variance * inputs[group] / layer.kept + layer.moments.bias.variance;
      if (at + 1 == layers.size()) continue;  // nothing reads what the output yields
      moments.back().push_back(second_moments(*layer.phi, mean, variances[group]));
      inputs[group] = static_cast<double>(layer.units) * moments.back().back().value;
    }
    theory.layers[at].q = mean_of(variances) + mean * mean;
  }
  // A penalty on activations adds to ∂L/∂a in every hidden layer, and is no part of the theory.
  if (!covered || spec.train.penalty.l1_activations != 0.0) return;
  std::vector<double> delta_square = output_delta_square(spec, dataset, layers.back(), norms, variances);
  for (std::size_t at = layers.size(); at-- > 0;) {
    if (at + 1 < layers.size()) {
      const UnitLayer& above = layers[at + 1];
      const double weight_variance = above.moments.weight.variance / above.kept;
      double chi1 = 0.0;
      for (std::size_t group = 0; group < groups; ++group) {
        delta_square[group] *= static_cast<double>(above.units) * weight_variance * moments[at][group].slope;
        chi1 += static_cast<double>(above.fan_in) * weight_variance * moments[at][group].slope;
      }
      theory.layers[at].chi1 = chi1 / static_cast<double>(groups);
    }
    theory.layers[at].delta_rms = std::sqrt(mean_of(delta_square));
  }
}

/// Whether every hidden layer's activation is dead exactly for z ≤ 0 and its parameters are symmetric about 0.
bool bounds_apply(const std::vector<UnitLayer>& layers) {
  for (std::size_t at = 0; at + 1 < layers.size(); ++at) {
    const std::string& name = layers[at].activation->name;
    const bool relu_like = name == "relu" || (name == "leaky_relu" &&
                                              layers[at].activation->negative_slope(layers[at].phi->params) == 0.0);
    // An entry with mean 0 and a variance draws from a distribution that is symmetric: normal or uniform.
    if (!relu_like || layers[at].moments.weight.mean != 0.0 || layers[at].moments.weight.variance == 0.0 ||
        layers[at].moments.bias.mean != 0.0)
      return false;
  }
  return layers.size() > 1;
}

/// Mean of values with the normal 95 % interval of the mean.
Interval interval_of_mean(const std::vector<double>& values) {
  const double mean = mean_of(values);
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

double relu_moment_ratio(std::span<const Index> hidden) {
  double ratio = 1.0;
  for (const Index units : hidden) ratio *= 1.0 + 5.0 / static_cast<double>(units);
  return ratio;
}

double born_dead_upper_bound(std::span<const Index> hidden) {
  double alive = 1.0;
  for (const Index units : hidden) alive *= 1.0 - std::exp2(-static_cast<double>(units));
  return 1.0 - alive;
}

double born_dead_lower_bound(std::span<const Index> hidden) {
  double one = 1.0;
  double both = 1.0;
  for (std::size_t layer = 0; layer < hidden.size(); ++layer) {
    const double silent = std::exp2(-static_cast<double>(hidden[layer]));
    one *= 1.0 - silent;
    both *= layer == 0 ? 1.0 - 2.0 * silent : (1.0 - silent) * (1.0 - silent);
  }
  return std::max(0.0, 1.0 - 2.0 * one + both);
}

Theory predict(const ExperimentSpec& spec, const Dataset& dataset) {
  const std::vector<UnitLayer> layers = layers_of(spec.network, dataset.features());
  Theory theory;
  std::vector<Index> hidden;
  for (const UnitLayer& layer : layers) {
    TheoryLayer row;
    row.name = layer.name;
    row.activation = layer.activation->name;
    row.units = layer.units;
    row.fan_in = layer.fan_in;
    row.weight_variance = static_cast<double>(layer.fan_in) * layer.moments.weight.variance;
    theory.layers.push_back(row);
    if (&layer == &layers.back()) break;
    hidden.push_back(layer.units);
    theory.hanin_sum += 1.0 / static_cast<double>(layer.units);
  }
  theory.from_file = spec.network.init_from.has_value();
  if (theory.from_file) return theory;
  predict_layers(spec, dataset, layers, theory);
  if (bounds_apply(layers)) {
    if (std::all_of(layers.begin(), layers.end(), [](const UnitLayer& layer) { return layer.kept == 1.0; }))
      theory.gradient_moment_ratio = relu_moment_ratio(hidden);
    theory.born_dead.upper = born_dead_upper_bound(hidden);
    const bool no_biases = std::all_of(layers.begin(), layers.end() - 1,
                                       [](const UnitLayer& layer) { return layer.moments.bias.variance == 0.0; });
    if (dataset.features() == 1 && no_biases) theory.born_dead.lower = born_dead_lower_bound(hidden);
  }
  return theory;
}

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

std::vector<TheoryRecord> theory_records(const Theory& theory) {
  std::vector<TheoryRecord> rows;
  for (const TheoryLayer& layer : theory.layers) {
    TheoryRecord row;
    row.layer = static_cast<std::int64_t>(rows.size()) + 1;
    row.name = layer.name;
    row.activation = layer.activation;
    row.units = layer.units;
    row.fan_in = layer.fan_in;
    if (!theory.from_file) row.weight_variance = layer.weight_variance;
    row.q = layer.q;
    row.delta_rms = layer.delta_rms;
    row.chi1 = layer.chi1;
    // χ₁ of the last hidden layer is that of the output's initialiser, and of one layer: no regime.
    if (layer.chi1 && rows.size() + 2 < theory.layers.size())
      row.regime = *layer.chi1 < 1.0 - kCriticalWidth   ? "ordered"
                   : *layer.chi1 > 1.0 + kCriticalWidth ? "chaotic"
                                                        : "critical";
    if (layer.q_sampled) {
      row.q_sampled = layer.q_sampled->value;
      row.q_low = layer.q_sampled->low;
      row.q_high = layer.q_sampled->high;
    }
    if (layer.delta_rms_sampled) {
      row.delta_rms_sampled = layer.delta_rms_sampled->value;
      row.delta_rms_low = layer.delta_rms_sampled->low;
      row.delta_rms_high = layer.delta_rms_sampled->high;
    }
    rows.push_back(row);
  }
  return rows;
}

std::string theory_csv(const Theory& theory) { return csv_text(theory_records(theory)); }

std::string theory_json(const Theory& theory) {
  using Json = nlohmann::ordered_json;
  Json layers = Json::array();
  for (const TheoryRecord& row : theory_records(theory)) {
    Json object;
    std::apply(
        [&](const auto&... column) {
          const auto add = [&](const auto& one) {
            const auto& value = row.*one.member;
            if constexpr (requires { value.has_value(); }) {
              object[std::string(one.name)] = value ? Json(*value) : Json();
            } else {
              object[std::string(one.name)] = value;
            }
          };
          (add(column), ...);
        },
        TheoryRecord::columns());
    layers.push_back(object);
  }
  Json document;
  document["layers"] = layers;
  document["hanin_sum"] = theory.hanin_sum;
  document["gradient_moment_ratio"] = number_or_null(theory.gradient_moment_ratio);
  document["born_dead"] = {{"lower_bound", number_or_null(theory.born_dead.lower)},
                           {"upper_bound", number_or_null(theory.born_dead.upper)}};
  document["samples"] = theory.samples;
  if (theory.born_dead.sampled) {
    document["born_dead"]["sampled"] = theory.born_dead.sampled->value;
    document["born_dead"]["low"] = theory.born_dead.sampled->low;
    document["born_dead"]["high"] = theory.born_dead.sampled->high;
  }
  return document.dump(2) + "\n";
}

}  // namespace reluscope
