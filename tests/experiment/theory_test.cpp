// Mean-field predictions against closed forms, and bounds against sampled networks.
#include "experiment/theory.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "config/load.hpp"
#include "nn/matrix.hpp"
#include "util/random.hpp"

using namespace reluscope;

namespace {

ExperimentSpec wide(const std::string& activation, const std::vector<std::string>& overrides = {}) {
  return parse_experiment(R"({
    "seed": 3,
    "data": {"kind": "blobs", "n_samples": 300, "n_features": 12, "centers": 3, "normalize": "per_feature"},
    "network": {"layers": [
      {"units": 300, "activation": ")" +
                              activation + R"(", "init": {"weights": "he_normal"}, "repeat": 4},
      {"units": 3, "init": {"weights": "lecun_normal"}}]},
    "loss": "cross_entropy",
    "train": {"steps": 1}
  })",
                          "wide", ".", overrides);
}

Theory predicted(const ExperimentSpec& spec) { return predict(spec, load_dataset(spec.data, spec.seed)); }

Theory sampled(const ExperimentSpec& spec, std::int64_t samples) {
  ThreadPool pool(2);
  return predict_and_sample(spec, load_dataset(spec.data, spec.seed), samples, pool);
}

}  // namespace

TEST_CASE("relu with he_normal is critical: the same q in every hidden layer") {
  const Theory theory = predicted(wide("relu"));
  // Features have mean square 1, so that ‖x‖²/n is 1 on average and q = 2.
  for (std::size_t layer = 0; layer < 4; ++layer) {
    CHECK(*theory.layers[layer].q == doctest::Approx(2.0).epsilon(0.05));
    CHECK(*theory.layers[layer].q == doctest::Approx(*theory.layers[0].q).epsilon(1e-12).scale(0.0));
    CHECK(*theory.layers[layer].weight_variance == doctest::Approx(2.0));
  }
  CHECK(*theory.layers[4].q == doctest::Approx(0.5 * *theory.layers[0].q));
  for (std::size_t layer = 0; layer < 3; ++layer) CHECK(*theory.layers[layer].chi1 == doctest::Approx(1.0));
  CHECK(*theory.layers[3].chi1 == doctest::Approx(0.5));
  CHECK_FALSE(theory.layers[4].chi1.has_value());
  CHECK(theory_records(theory)[0].regime == "critical");
  // The last hidden layer's χ₁ is that of the output's initialiser: it says nothing of the depth.
  CHECK_FALSE(theory_records(theory)[3].regime.has_value());
  CHECK(theory.hanin_sum == doctest::Approx(4.0 / 300));
  CHECK(*theory.gradient_moment_ratio == doctest::Approx(std::pow(1.0 + 5.0 / 300, 4)));
  // δ of a hidden layer of n units: the layer above's, spread over n' / n of the variance.
  CHECK(*theory.layers[0].delta_rms == doctest::Approx(*theory.layers[2].delta_rms).epsilon(1e-12).scale(0.0));
  CHECK(*theory.layers[3].delta_rms ==
        doctest::Approx(*theory.layers[4].delta_rms * std::sqrt(3.0 * (1.0 / 300) * 0.5)).epsilon(1e-12).scale(0.0));
}

TEST_CASE("the closed forms with a mean agree with those without") {
  // A bias mean of 1e-9 changes nothing but the way it is computed.
  for (const char* activation : {"relu", "leaky_relu", "identity", "prelu"}) {
    CAPTURE(activation);
    const Theory closed = predicted(wide(activation));
    const Theory moved = predicted(wide(activation, {"network.layers.0.init.bias=1e-9"}));
    for (std::size_t layer = 0; layer < 5; ++layer) {
      CHECK(*closed.layers[layer].q == doctest::Approx(*moved.layers[layer].q).epsilon(1e-8).scale(0.0));
      CHECK(*closed.layers[layer].delta_rms ==
            doctest::Approx(*moved.layers[layer].delta_rms).epsilon(1e-8).scale(0.0));
    }
    CHECK(*closed.layers[1].chi1 == doctest::Approx(*moved.layers[1].chi1).epsilon(1e-8).scale(0.0));
  }
}

