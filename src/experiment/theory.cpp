#include "experiment/theory.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiment/criterion.hpp"
#include "experiment/mean_field.hpp"
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

/// A site as the theory sees it.
struct UnitLayer {
  std::string name;
  const Choice* phi;
  const ActivationEntry* activation;
  Index units;
  Index positions;
  std::optional<Index> fan_in;
  InitMoments moments;   ///< of the map that it is on; nothing where there is none
  double kept = 1.0;     ///< share of the inputs that dropout keeps below this layer
  bool is_dense = true;  ///< it and all that is below are dense layers and dropout
};

std::vector<UnitLayer> layers_of(const std::vector<LayerPlace>& places) {
  std::vector<UnitLayer> layers;
  double kept = 1.0;
  bool is_dense = true;
  for (const LayerPlace& place : places) {
    const bool drops = place.entry->moment_divisor != nullptr && place.node_input().positions() == 1;
    is_dense = is_dense && (place.entry->packs || drops);
    if (place.entry->moment_divisor != nullptr) kept *= place.entry->moment_divisor(*place.layer);
    if (place.activation == nullptr) continue;
    UnitLayer layer;
    layer.name = place.layer->name;
    layer.phi = place.activation;
    layer.activation = find_entry(activation_table(), place.activation->name);
    layer.units = place.output.channels;
    layer.positions = place.output.positions();
    if (place.entry->fan_in != nullptr) {
      layer.fan_in = place.entry->fan_in(*place.layer, place.input);
      layer.moments = map_moments(place, layers.size()).moments;
    }
    layer.kept = kept;
    layer.is_dense = is_dense;
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

/// ‖x‖² counts each value `weights` times; nothing: once.
Norms measure_norms(const Dataset& dataset, const Vector<double>& weights) {
  Norms norms;
  norms.samples = spread_samples(dataset, kNorms);
  std::vector<double> squares(norms.samples.size());
  Matrix<double> column(dataset.features(), 1);
  for (std::size_t at = 0; at < squares.size(); ++at) {
    gather<double>(dataset, dataset.train, std::span(norms.samples).subspan(at, 1), column);
    squares[at] = weights.size() == 0 ? column.squaredNorm() : column.col(0).cwiseAbs2().dot(weights);
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

void predict_layers(const ExperimentSpec& spec, const Dataset& dataset, const std::vector<LayerPlace>& places,
                    const UnitLayer& last, Theory& theory) {
  const Norms norms = measure_norms(dataset, first_map_weights(places));
  ForwardMoments forward(places, norms.means);
  forward.run(theory);
  // A penalty on activations adds to ∂L/∂a in every hidden layer, and is no part of the theory.
  if (forward.variances.empty() || spec.train.penalty.l1_activations != 0.0) return;
  predict_deltas(places, forward, output_delta_square(spec, dataset, last, norms, forward.variances), theory);
}

/// Whether every hidden layer's activation is dead exactly for z ≤ 0 and its parameters are symmetric about 0.
bool bounds_apply(const std::vector<UnitLayer>& layers) {
  if (!layers.back().is_dense) return false;
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
  const std::vector<LayerPlace> places = place_layers(spec.network, dataset.shape());
  const std::vector<UnitLayer> layers = layers_of(places);
  Theory theory;
  std::vector<Index> hidden;
  for (const UnitLayer& layer : layers) {
    TheoryLayer row;
    row.name = layer.name;
    row.activation = layer.activation->name;
    row.units = layer.units;
    row.fan_in = layer.fan_in;
    if (layer.fan_in) row.weight_variance = static_cast<double>(*layer.fan_in) * layer.moments.weight.variance;
    theory.layers.push_back(row);
    if (&layer == &layers.back()) break;
    hidden.push_back(layer.units);
    theory.hanin_sum += 1.0 / static_cast<double>(layer.units);
  }
  theory.from_file = spec.network.init_from.has_value();
  if (theory.from_file) return theory;
  predict_layers(spec, dataset, places, layers.back(), theory);
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
