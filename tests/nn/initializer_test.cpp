#include "nn/initializer.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "nn/network.hpp"
#include "support/specs.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

InitialParameters draw(const Choice& w, const Choice& b, Index fan_in, Index fan_out, double slope = 0.0,
                       std::uint64_t seed = 1) {
  InitContext context;
  context.fan_in = fan_in;
  context.fan_out = fan_out;
  context.negative_slope = slope;
  context.seed = seed;
  InitialParameters drawn;
  draw_initial_parameters(w, b, context, drawn);
  return drawn;
}

double variance(const Matrix<double>& m) { return (m.array() - m.mean()).square().mean(); }

/// What a distribution is known by: mean, variance, and the largest |x − mean| there is.
struct Distribution {
  double mean = 0.0;
  double variance = 0.0;
  double reach = 0.0;
};
constexpr double kEndless = std::numeric_limits<double>::infinity();

Distribution normal(double variance, double mean = 0.0) { return {mean, variance, variance > 0.0 ? kEndless : 0.0}; }
Distribution uniform(double low, double high) {
  return {0.5 * (low + high), (high - low) * (high - low) / 12.0, 0.5 * (high - low)};
}
/// With this variance and mean 0.
Distribution uniform_of(double variance) { return uniform(-std::sqrt(3.0 * variance), std::sqrt(3.0 * variance)); }

/// Of a layer: what an initialiser is told of it.
struct Fans {
  double in = 1.0;
  double out = 1.0;
  double slope = 0.0;  ///< of its activation
};

/// Var[w] of the papers: He et al. 2015, eq. 10 to 14; Glorot & Bengio 2010, eq. 12 and 16; LeCun et al. 1998.
double he(const ParamValues& p, const Fans& layer) {
  const double slope = p.maybe_number("negative_slope").value_or(layer.slope);
  const double gain_square = p.is_null("gain") ? 2.0 / (1.0 + slope * slope) : p.number("gain") * p.number("gain");
  return gain_square / (p.text("mode") == "fan_in" ? layer.in : layer.out);
}
double glorot(const ParamValues& p, const Fans& layer) {
  return p.number("gain") * p.number("gain") * 2.0 / (layer.in + layer.out);
}
double lecun(const ParamValues& p, const Fans& layer) { return p.number("gain") * p.number("gain") / layer.in; }

const std::map<std::string, std::function<Distribution(const ParamValues&, const Fans&)>>& weight_formulas() {
  using P = const ParamValues&;
  using L = const Fans&;
  static const std::map<std::string, std::function<Distribution(P, L)>> all = {
      {"pytorch", [](P, L layer) { return uniform(-1.0 / std::sqrt(layer.in), 1.0 / std::sqrt(layer.in)); }},
      {"he_normal", [](P p, L layer) { return normal(he(p, layer)); }},
      {"he_uniform", [](P p, L layer) { return uniform_of(he(p, layer)); }},
      {"glorot_normal", [](P p, L layer) { return normal(glorot(p, layer)); }},
      {"glorot_uniform", [](P p, L layer) { return uniform_of(glorot(p, layer)); }},
      {"lecun_normal", [](P p, L layer) { return normal(lecun(p, layer)); }},
      {"lecun_uniform", [](P p, L layer) { return uniform_of(lecun(p, layer)); }},
      // A random direction: each coordinate's mean square is 1 over their number.
      {"orthogonal",
       [](P p, L layer) {
         const double gain = p.number("gain");
         return Distribution{0.0, gain * gain / std::max(layer.in, layer.out), kEndless};
       }},
      {"normal", [](P p, L) { return normal(p.number("std") * p.number("std"), p.number("mean")); }},
      {"truncated_normal",
       [](P p, L) {
         // The second moment of the standard normal within ±b, by the trapezoidal rule.
         const double bound = p.number("bound");
         double mass = 0.0;
         double square = 0.0;
         for (int at = -5000; at <= 5000; ++at) {
           const double x = bound * at / 5000.0;
           const double weight = std::exp(-0.5 * x * x) * (std::abs(at) == 5000 ? 0.5 : 1.0);
           mass += weight;
           square += weight * x * x;
         }
         return Distribution{p.number("mean"), p.number("std") * p.number("std") * square / mass,
                             p.number("std") * bound};
       }},
      {"uniform", [](P p, L) { return uniform(p.number("low"), p.number("high")); }},
      {"constant", [](P p, L) { return normal(0.0, p.number("value")); }},
      {"zeros", [](P, L) { return normal(0.0); }},
      // One of in + 1 numbers is from Beta(2, 1): mean 2/3, mean square 1/2.
      {"rai",
       [](P p, L layer) {
         const double share = 1.0 / (layer.in + 1.0);
         const double variance = p.number("std") * p.number("std") / layer.in;
         const double mean = share * 2.0 / 3.0;
         return Distribution{mean, (1.0 - share) * variance + share / 2.0 - mean * mean, kEndless};
       }},
  };
  return all;
}

