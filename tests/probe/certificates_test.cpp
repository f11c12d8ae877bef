// What is dead behind a layer norm whatever feeds it: each certificate against a million random inputs.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "nn/layer_norm.hpp"
#include "probe/dead_on_domain.hpp"
#include "probe/exact_census.hpp"
#include "support/naive.hpp"
#include "support/specs.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

constexpr Index kFeatures = 8;
constexpr Index kUnits = 4;
constexpr Index kInputs = 1'000'000;
constexpr Index kAtOnce = 4096;

template <class T>
void draw(Network<T>& network, Rng& rng) {
  for (Parameter<T>* parameter : network.parameters())
    for (T& value : parameter->value.reshaped()) value = static_cast<T>(rng.uniform(-1.0, 1.0));
  network.parameters_changed();
}

/// The largest value of each unit, for inputs of all sizes: near their mean or far from it, with one value that is all
/// that tells them from it, and along `worst`, a direction for each unit.
template <class T>
Vector<T> largest_outputs(const Network<T>& network, const Matrix<double>& worst, double most) {
  Rng rng(2, Purpose::generator);
  NetworkState<T> state(network, kAtOnce);
  Vector<T> largest = Vector<T>::Constant(network.outputs(), -std::numeric_limits<T>::infinity());
  for (Index first = 0; first < kInputs; first += kAtOnce) {
    for (Index column = 0; column < kAtOnce; ++column) {
      const double size = std::pow(10.0, rng.uniform(-4.0, 2.0));
      const double offset = rng.uniform() < 0.5 ? 0.0 : std::pow(10.0, rng.uniform(-2.0, 2.0));
      const std::uint64_t kind = rng.below(3);
      const auto chosen = static_cast<Index>(rng.below(static_cast<std::uint64_t>(kFeatures)));
      for (Index feature = 0; feature < kFeatures; ++feature) {
        const double direction = kind == 0   ? rng.normal()
                                 : kind == 1 ? (feature == chosen ? 1.0 : 0.0)
                                             : worst(chosen % worst.rows(), feature) + 0.01 * rng.normal();
        state.input()(feature, column) = static_cast<T>(std::clamp(offset + size * direction, -most, most));
      }
    }
    for (const Shard& shard : cut_into_shards(kAtOnce)) state.forward(network, shard, {});
    largest = largest.cwiseMax(state.output().leftCols(kAtOnce).rowwise().maxCoeff());
  }
  return largest;
}

/// Bounds on z of the last site, for inputs of at most `most`.
template <class T>
Box bound_last(const Network<T>& network, double most) {
  const Eigen::VectorXd ends = Eigen::VectorXd::Constant(kFeatures, most);
  BoxReach<T> reach(network, {-ends, ends});
  for (std::size_t at = 0; at + 1 < network.sites().size(); ++at) reach.pass_on(reach.next().z);
  return reach.next().z;
}

}  // namespace

TEST_CASE_TEMPLATE("layer norm, then a dense layer: no input lifts z above √d ‖P(w∘γ)‖ + w·β + b", T, float, double) {
  NetworkSpec spec;
  spec.layers = {plain("norm", "layer_norm"), dense("out", kUnits)};
  Network<T> network(spec, kFeatures, 3);
  Rng rng(1, Purpose::generator);
  draw(network, rng);
  constexpr double kMost = 1e3;
  const Eigen::MatrixXd w = network.node(1).affine()->weights().template cast<double>();
  const Eigen::VectorXd scale = network.node(0).parameter(ParameterRole::scale)->value.template cast<double>();
  const Eigen::VectorXd shift = network.node(0).parameter(ParameterRole::shift)->value.template cast<double>();
  Matrix<double> slopes = w * scale.asDiagonal();
  slopes.colwise() -= Eigen::VectorXd(slopes.rowwise().mean());
  const Vector<T> largest = largest_outputs(network, slopes, kMost);
  const Box bounds = bound_last(network, kMost);
  for (Index unit = 0; unit < kUnits; ++unit) {
    const double exact = std::sqrt(static_cast<double>(kFeatures)) * slopes.row(unit).norm() + w.row(unit).dot(shift) +
                         static_cast<double>(network.node(1).affine()->bias_of(unit));
    CHECK(bounds.high[unit] == doctest::Approx(exact).epsilon(1e-4));
    CHECK(static_cast<double>(largest[unit]) <= bounds.high[unit]);
    CHECK(static_cast<double>(largest[unit]) > exact - 0.01 * std::abs(exact));  // what comes near it was among them
  }
}

