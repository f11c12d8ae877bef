#include "probe/coroner.hpp"

#include <doctest/doctest.h>

#include "support/naive.hpp"
#include "support/specs.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

/// One input, one relu unit in each of two layers, all weights 1 and biases 0; samples 1 and 2.
struct Planted {
  Planted() {
    NetworkSpec spec;
    spec.layers = {dense("a", 1, activation("relu"), weights("constant", {{"value", 1.0}}), biases("zeros")),
                   dense("b", 1, activation("relu"), weights("constant", {{"value", 1.0}}), biases("zeros")),
                   dense("out", 1)};
    before = std::make_unique<Network<double>>(spec, 1, 0);
    now = std::make_unique<Network<double>>(*before);
    Matrix<double> points(1, 2);
    points << 1.0, 2.0;
    dataset = regression_of(points, Matrix<double>::Zero(1, 2));
  }
  /// Of unit 0 in `layer`, with sample 1 (x = 2) as its witness.
  [[nodiscard]] Autopsy examine_unit(std::size_t layer) const {
    const Death death{layer, 0, 1};
    return examine(*before, *now, dataset, std::span(&death, 1))[0];
  }
  double& weight(std::size_t layer) const { return now->node(layer).parameter(ParameterRole::weight)->value(0, 0); }
  double& bias(std::size_t layer) const { return now->node(layer).parameter(ParameterRole::bias)->value(0, 0); }

  std::unique_ptr<Network<double>> before;
  std::unique_ptr<Network<double>> now;
  Dataset dataset;
};

}  // namespace

TEST_CASE("the bias alone") {
  const Planted planted;
  planted.bias(0) = -5.0;
  const Autopsy autopsy = planted.examine_unit(0);
  CHECK(autopsy.cause() == "own_bias");
  CHECK(autopsy.own_bias == -5.0);
  CHECK(autopsy.own_weights == 0.0);
  CHECK(autopsy.upstream == 0.0);
  CHECK(autopsy.z_before == 2.0);
  CHECK(autopsy.z_now == -3.0);
}

TEST_CASE("the weights, against a bias that pulled the other way") {
  const Planted planted;
  planted.weight(0) = -3.0;
  planted.bias(0) = 1.0;
  const Autopsy autopsy = planted.examine_unit(0);
  CHECK(autopsy.cause() == "own_weights");
  CHECK(autopsy.own_weights == -8.0);
  CHECK(autopsy.own_bias == 1.0);
  CHECK(autopsy.z_now - autopsy.z_before == -7.0);
}

TEST_CASE("what feeds the unit, with the weights that it has now") {
  const Planted planted;
  planted.weight(0) = 4.0;   // h: 2 → 8
  planted.weight(1) = -0.5;  // its own change counts with the old h, the upstream one with the new weight
  const Autopsy autopsy = planted.examine_unit(1);
  CHECK(autopsy.own_weights == -3.0);
  CHECK(autopsy.upstream == -3.0);
  planted.weight(0) = 6.0;
  const Autopsy worse = planted.examine_unit(1);
  CHECK(worse.upstream == -5.0);
  CHECK(worse.cause() == "upstream");
  CHECK(worse.z_now == -6.0);
}

TEST_CASE("a death above an upper edge is pushed upwards") {
  Autopsy autopsy;
  autopsy.own_weights = -1.0;
  autopsy.own_bias = 4.0;
  autopsy.z_before = 4.0;
  autopsy.z_now = 7.0;
  CHECK(autopsy.cause() == "own_bias");
}

TEST_CASE("a layer norm: its shift, and the statistics of the sample, are the norm's doing") {
  NetworkSpec spec;
  spec.layers = {plain("norm", "layer_norm", {{"eps", 1e-30}}),
                 {"phi", choose(node_table(), "activation"), std::nullopt, activation("relu")},
                 dense("out", 1)};
  const Network<double> before(spec, 2, 0);
  Network<double> now(before);
  Matrix<double> points(2, 1);
  points << 1.0, 5.0;  // normalised: −1 and 1
  const Dataset dataset = regression_of(points, Matrix<double>::Zero(1, 1));
  now.node(0).parameter(ParameterRole::scale)->value(1, 0) = 0.5;
  now.node(0).parameter(ParameterRole::shift)->value(1, 0) = -4.0;
  now.parameters_changed();
  const Death death{0, 1, 0};
  const Autopsy autopsy = examine(before, now, dataset, std::span(&death, 1))[0];
  CHECK(autopsy.cause() == "norm");
  CHECK(autopsy.norm == doctest::Approx(-4.5));
  CHECK(autopsy.upstream == 0.0);
  CHECK(autopsy.z_before == doctest::Approx(1.0));
  CHECK(autopsy.z_now == doctest::Approx(-3.5));
}

TEST_CASE("more deaths than fit into one pass, several with the same witness, come back in their order") {
  Planted planted;
  planted.bias(0) = -5.0;
  planted.bias(1) = -7.0;
  std::vector<Death> deaths;
  for (Index at = 0; at < 200; ++at) deaths.push_back({static_cast<std::size_t>(at % 2), 0, at % 3 == 0 ? 0 : 1});
  const auto autopsies = examine(*planted.before, *planted.now, planted.dataset, deaths);
  REQUIRE(autopsies.size() == deaths.size());
  for (std::size_t at = 0; at < deaths.size(); ++at) {
    CHECK(autopsies[at].own_bias == (deaths[at].layer == 0 ? -5.0 : -7.0));
    CHECK(autopsies[at].z_before == static_cast<double>(deaths[at].witness + 1));
  }
}