/// Biases that go with the weights: those that are not 0.
const std::set<std::string> kWeightsBias = {"pytorch", "rai"};

const std::map<std::string, std::function<Distribution(const ParamValues&)>>& bias_formulas() {
  using P = const ParamValues&;
  static const std::map<std::string, std::function<Distribution(P)>> all = {
      {"none", [](P) { return normal(0.0); }},  // nothing: what a sum would add of it
      {"zeros", [](P) { return normal(0.0); }},
      {"constant", [](P p) { return normal(0.0, p.number("value")); }},
      {"normal", [](P p) { return normal(p.number("std") * p.number("std"), p.number("mean")); }},
      {"uniform", [](P p) { return uniform(p.number("low"), p.number("high")); }},
  };
  return all;
}

/// Whether some thousand values can be from there.
void check_drawn(const Matrix<double>& drawn, const Distribution& expected) {
  CHECK(std::abs(drawn.mean() - expected.mean) <=
        4.5 * std::sqrt(expected.variance / static_cast<double>(drawn.size())) + 1e-12);
  CHECK(std::abs(variance(drawn) - expected.variance) <= 0.03 * expected.variance + 1e-15);
  const double farthest = (drawn.array() - expected.mean).abs().maxCoeff();
  CHECK(farthest <= expected.reach * (1.0 + 1e-12) + 1e-15);
  if (std::isfinite(expected.reach)) {
    CHECK(farthest >= 0.99 * expected.reach - 1e-15);
  } else {
    CHECK(farthest > 2.5 * std::sqrt(expected.variance));  // √3 at most, if it were uniform
  }
}

}  // namespace

TEST_CASE("every initialiser of weights draws from its formula, and says so, for every one of its parameters") {
  for (const WeightInitEntry& entry : weight_init_table()) {
    CAPTURE(entry.name);
    REQUIRE_MESSAGE(weight_formulas().count(entry.name) == 1, "no formula here for the weights " << entry.name);
    for (const Choice& choice : variants_of(entry))
      for (const Fans& layer : {Fans{300, 200, 0.0}, Fans{120, 400, 0.5}}) {
        const Distribution expected = weight_formulas().at(entry.name)(choice.params, layer);
        InitContext context;
        context.fan_in = static_cast<Index>(layer.in);
        context.fan_out = static_cast<Index>(layer.out);
        context.negative_slope = layer.slope;
        context.seed = 1;
        const InitMoments moments = initial_moments(choice, biases("auto"), context);
        CHECK(moments.weight.mean == doctest::Approx(expected.mean).epsilon(1e-6).scale(1e-9));
        CHECK(moments.weight.variance == doctest::Approx(expected.variance).epsilon(1e-6).scale(1e-9));
        const bool has_bias = kWeightsBias.count(entry.name) == 1;
        CHECK(moments.bias.mean == (has_bias ? moments.weight.mean : 0.0));
        CHECK(moments.bias.variance == (has_bias ? moments.weight.variance : 0.0));
        InitialParameters drawn;
        draw_initial_parameters(choice, biases("auto"), context, drawn);
        check_drawn(drawn.weights, expected);
      }
  }
}

TEST_CASE("every initialiser of biases draws from its formula, and says so") {
  for (const BiasInitEntry& entry : bias_init_table()) {
    if (entry.draw == nullptr) continue;  // what goes with the weights
    CAPTURE(entry.name);
    REQUIRE_MESSAGE(bias_formulas().count(entry.name) == 1, "no formula here for the biases " << entry.name);
    for (const Choice& choice : variants_of(entry)) {
      const Distribution expected = bias_formulas().at(entry.name)(choice.params);
      const InitMoments moments = initial_moments(weights("pytorch"), choice, InitContext());
      CHECK(moments.bias.mean == doctest::Approx(expected.mean).scale(1e-9));
      CHECK(moments.bias.variance == doctest::Approx(expected.variance).scale(1e-9));
      check_drawn(draw(weights("pytorch"), choice, 1, 20000).bias, expected);
    }
  }
}