TEST_CASE_TEMPLATE("a layer norm alone: no input lifts y above β + |γ| √(d − 1), and γ = 0 leaves β", T, float,
                   double) {
  NetworkSpec spec;
  spec.layers = {plain("norm", "layer_norm"),
                 {"phi", choose(node_table(), "activation"), std::nullopt, activation("identity")}};
  Network<T> network(spec, kFeatures, 3);
  Rng rng(1, Purpose::generator);
  draw(network, rng);
  Matrix<T>& scale = network.node(0).parameter(ParameterRole::scale)->value;
  Matrix<T>& shift = network.node(0).parameter(ParameterRole::shift)->value;
  scale(2, 0) = T(0);
  shift(2, 0) = T(0);
  network.parameters_changed();
  constexpr double kMost = 1e3;
  const Vector<T> largest = largest_outputs<T>(network, Matrix<double>::Ones(1, kFeatures), kMost);
  const Box bounds = bound_last(network, kMost);
  for (Index channel = 0; channel < kFeatures; ++channel) {
    const double exact = static_cast<double>(shift(channel, 0)) +
                         std::abs(static_cast<double>(scale(channel, 0))) * std::sqrt(kFeatures - 1.0);
    CHECK(bounds.high[channel] == doctest::Approx(exact).epsilon(1e-4));
    CHECK(static_cast<double>(largest[channel]) <= bounds.high[channel]);
    if (scale(channel, 0) > T(0)) CHECK(static_cast<double>(largest[channel]) > exact - 0.01 * std::abs(exact));
  }
  CHECK(bounds.high[2] == 0.0);
  CHECK(largest[2] == T(0));
}

TEST_CASE("a convolution of one position behind a layer norm has the sharper bound, one that sees padding has not") {
  Rng rng(1, Purpose::generator);
  const auto highest = [&](const Settings& settings) {
    NetworkSpec spec;
    spec.layers = {plain("norm", "layer_norm"), conv2d("c", kUnits, 1, settings)};
    const Network<float> network(spec, Shape(kFeatures, 2, 2), 3);
    const Eigen::VectorXd ends = Eigen::VectorXd::Ones(4 * kFeatures);
    BoxReach<float> reach(network, {-ends, ends});
    return reach.next().z.high;
  };
  const Eigen::VectorXd sharp = highest({});
  const Eigen::VectorXd loose = highest({{"padding", std::int64_t{1}}});
  for (Index unit = 0; unit < kUnits; ++unit) CHECK(sharp[unit] < 0.95 * loose[unit]);
}

TEST_CASE(
    "the census calls a unit dead on the whole domain by what a layer norm says, where its box does not suffice") {
  NetworkSpec spec;
  spec.layers = {dense("a", 16, activation("relu")), plain("norm", "layer_norm"), dense("b", 3, activation("relu")),
                 with_norm(dense("c", 6, activation("relu")), {}, "layer_norm"), dense("out", 1)};
  Network<float> network(spec, kFeatures, 3);
  Rng rng(4, Purpose::generator);
  Matrix<double> points(kFeatures, 50);
  for (double& value : points.reshaped()) value = rng.normal();
  const Dataset dataset = regression_of(points, Matrix<double>::Zero(1, 50));
  // w·x̂ ≤ √16 ‖w‖ = 4 whatever comes, while the box says Σ|w| √15 = 15.5.
  Matrix<float>& w = network.node(2).parameter(ParameterRole::weight)->value;
  for (Index input = 0; input < 16; ++input) w.col(input).setConstant(input % 2 == 0 ? 0.25F : -0.25F);
  network.node(2).parameter(ParameterRole::bias)->value << -4.01F, -3.0F, 0.0F;
  // Of six channels: √5 = 2.236.
  network.node(4).parameter(ParameterRole::shift)->value.setConstant(-2.2F);
  network.node(4).parameter(ParameterRole::shift)->value(1, 0) = -2.24F;
  network.parameters_changed();
  ThreadPool pool(1);
  LazyExtent<float> extent(dataset, pool);
  const CensusResult result = make_exact_census(network, dataset, extent, pool, 0)->take(network, nullptr);
  const auto& units = result.layers[1].units;
  CHECK((units[0].dead && units[0].dead_on_domain));
  CHECK_FALSE(units[1].dead_on_domain);  // 4 is above 3
  CHECK_FALSE(units[2].dead);
  const auto& normed = result.layers[2].units;
  CHECK((normed[1].dead && normed[1].dead_on_domain));
  CHECK_FALSE(normed[0].dead_on_domain);
}