TEST_CASE("the fourth moment of a relu network's gradients is that of networks that are drawn") {
  constexpr Index kInputs = 5;
  constexpr Index kOutputs = 2;
  const Index hidden[] = {20, 30};
  Rng rng(6, Purpose::probe);
  const auto draw = [&rng](Index rows, Index columns) {
    Matrix<double> weights(rows, columns);
    for (double& weight : weights.reshaped()) weight = rng.normal() * std::sqrt(2.0 / static_cast<double>(columns));
    return weights;
  };
  double square = 0.0;
  double fourth = 0.0;
  constexpr int kNetworks = 20'000;
  for (int network = 0; network < kNetworks; ++network) {
    const Vector<double> z1 = draw(hidden[0], kInputs) * Vector<double>::Ones(kInputs);
    const Matrix<double> w2 = draw(hidden[1], hidden[0]);
    const Vector<double> z2 = w2 * z1.cwiseMax(0.0);
    const Matrix<double> w3 = draw(kOutputs, hidden[1]);
    const auto live = [](const Vector<double>& z) { return (z.array() > 0.0).cast<double>(); };
    const Vector<double> delta2 = (w3.transpose() * Vector<double>::Ones(kOutputs)).array() * live(z2);
    const Vector<double> delta1 = (w2.transpose() * delta2).array() * live(z1);
    square += delta1.squaredNorm() / kNetworks;
    fourth += std::pow(delta1.squaredNorm(), 2) / kNetworks;
  }
  CHECK(fourth / (square * square) == doctest::Approx(relu_moment_ratio(hidden)).epsilon(0.05));
  CHECK_FALSE(predicted(wide("tanh")).gradient_moment_ratio.has_value());
}

TEST_CASE("fresh wide networks measure what is predicted") {
  for (const char* activation : {"relu", "tanh", "elu", "gelu", "sigmoid", "leaky_relu", "selu", "rrelu"}) {
    CAPTURE(std::string(activation));
    for (const std::vector<std::string>& changes :
         {std::vector<std::string>{}, {R"(network.layers.0.init.bias={"name": "normal", "mean": 0.3, "std": 0.2})"}}) {
      const Theory theory = sampled(wide(activation, changes), 40);
      for (const TheoryLayer& layer : theory.layers) {
        CAPTURE(layer.name);
        CAPTURE(changes.size());
        // The few units of the output layer scatter more than that: within their own interval, doubled, then.
        const double scatter = 2.0 * (layer.q_sampled->high - layer.q_sampled->value);
        CHECK(std::abs(layer.q_sampled->value - *layer.q) <=
              std::max(0.1 * *layer.q, layer.units == 3 ? scatter : 0.0));
        CHECK(layer.delta_rms_sampled->value == doctest::Approx(*layer.delta_rms).epsilon(0.1).scale(0.0));
        CHECK(layer.q_sampled->low < layer.q_sampled->value);
        CHECK(layer.q_sampled->value < layer.q_sampled->high);
      }
    }
  }
}

TEST_CASE("dropout and a regression loss are covered") {
  const ExperimentSpec spec = parse_experiment(R"({
    "data": {"kind": "abs", "n_samples": 300, "n_features": 3},
    "network": {"layers": [
      {"units": 250, "activation": "relu", "init": {"weights": "he_normal"}}, {"type": "dropout", "p": 0.4},
      {"units": 250, "activation": "tanh", "init": {"weights": "glorot_uniform"}}, {"type": "dropout", "p": 0.2},
      {"units": 1, "init": {"weights": "lecun_uniform"}}]},
    "loss": "mse", "train": {"steps": 1}
  })",
                                               "dropout", ".");
  const Theory theory = sampled(spec, 200);
  REQUIRE(theory.layers.size() == 3);
  for (const TheoryLayer& layer : theory.layers) {
    CHECK(layer.q_sampled->value == doctest::Approx(*layer.q).epsilon(0.1).scale(0.0));
    CHECK(layer.delta_rms_sampled->value == doctest::Approx(*layer.delta_rms).epsilon(0.1).scale(0.0));
  }
}