TEST_CASE("the moments of every initialiser are those of what it draws") {
  constexpr Index kIn = 40;
  constexpr Index kOut = 30000;
  const auto check = [](double sum, double square, double count, const Moments& moments) {
    const double mean = sum / count;
    CHECK(std::abs(mean - moments.mean) <= 4.0 * std::sqrt(moments.variance / count) + 1e-12);
    CHECK(std::abs(square / count - mean * mean - moments.variance) <= 0.06 * moments.variance + 1e-12);
  };
  for (const WeightInitEntry& entry : weight_init_table()) {
    CAPTURE(entry.name);
    const Choice init = weights(entry.name);
    InitContext context;
    context.fan_in = kIn;
    context.fan_out = kOut;
    const InitMoments moments = initial_moments(init, biases("auto"), context);
    const InitialParameters drawn = draw(init, biases("auto"), kIn, kOut, 0.0, 0);
    check(drawn.weights.sum(), drawn.weights.squaredNorm(), kIn * kOut, moments.weight);
    check(drawn.bias.sum(), drawn.bias.squaredNorm(), kOut, moments.bias);
  }
}

TEST_CASE("orthogonal rows or columns are orthonormal, times gain") {
  for (const auto& [in, out] : {std::pair<Index, Index>{20, 50}, {50, 20}, {7, 7}}) {
    const Matrix<double> w = draw(weights("orthogonal", {{"gain", 2.0}}), biases("zeros"), in, out).weights;
    REQUIRE(w.rows() == out);
    REQUIRE(w.cols() == in);
    const Matrix<double> gram = out >= in ? Matrix<double>(w.transpose() * w) : Matrix<double>(w * w.transpose());
    CHECK((gram - 4.0 * Matrix<double>::Identity(gram.rows(), gram.cols())).norm() < 1e-10);
  }
}

TEST_CASE("rai gives every unit one number from Beta(2, 1) and draws the bias with the weights") {
  const InitialParameters out = draw(weights("rai", {{"std", 1e-6}}), biases("auto"), 4, 5000);
  // With a vanishing normal part what stands out is the one asymmetric number of each unit.
  double sum = 0.0;
  Index in_bias = 0;
  for (Index unit = 0; unit < 5000; ++unit) {
    Vector<double> all(5);
    all << out.weights.row(unit).transpose(), out.bias[unit];
    CHECK((all.array() > 1e-4).count() <= 1);
    CHECK(all.minCoeff() > -1e-4);
    sum += all.sum();
    in_bias += out.bias[unit] > 1e-4 ? 1 : 0;
  }
  CHECK(sum / 5000 == doctest::Approx(2.0 / 3.0).epsilon(0.02));  // mean of Beta(2, 1)
  CHECK(in_bias == doctest::Approx(1000).epsilon(0.15));          // one place in five
}

TEST_CASE("biases: auto follows the weights, the others stand alone") {
  CHECK(draw(weights("he_normal"), biases("auto"), 10, 50).bias.isZero(0));
  const Vector<double> pytorch = draw(weights("pytorch"), biases("auto"), 16, 5000).bias;
  CHECK(pytorch.cwiseAbs().maxCoeff() <= 0.25);
  CHECK(pytorch.cwiseAbs().maxCoeff() > 0.24);
  CHECK(draw(weights("pytorch"), biases("zeros"), 16, 50).bias.isZero(0));
  CHECK((draw(weights("he_normal"), biases("constant", {{"value", -2.5}}), 4, 9).bias.array() == -2.5).all());
  CHECK(draw(weights("he_normal"), biases("normal", {{"mean", 1.0}, {"std", 0.1}}), 4, 5000).bias.mean() ==
        doctest::Approx(1.0).epsilon(0.01));
}

TEST_CASE("a layer's initial weights do not depend on the other layers") {
  NetworkSpec narrow;
  narrow.layers = {dense("a", 8, activation("relu")), dense("b", 6, activation("relu")), dense("c", 2)};
  NetworkSpec with_dropout;
  with_dropout.layers = {dense("a", 8, activation("elu")), dropout("d", 0.5), dense("b", 6, activation("tanh")),
                         dense("c", 2)};
  Network<double> first(narrow, 5, 3);
  Network<double> second(with_dropout, 5, 3);
  const auto left = first.parameters();
  const auto right = second.parameters();
  REQUIRE(left.size() == right.size());
  for (std::size_t at = 0; at < left.size(); ++at) CHECK(left[at]->value == right[at]->value);
  Network<double> other_seed(narrow, 5, 4);
  CHECK(other_seed.parameters()[0]->value != left[0]->value);
}
