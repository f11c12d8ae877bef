#include "nn/initializer.hpp"

#include <doctest/doctest.h>

#include <cmath>

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

}  // namespace

TEST_CASE("each initialiser has the variance of its formula") {
  constexpr Index kIn = 300;
  constexpr Index kOut = 200;
  struct Case {
    Choice init;
    double expected;
    double slope;
  };
  const std::vector<Case> cases = {
      {weights("he_normal"), 2.0 / kIn, 0.0},
      {weights("kaiming_uniform"), 2.0 / kIn, 0.0},
      {weights("he_normal"), 2.0 / (1.0 + 0.09) / kIn, 0.3},
      {weights("he_normal", {{"negative_slope", 0.0}}), 2.0 / kIn, 0.3},
      {weights("he_normal", {{"mode", std::string("fan_out")}}), 2.0 / kOut, 0.0},
      {weights("he_uniform", {{"gain", 3.0}}), 9.0 / kIn, 0.0},
      {weights("glorot_normal"), 2.0 / (kIn + kOut), 0.0},
      {weights("xavier_uniform", {{"gain", 2.0}}), 8.0 / (kIn + kOut), 0.0},
      {weights("lecun_normal"), 1.0 / kIn, 0.0},
      {weights("lecun_uniform"), 1.0 / kIn, 0.0},
      {weights("pytorch"), 1.0 / (3.0 * kIn), 0.0},
      {weights("normal", {{"std", 0.3}}), 0.09, 0.0},
      {weights("truncated_normal", {{"std", 0.3}}), 0.09 * 0.7737, 0.0},
      {weights("uniform", {{"low", -1.0}, {"high", 2.0}}), 0.75, 0.0},
  };
  for (const Case& one : cases) {
    const InitialParameters out = draw(one.init, biases("zeros"), kIn, kOut, one.slope);
    CAPTURE(one.init.name);
    CHECK(variance(out.weights) == doctest::Approx(one.expected).epsilon(0.03).scale(0.0));
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
  for (const char* name : {"zeros", "constant", "normal", "uniform"}) {
    CAPTURE(name);
    const Choice init = biases(name, std::string(name) == "constant" ? Settings{{"value", -0.7}} : Settings{});
    const InitMoments moments = initial_moments(weights("he_normal"), init, InitContext());
    const InitialParameters drawn = draw(weights("he_normal"), init, 1, 20000);
    check(drawn.bias.sum(), drawn.bias.squaredNorm(), 20000, moments.bias);
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