namespace {

ExperimentSpec on_images(const std::string& layers) {
  return parse_experiment(R"({
    "seed": 3,
    "data": {"kind": "blobs", "n_samples": 64, "n_features": 256, "centers": 3, "normalize": "per_feature",
             "shape": [1, 16, 16]},
    "network": {"layers": [)" +
                              layers + R"(, {"units": 3, "init": {"weights": "lecun_normal"}}]},
    "loss": "cross_entropy",
    "train": {"steps": 1}
  })",
                          "images", ".", {});
}

}  // namespace

TEST_CASE("fresh convolutions measure what is predicted: padding, strides, dropout of channels") {
  const Theory theory = sampled(on_images(R"(
      {"type": "conv2d", "channels": 40, "kernel": 3, "padding": "same", "activation": "relu",
       "init": {"weights": "he_normal"}},
      {"type": "dropout", "p": 0.2, "per": "channel"},
      {"type": "conv2d", "channels": 60, "kernel": 3, "padding": 1, "stride": 2, "activation": "relu",
       "init": {"weights": "he_normal", "bias": {"name": "normal", "mean": 0.2, "std": 0.3}}},
      {"type": "conv2d", "channels": 50, "kernel": 2, "activation": "tanh", "init": {"weights": "lecun_normal"}})"),
                                30);
  REQUIRE(theory.layers.size() == 4);
  CHECK(theory.layers[0].fan_in == 9);
  CHECK(theory.layers[1].fan_in == 360);
  CHECK(theory.layers[3].fan_in == 50 * 49);
  CHECK(*theory.layers[1].weight_variance == doctest::Approx(2.0));
  for (const TheoryLayer& layer : theory.layers) {
    CAPTURE(layer.name);
    REQUIRE(layer.q.has_value());
    REQUIRE(layer.delta_rms.has_value());
    CHECK(layer.q_sampled->value == doctest::Approx(*layer.q).epsilon(0.1).scale(0.0));
    CHECK(layer.delta_rms_sampled->value == doctest::Approx(*layer.delta_rms).epsilon(0.1).scale(0.0));
  }
  // Units of convolutions are no independent ones: what is proved for dense layers is not said of them.
  CHECK_FALSE(theory.born_dead.upper.has_value());
  CHECK_FALSE(theory.gradient_moment_ratio.has_value());
}

TEST_CASE("of a convolution without padding z is predicted as the mean over what its windows see") {
  // Every value is seen once: q is that of a dense layer on a sixteenth of the data.
  const auto q = [](const std::string& layer) { return *predicted(on_images(layer)).layers[0].q; };
  const double dense = q(R"({"units": 5, "init": {"weights": {"name": "normal", "std": 0.5}}})");
  CHECK(q(R"({"type": "conv2d", "channels": 5, "kernel": 4, "stride": 4,
              "init": {"weights": {"name": "normal", "std": 0.5}}})") == doctest::Approx(dense / 16.0).epsilon(1e-12));
}

