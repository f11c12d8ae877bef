#pragma once
// Random small experiments, sick and healthy: what the census, its bounds and the prognosis are held against.

#include "data/dataset.hpp"
#include "nn/layer_places.hpp"
#include "support/naive.hpp"
#include "support/specs.hpp"
#include "util/random.hpp"

namespace reluscope::test {

struct RandomExperiment {
  NetworkSpec network;
  Dataset dataset;
  Choice optimizer;
  Clipping clipping;
  Penalty penalty;
  bool random_layers = false;  ///< dropout or rrelu
  double lr = 0.01;
  Index batch = 8;
  Index threads = 1;
};

/// Images of 1 × 1 to 14 × 14 with 1 to 3 channels.
inline Shape draw_shape(Rng& rng) {
  const auto side = [&] { return static_cast<Index>(std::pow(14.99, rng.uniform())); };
  return {static_cast<Index>(1 + rng.below(3)), side(), side()};
}

inline Settings draw_layer_norm(Rng& rng) {
  return {{"axes", std::string(rng.uniform() < 0.5 ? "channels" : "sample")},
          {"affine", rng.uniform() < 0.8},
          {"eps", rng.uniform() < 0.5 ? 1e-5 : 0.1}};
}

/// Convolutions and pools for images of this shape, which each fit into what comes before.
template <class DrawActivation, class DrawBias>
std::vector<LayerSpec> draw_image_layers(Rng& rng, Rng& norm_rng, const Shape& image, DrawActivation draw_activation,
                                         DrawBias draw_bias) {
  const auto chance = [&](double p) { return norm_rng.uniform() < p; };
  std::vector<LayerSpec> layers;
  const auto try_layer = [&](LayerSpec layer) {
    NetworkSpec so_far;
    so_far.layers = layers;
    so_far.layers.push_back(std::move(layer));
    for (const LayerPlace& place : place_layers(so_far, image))
      if (place.entry->misfit != nullptr && place.entry->misfit(*place.layer, place.input)) return;
    layers = so_far.layers;
  };
  const std::uint64_t blocks = 1 + rng.below(3);
  for (std::uint64_t block = 0; block < blocks; ++block) {
    const std::string number = std::to_string(block);
    Settings settings = {{"stride", static_cast<std::int64_t>(1 + rng.below(2))},
                         {"padding", static_cast<std::int64_t>(rng.below(3))}};
    if (rng.uniform() < 0.3) settings = {{"padding", std::string("same")}};
    const auto channels = static_cast<Index>(1 + rng.below(9));
    LayerSpec map = conv2d("c" + number, channels, static_cast<Index>(1 + rng.below(4)), settings, draw_activation(),
                           weights("he_normal"), draw_bias());
    const bool batch_norm = rng.uniform() < 0.25;
    try_layer(batch_norm     ? with_norm(map)
              : chance(0.15) ? with_norm(map, draw_layer_norm(norm_rng), "layer_norm")
                             : map);
    if (chance(0.1)) try_layer(plain("norm" + number, "layer_norm", draw_layer_norm(norm_rng)));
    if (rng.uniform() < 0.25) {
      // Of the shape that there is, and with another number of channels by a shortcut of its own.
      const bool widens = rng.uniform() < 0.5;
      NetworkSpec so_far;
      so_far.layers = layers;
      const Index now = layers.empty() ? image.channels : place_layers(so_far, image).back().output.channels;
      const Index then = widens ? static_cast<Index>(1 + rng.below(9)) : now;
      const Settings same = {{"padding", std::string("same")}};
      LayerSpec last = conv2d("b" + number, then, 3, same, activation("identity"), weights("he_normal"), draw_bias());
      const bool is_normed = rng.uniform() < 0.5;
      if (is_normed) last = with_norm(last);
      if (!is_normed && chance(0.3)) last = with_norm(last, draw_layer_norm(norm_rng), "layer_norm");
      std::vector<LayerSpec> shortcut;
      if (then != now) shortcut = {bare(conv2d("k" + number, then, 1))};
      try_layer(
          residual("r" + number,
                   {conv2d("a" + number, 1 + now / 2, 3, same, draw_activation(), weights("he_normal"), draw_bias()),
                    bare(last)},
                   shortcut, draw_activation()));
    }
    if (rng.uniform() < 0.1) try_layer(dropout("drop-c" + number, 0.3, chance(0.5) ? "channel" : "value"));
    const std::uint64_t pooling = rng.below(4);
    const auto kernel = static_cast<std::int64_t>(1 + rng.below(3));
    const Settings around = {
        {"stride", static_cast<std::int64_t>(1 + rng.below(3))},
        {"padding", static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(kernel / 2 + 1)))}};
    if (pooling == 0) try_layer(pool("max" + number, "max_pool", kernel, around));
    LayerSpec mean = pool("avg" + number, "avg_pool", kernel, around);
    mean.type.params.set("count_include_pad", rng.uniform() < 0.5);
    if (pooling == 1) try_layer(mean);
  }
  if (rng.uniform() < 0.3) try_layer(plain("all", "global_avg_pool"));
  if (rng.uniform() < 0.3) try_layer(plain("flat", "flatten"));
  return layers;
}

