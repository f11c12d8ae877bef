#include "experiment/theory.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiment/criterion.hpp"
#include "nn/dense.hpp"
#include "nn/gaussian_moments.hpp"
#include "nn/layer_places.hpp"
#include "util/random.hpp"

namespace reluscope {

namespace {

/// Samples whose norms stand for the data set's, and groups of equal size that they are gathered in.
constexpr Index kNorms = 4096;
constexpr Index kGroups = 64;
/// Random outputs for the loss gradient: one per sample and repeat.
constexpr Index kLossSamples = 2048;

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
  double kept = 1.0;    ///< share of the inputs that dropout keeps below this layer
  bool covered = true;  ///< by the theory, with all that is below
};

std::vector<UnitLayer> layers_of(const NetworkSpec& network, const Shape& input) {
  std::vector<UnitLayer> layers;
  double kept = 1.0;
  bool covered = true;
  for (const LayerPlace& place : place_layers(network, input)) {
    covered = covered && place.entry->moment_divisor != nullptr;
    if (covered) kept *= place.entry->moment_divisor(*place.layer);
    if (place.activation == nullptr) continue;
    const LayerSpec& spec = *place.layer;
    covered = covered && spec.init;
    UnitLayer layer;
    layer.name = spec.name;
    layer.phi = place.activation;
    layer.activation = find_entry(activation_table(), place.activation->name);
    layer.units = place.output.channels;
    layer.fan_in = place.entry->fan_in == nullptr ? 0 : place.entry->fan_in(spec, place.input);
    if (spec.init)
      layer.moments =
          initial_moments(spec.init->weights, spec.init->bias,
                          init_context(spec, layer.fan_in, place.entry->fan_out(spec, place.input), 0, layers.size()));
    layer.kept = kept;
    layer.covered = covered;
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
    covered = covered && layer.covered && layer.moments.weight.mean == 0.0;
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
  if (!layers.back().covered) return false;
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
  const std::vector<UnitLayer> layers = layers_of(spec.network, dataset.shape());
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

}  // namespace reluscope