TEST_CASE("behind a norm the mean of z² is 1 whatever feeds it, and below it no gradient is predicted") {
  for (const std::string norm : {"batch_norm", "layer_norm"}) {
    CAPTURE(norm);
    const Theory theory = sampled(on_images(R"(
      {"type": "conv2d", "channels": 40, "kernel": 3, "activation": "relu", "init": {"weights": "he_normal"}},
      {"type": "max_pool", "kernel": 2},
      {"type": "conv2d", "channels": 40, "kernel": 2, "activation": "tanh"},
      {"type": "conv2d", "channels": 40, "kernel": 2, "norm": ")" +
                                            norm + R"(", "activation": "relu"},
      {"units": 50, "activation": "relu", "init": {"weights": "he_normal"}})"),
                                  20);
    REQUIRE(theory.layers.size() == 5);
    const auto& layers = theory.layers;
    CHECK(layers[0].q.has_value());
    CHECK_FALSE(layers[1].q.has_value());  // behind a pool
    CHECK(*layers[2].q == 1.0);
    CHECK(layers[2].q_sampled->value == doctest::Approx(1.0).epsilon(0.01));
    CHECK_FALSE(layers[2].fan_in.has_value());
    CHECK_FALSE(layers[2].weight_variance.has_value());
    CHECK_FALSE(theory_records(theory)[2].fan_in.has_value());
    for (const unsigned below : {0U, 1U}) {
      CHECK_FALSE(layers[below].delta_rms.has_value());
      CHECK_FALSE(layers[below].chi1.has_value());
    }
    for (const unsigned above : {2U, 3U, 4U}) {
      CAPTURE(above);
      CHECK(layers[above].delta_rms_sampled->value ==
            doctest::Approx(*layers[above].delta_rms).epsilon(0.1).scale(0.0));
      // The few units of the output scatter more than that.
      const double scatter = above == 4 ? 2.0 * (layers[above].q_sampled->high - layers[above].q_sampled->value) : 0.0;
      CHECK(std::abs(layers[above].q_sampled->value - *layers[above].q) <= std::max(0.1 * *layers[above].q, scatter));
    }
  }
}

TEST_CASE("the theory stops at sums and at what two maps read") {
  const Theory theory = predicted(on_images(R"(
      {"type": "residual", "layers": [{"type": "conv2d", "channels": 4, "kernel": 3, "padding": 1}],
       "shortcut": [{"type": "conv2d", "channels": 4, "kernel": 1, "activation": "relu"}], "activation": "relu"})"));
  for (const TheoryLayer& layer : theory.layers) {
    CAPTURE(layer.name);
    CHECK_FALSE(layer.q.has_value());
    CHECK_FALSE(layer.delta_rms.has_value());
  }
}

TEST_CASE("weights with a mean are beyond the theory, and it says so") {
  const Theory theory =
      predicted(wide("relu", {R"(network.layers.0.init.weights={"name": "constant", "value": 0.1})"}));
  for (const TheoryLayer& layer : theory.layers) {
    CHECK_FALSE(layer.q.has_value());
    CHECK_FALSE(layer.delta_rms.has_value());
  }
  CHECK_FALSE(theory.born_dead.upper.has_value());
}

TEST_CASE("bounds on being born dead hold the sampled share") {
  for (const int depth : {2, 5, 10})
    for (const int units : {1, 2, 4}) {
      const ExperimentSpec spec = parse_experiment(
          R"({"data": {"kind": "abs", "n_samples": 200, "n_features": 1},
              "network": {"layers": [{"units": )" +
              std::to_string(units) + R"(, "activation": "relu", "init": {"weights": "he_normal"}, "repeat": )" +
              std::to_string(depth) + R"(}, {"units": 1}]}, "loss": "mse", "train": {"steps": 1}})",
          "narrow", ".");
      const Theory theory = sampled(spec, 3000);
      CAPTURE(depth);
      CAPTURE(units);
      REQUIRE(theory.born_dead.lower.has_value());
      // A bound may be tight: the share then lies on either side of it, by chance, within some standard errors.
      const Interval& share = *theory.born_dead.sampled;
      CHECK(share.value + 2.0 * (share.high - share.value) >= *theory.born_dead.lower);
      CHECK(share.value - 2.0 * (share.value - share.low) <= *theory.born_dead.upper);
      CHECK(*theory.born_dead.upper - *theory.born_dead.lower < 0.3);
    }
  const Index two[] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
  CHECK(born_dead_upper_bound(two) == doctest::Approx(1.0 - std::pow(0.75, 10)));
  CHECK(born_dead_lower_bound(two) == doctest::Approx(1.0 - 2 * std::pow(0.75, 10) + 0.5 * std::pow(0.5625, 9)));
}

TEST_CASE("theory does not depend on the number of threads") {
  const ExperimentSpec spec = wide("elu");
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  ThreadPool one(1);
  ThreadPool three(3);
  CHECK(theory_json(predict_and_sample(spec, dataset, 7, one)) ==
        theory_json(predict_and_sample(spec, dataset, 7, three)));
}