/// Depth 1 to 6 hidden layers of 1 to 64 units; every activation and output, optimiser, dropout, decay, penalty,
/// clipping; with and without biases; layer norms; convolutions and pools before it in a third of all; rates, biases
/// and data from tame to absurd, with repeated and constant samples.
inline RandomExperiment draw_experiment(std::uint64_t seed) {
  Rng rng(seed, Purpose::generator, 77);
  const auto chance = [&](double p) { return rng.uniform() < p; };
  const auto log_uniform = [&](double low, double high) { return low * std::pow(high / low, rng.uniform()); };
  RandomExperiment one;

  Rng image_rng(seed, Purpose::generator, 80);
  Rng norm_rng(seed, Purpose::generator, 81);
  const bool images = image_rng.uniform() < 0.3;
  const Shape image = draw_shape(image_rng);
  const auto some_features = static_cast<Index>(log_uniform(1.0, 30.0));
  const Index features = images ? image.size() : some_features;
  const auto samples = static_cast<Index>(log_uniform(1.0, images ? 100.0 : 400.0));
  Matrix<double> points(features, samples);
  const double scale = chance(0.2) ? log_uniform(1e-3, 1e3) : 1.0;
  const double offset = chance(0.3) ? rng.uniform(-3.0, 3.0) : 0.0;
  for (double& value : points.reshaped()) value = scale * (rng.normal() + offset);
  if (chance(0.2)) points = points.cwiseAbs().eval();
  if (chance(0.2)) points.row(static_cast<Index>(rng.below(static_cast<std::uint64_t>(features)))).setConstant(0.7);
  if (chance(0.2))
    for (Index sample = 1; sample < samples; ++sample)
      if (chance(0.5)) points.col(sample) = points.col(sample - 1);
  if (chance(0.03)) points = points.col(0).replicate(1, samples).eval();

  // Half of all layers are relu: it is what dies.
  const auto names = hidden_activations();
  const auto draw_activation = [&] {
    if (chance(0.5)) return activation("relu");
    const std::string name = names[rng.below(names.size())].name;
    if (name == "leaky_relu" && chance(0.3)) return activation(name, {{"negative_slope", 0.0}});
    if (name == "elu" && chance(0.3)) return activation(name, {{"alpha", 0.0}});
    if (name == "prelu" && chance(0.3)) return activation(name, {{"init", 0.0}});
    return activation(name);
  };
  const std::uint64_t depth = 1 + rng.below(images ? 2 : 6);
  const bool sick_bias = chance(0.4);
  Index last_units = images ? 1 : features;
  if (images)
    one.network.layers = draw_image_layers(image_rng, norm_rng, image, draw_activation, [&] {
      return sick_bias ? biases("normal", {{"mean", rng.uniform(-4.0, 0.5)}, {"std", 1.0}}) : biases("zeros");
    });
  for (std::uint64_t layer = 0; layer < depth; ++layer) {
    if (chance(0.08)) { one.network.layers.push_back(dropout("drop" + std::to_string(layer), rng.uniform(0.05, 0.7))); }
    const auto units = static_cast<Index>(log_uniform(1.0, 64.99));
    Choice bias = biases("zeros");
    if (sick_bias) {
      bias = biases("normal", {{"mean", rng.uniform(-4.0, 0.5)}, {"std", 1.0}});
    } else if (chance(0.3)) {
      bias = biases("normal", {{"mean", 0.0}, {"std", 0.3}});
    }
    Choice weight = weights("he_normal");
    if (chance(0.1)) weight = weights("normal", {{"mean", rng.uniform(-1.0, 0.2)}, {"std", 0.3}});
    LayerSpec map = dense("d" + std::to_string(layer), units, draw_activation(), weight, bias);
    const double norm = norm_rng.uniform();
    if (norm < 0.05 && units > 1) map = with_norm(map, draw_layer_norm(norm_rng), "layer_norm");
    if (norm > 0.96 && last_units > 1)
      one.network.layers.push_back(plain("norm-d" + std::to_string(layer), "layer_norm", draw_layer_norm(norm_rng)));
    one.network.layers.push_back(map);
    last_units = units;
  }
  const bool classify = chance(0.5);
  one.network.layers.push_back(
      dense("out", classify ? 2 : 1, chance(0.05) ? activation("relu") : activation("identity")));
  if (classify) {
    one.dataset = dataset_of(points);
  } else {
    Matrix<double> targets(1, samples);
    for (double& value : targets.reshaped()) value = rng.normal();
    one.dataset = regression_of(points, targets);
  }
  if (images) one.dataset.image = image;

  const auto rules = optimizer_table();
  const std::string rule = rules[rng.below(rules.size())].name;
  Settings settings;
  if (rule == "sgd") {
    if (chance(0.6)) settings.push_back({"momentum", rng.uniform(0.3, 0.95)});
    if (chance(0.2) && !settings.empty()) settings.push_back({"nesterov", true});
    if (chance(0.2)) settings.push_back({"dampening", settings.size() > 1 ? 0.0 : 0.3});
  } else if (rule == "rmsprop") {
    if (chance(0.4)) settings.push_back({"momentum", 0.8});
    if (chance(0.3)) settings.push_back({"centered", true});
  } else if (rule == "adam" || rule == "adamw") {
    if (chance(0.3))
      settings.push_back({"betas", std::vector<double>{rng.uniform(0.0, 0.95), rng.uniform(0.2, 0.999)}});
  }
  if (chance(0.4)) settings.push_back({"weight_decay", log_uniform(1e-4, 0.3)});
  one.optimizer = optimizer(rule, settings);
  if (chance(0.15)) one.clipping.norm = log_uniform(0.01, 10.0);
  if (chance(0.1)) one.clipping.value = log_uniform(0.01, 1.0);
  one.lr = rule == "sgd" ? log_uniform(1e-3, 2.0) : log_uniform(1e-4, 0.3);
  one.batch = std::min<Index>(samples, static_cast<Index>(log_uniform(1.0, 100.0)));
  // Outputs of every kind, layers without biases, penalties.
  const auto outputs = activation_table();
  if (chance(0.3)) one.network.layers.back().activation = activation(outputs[rng.below(outputs.size())].name);
  for (LayerSpec& layer : one.network.layers)
    if (layer.init && chance(0.1)) layer.init->bias = biases("none");
  if (chance(0.1)) one.penalty.l1_weights = log_uniform(1e-4, 0.1);
  if (chance(0.2)) one.penalty.l2_weights = log_uniform(1e-4, 0.1);
  if (chance(0.15)) one.penalty.l1_activations = log_uniform(1e-4, 0.3);
  for (const LayerSpec& layer : one.network.layers) {
    one.random_layers =
        one.random_layers || layer.type.name == "dropout" || (layer.activation && layer.activation->name == "rrelu");
  }
  return one;
}

}  // namespace reluscope::test
