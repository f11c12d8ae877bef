#include "probe/exact_census.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "experiment/training_step.hpp"
#include "probe/lifecycle.hpp"
#include "probe/probe_set.hpp"
#include "probe/sample_runner.hpp"
#include "probe/thin_network.hpp"
#include "support/naive.hpp"
#include "support/specs.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

Matrix<double> random_points(Index features, Index samples, std::uint64_t seed) {
  Rng rng(seed, Purpose::generator);
  Matrix<double> points(features, samples);
  for (double& value : points.reshaped()) value = rng.normal();
  return points;
}

NetworkSpec mlp(const std::string& phi, Index first, Index second) {
  NetworkSpec spec;
  spec.layers = {dense("a", first, activation(phi)), dense("b", second, activation(phi)), dense("out", 2)};
  return spec;
}

template <class T>
CensusResult take(const Network<T>& network, const Dataset& dataset, int threads = 1) {
  ThreadPool pool(threads);
  LazyExtent<T> extent(dataset, pool);
  const CensusResult brute = make_brute_census(network, dataset, extent, pool)->take(network, nullptr);
  const CensusResult exact = make_exact_census(network, dataset, extent, pool, 1)->take(network, nullptr);
  for (std::size_t layer = 0; layer < brute.layers.size(); ++layer)
    for (std::size_t unit = 0; unit < brute.layers[layer].units.size(); ++unit)
      CHECK(exact.layers[layer].units[unit].dead == brute.layers[layer].units[unit].dead);
  CHECK(exact.collapsed == brute.collapsed);
  return brute;
}

/// Over all of D.
template <class T>
std::vector<LayerProbe> probe(const Network<T>& network, const Dataset& dataset, int threads = 1) {
  ThreadPool pool(threads);
  ProbeOptions options;
  options.samples = 0;
  return ProbeSet<T>(network, dataset, options, pool).measure(network);
}

std::vector<std::size_t> dead_units(const LayerCensus& layer) {
  std::vector<std::size_t> dead;
  for (std::size_t unit = 0; unit < layer.units.size(); ++unit)
    if (layer.units[unit].dead) dead.push_back(unit);
  return dead;
}

}  // namespace

TEST_CASE("exactly the planted units are dead, and no others") {
  // 1,100 samples: several batches of the census and a short one.
  const Dataset dataset = dataset_of(random_points(6, 1100, 1));
  Network<float> network(mlp("relu", 20, 17), 6, 3);
  // A bias that no input can lift; and one unit that a single sample activates, by a hair.
  const auto first = network.node(0).parameters();
  for (const Index unit : {2, 5, 19}) first[1]->value(unit, 0) = -1000.0F;
  const auto second = network.node(1).parameters();
  second[0]->value.row(4).setConstant(-1.0F);  // inputs are relu outputs, never negative
  second[1]->value(4, 0) = 0.0F;
  const CensusResult census = take(network, dataset);
  CHECK(dead_units(census.layers[0]) == std::vector<std::size_t>{2, 5, 19});
  CHECK(dead_units(census.layers[1]) == std::vector<std::size_t>{4});
  CHECK(dead_units(census.layers[2]).empty());
  CHECK_FALSE(census.collapsed);
  CHECK(probe(network, dataset)[0].units[5].activation_rate == 0.0);
  CHECK(census.layers[0].units[5].margin > 900.0);
}

TEST_CASE("a unit that a single sample activates is alive; silence on all but that sample is not death") {
  Matrix<double> points = Matrix<double>::Constant(1, 600, -1.0);
  points(0, 577) = 1e-6;
  const Dataset dataset = dataset_of(points);
  NetworkSpec spec;
  spec.layers = {dense("a", 2, activation("relu"), weights("constant", {{"value", 1.0}}), biases("zeros")),
                 dense("out", 2)};
  Network<float> network(spec, 1, 0);
  const CensusResult alive = take(network, dataset);
  CHECK(dead_units(alive.layers[0]).empty());
  CHECK(probe(network, dataset)[0].units[0].activation_rate == doctest::Approx(1.0 / 600));
  points(0, 577) = 0.0;  // z = 0 everywhere it is largest: relu'(0) = 0
  CHECK(dead_units(take(network, dataset_of(points)).layers[0]).size() == 2);
}

TEST_CASE("a scan of many groups reaches the last one") {
  // 60,000 samples, of which one activates one of the units; the other is dead, but no interval shows it.
  constexpr Index kSamples = 60000;
  Matrix<double> points(2, kSamples);
  Rng rng(1, Purpose::generator);
  for (Index sample = 0; sample < kSamples; ++sample) {
    const double angle = rng.uniform(0.0, 6.283185307179586);
    points.col(sample) << std::cos(angle), std::sin(angle);
  }
  points.col(kSamples - 1) << 2.0, 2.0;
  NetworkSpec spec;
  spec.layers = {dense("a", 2, activation("relu"), weights("constant", {{"value", 1.0}}), biases("zeros")),
                 dense("out", 2)};
  Network<float> network(spec, 2, 0);
  network.node(0).parameter(ParameterRole::bias)->value << -3.9F, -4.1F;
  const CensusResult census = take(network, dataset_of(points));
  CHECK_FALSE(census.layers[0].units[0].dead);
  CHECK(census.layers[0].units[0].witness == kSamples - 1);
  CHECK(census.layers[0].units[1].dead);
}

TEST_CASE("a unit with one pre-activation that is no number is never called dead, whatever follows it") {
  Matrix<double> points = Matrix<double>::Constant(1, 1200, -1.0);
  points(0, 3) = std::numeric_limits<double>::quiet_NaN();
  NetworkSpec spec;
  spec.layers = {dense("a", 2, activation("relu"), weights("constant", {{"value", 1.0}}), biases("zeros")),
                 dense("out", 2)};
  Network<double> network(spec, 1, 0);
  CHECK(dead_units(take(network, dataset_of(points)).layers[0]).empty());
}

TEST_CASE("the census agrees with a naive forward pass, for any number of threads") {
  for (const std::uint64_t seed : {1ULL, 2ULL, 3ULL}) {
    const Matrix<double> points = random_points(5, 700, seed);
    const Dataset dataset = dataset_of(points);
    NetworkSpec spec = mlp("relu", 33, 9);
    spec.layers[0].init->bias = biases("normal", {{"mean", -5.0}, {"std", 2.0}});
    Network<double> network(spec, 5, seed);
    const auto z = naive_preactivations(network, points, relu);
    const CensusResult census = take(network, dataset, 2);
    const std::vector<LayerProbe> probed = probe(network, dataset, 2);
    std::size_t dead = 0;
    for (std::size_t layer = 0; layer < 2; ++layer) {
      double layer_mean = 0.0;
      for (Index unit = 0; unit < z[layer].rows(); ++unit) layer_mean += z[layer].row(unit).unaryExpr(&relu).mean();
      layer_mean /= static_cast<double>(z[layer].rows());
      for (Index unit = 0; unit < z[layer].rows(); ++unit) {
        const UnitCensus& seen = census.layers[layer].units[static_cast<std::size_t>(unit)];
        const double largest = z[layer].row(unit).maxCoeff();
        CHECK(seen.dead == (largest <= 0.0));
        CHECK(seen.margin == doctest::Approx(-largest).epsilon(1e-10));
        const UnitProbe& rates = probed[layer].units[static_cast<std::size_t>(unit)];
        CHECK(rates.margin == seen.margin);
        CHECK(rates.activation_rate == doctest::Approx((z[layer].row(unit).array() > 0.0).cast<double>().mean()));
        const double mean = z[layer].row(unit).unaryExpr(&relu).mean();
        CHECK(rates.mean_abs == doctest::Approx(mean).epsilon(1e-10));
        CHECK(rates.dormant == (mean <= 0.025 * layer_mean));
        dead += seen.dead ? 1 : 0;
      }
    }
    CHECK(dead > 0);
    CHECK(dead < 42);
  }
}

TEST_CASE("saturated units are those whose derivative is small on every sample") {
  Matrix<double> points(1, 3);
  points << -1.0, 0.5, 1.0;
  NetworkSpec spec;
  spec.layers = {dense("a", 3, activation("tanh"), weights("zeros"), biases("zeros")), dense("out", 2)};
  Network<double> network(spec, 1, 0);
  const auto parameters = network.node(0).parameters();
  parameters[1]->value << 0.0, 3.0, 2.0;  // tanh'(3) = 0.0099, tanh'(2) = 0.071
  const CensusResult census = take(network, dataset_of(points));
  const std::vector<LayerProbe> probed = probe(network, dataset_of(points));
  CHECK_FALSE(probed[0].units[0].saturated);
  CHECK(probed[0].units[1].saturated);
  CHECK_FALSE(probed[0].units[2].saturated);
  for (const UnitCensus& unit : census.layers[0].units) {
    CHECK_FALSE(unit.dead);
    CHECK(unit.margin == -std::numeric_limits<double>::infinity());
  }
}

TEST_CASE("a wholly dead layer collapses the output") {
  Network<float> network(mlp("relu", 4, 4), 3, 1);
  const Dataset dataset = dataset_of(random_points(3, 50, 1));
  CHECK_FALSE(take(network, dataset).collapsed);
  network.node(1).parameter(ParameterRole::bias)->value.setConstant(-100.0F);
  CHECK(take(network, dataset).collapsed);
  // An output that is no number is broken, and not the same for all samples.
  network.node(2).parameter(ParameterRole::weight)->value.setConstant(std::numeric_limits<float>::infinity());
  CHECK_FALSE(take(network, dataset).collapsed);
}

TEST_CASE("effective rank of known spectra") {
  CHECK(effective_rank(Matrix<double>::Identity(5, 5)) == doctest::Approx(5.0));
  CHECK(effective_rank(Matrix<double>::Ones(4, 30)) == doctest::Approx(1.0));
  CHECK(effective_rank(Matrix<double>::Zero(4, 7)) == 0.0);
  Matrix<double> two = Matrix<double>::Zero(6, 9);
  two(0, 0) = 3.0;
  two(1, 1) = 1.0;
  const double entropy = -(0.75 * std::log(0.75) + 0.25 * std::log(0.25));
  CHECK(effective_rank(two) == doctest::Approx(std::exp(entropy)));
  CHECK(effective_rank(Matrix<double>(two.transpose())) == doctest::Approx(std::exp(entropy)));
}

TEST_CASE("effective rank: a singular value counts down to the rounding of the largest one, and no further") {
  const auto rank_of = [](double small) {
    Matrix<double> activations = Matrix<double>::Zero(2, 3);
    activations(0, 0) = 1.0;
    activations(1, 1) = small;
    return effective_rank(activations);
  };
  for (const double small : {1e-2, 1e-5, 3e-8}) {  // its square is above 2 · 2.2e-16
    const double share = small / (1.0 + small);
    const double entropy = -share * std::log(share) - (1.0 - share) * std::log1p(-share);
    CHECK(rank_of(small) == doctest::Approx(std::exp(entropy)).epsilon(1e-10));
    CHECK(rank_of(small) > 1.0 + small);
  }
  CHECK(rank_of(1.5e-8) == 1.0);
  // Eigenvalues that are rounding errors, some fifty of them.
  Matrix<double> same(60, 400);
  for (Index unit = 0; unit < 60; ++unit)
    for (Index sample = 0; sample < 400; ++sample)
      same(unit, sample) = std::sin(1.0 + static_cast<double>(unit)) * std::cos(0.3 * static_cast<double>(sample));
  CHECK(std::abs(effective_rank(same) - 1.0) < 1e-9);
}

TEST_CASE("lifecycles count births, deaths and revivals at the census that saw them") {
  const auto census = [](std::vector<bool> dead) {
    CensusResult result;
    result.layers.resize(1);
    for (const bool one : dead) {
      UnitCensus unit;
      unit.dead = one;
      result.layers[0].units.push_back(unit);
    }
    return result;
  };
  Lifecycles lives(false);
  CHECK(lives.update(0, census({true, false, false})).size() == 1);
  CHECK(lives.update(10, census({true, true, false})).size() == 1);
  CHECK(lives.update(20, census({false, true, false})).size() == 1);
  const auto last = lives.update(30, census({true, false, false}));
  REQUIRE(last.size() == 2);
  CHECK(last[0].kind == LifeEvent::Kind::died);
  CHECK(last[1].kind == LifeEvent::Kind::revived);
  const auto& units = lives.layers()[0];
  CHECK(units[0].born_dead);
  CHECK(units[0].first_dead_step == 0);
  CHECK(units[0].last_change_step == 30);
  CHECK(units[0].deaths == 1);
  CHECK(units[0].revivals == 1);
  CHECK_FALSE(units[1].born_dead);
  CHECK(units[1].first_dead_step == 10);
  CHECK(units[1].deaths == 1);
  CHECK(units[1].revivals == 1);
  CHECK_FALSE(units[2].first_dead_step.has_value());
}

TEST_CASE("a planted unit in layer 2 revives at the step that arithmetic by hand predicts") {
  // One sample x = 1. Layer 1: one unit h = w. Layer 2: V = relu(h) feeds the output, U = relu(h − 1.2) does not.
  // The output is V + c and is pulled towards 3, so that w grows and lifts U over its threshold.
  NetworkSpec spec;
  spec.layers = {dense("one", 1, activation("relu"), weights("constant", {{"value", 1.0}}), biases("zeros")),
                 dense("two", 2, activation("relu"), weights("constant", {{"value", 1.0}}), biases("zeros")),
                 dense("out", 1, activation("identity"), weights("zeros"), biases("zeros"))};
  Network<double> network(spec, 1, 0);
  network.node(1).parameter(ParameterRole::bias)->value(1, 0) = -1.2;
  network.node(2).parameter(ParameterRole::weight)->value(0, 0) = 1.0;
  const Dataset dataset = regression_of(Matrix<double>::Ones(1, 1), Matrix<double>::Constant(1, 1, 3.0));
  ThreadPool pool(1);
  const Choice mse = loss("mse");
  Optimizer<double> sgd(optimizer("sgd"), {}, {}, network.parameters());
  TrainingStep<double> step(
      network, dataset, {*find_entry(loss_table(), "mse"), mse.params, {TargetCoding::values, 0.0}, {}}, sgd, 1, pool);
  LazyExtent<double> extent(dataset, pool);
  const auto census = make_exact_census(network, dataset, extent, pool, 0);

  // The same by hand, in scalars: w1 b1 (layer 1), wv bv (V), wu bu (U, no gradient while dead), ov c (output).
  double w1 = 1, b1 = 0, wv = 1, bv = 0, ov = 1, c = 0;
  std::int64_t predicted = -1;
  Lifecycles lives(true);
  constexpr double kRate = 0.005;
  for (std::int64_t at = 0; at < 100; ++at) {
    lives.update(at, census->take(network, nullptr));
    const double h = w1 + b1;
    if (predicted < 0 && h - 1.2 > 0) predicted = at;
    if (predicted >= 0) break;
    const double v = wv * h + bv;
    const double error = 2.0 * (ov * v + c - 3.0);
    const double dv = error * ov;
    const double dh = dv * wv;
    ov -= kRate * error * v;
    c -= kRate * error;
    wv -= kRate * dv * h;
    bv -= kRate * dv;
    w1 -= kRate * dh;
    b1 -= kRate * dh;
    const std::vector<Index> samples = {0};
    step.compute(samples, {true, Measure::nothing, 0, static_cast<std::uint64_t>(at)});
    step.apply(kRate);
  }
  REQUIRE(predicted > 3);
  const UnitLife& planted = lives.layers()[1][1];
  CHECK(planted.born_dead);
  CHECK(planted.revivals == 1);
  CHECK(planted.last_change_step == predicted);
  CHECK_FALSE(planted.dead);
}

TEST_CASE("a margin that is carried from census to census counts what the inputs have grown to") {
  // D = {(k, −k), (−k, k)}: the first layer's unit is always its bias c, which intervals cannot know.
  Matrix<double> points(2, 2);
  points << 1000.0, -1000.0, -1000.0, 1000.0;
  const Dataset dataset = dataset_of(points);
  NetworkSpec spec;
  spec.layers = {dense("a", 1, activation("relu"), weights("constant", {{"value", 1.0}}), biases("zeros")),
                 dense("b", 1, activation("relu"), weights("constant", {{"value", 1.0}}), biases("zeros")),
                 dense("out", 2)};
  Network<double> network(spec, 2, 0);
  double& c = network.node(0).parameter(ParameterRole::bias)->value(0, 0);
  double& w = network.node(1).parameter(ParameterRole::weight)->value(0, 0);
  c = 1.0;
  network.node(1).parameter(ParameterRole::bias)->value(0, 0) = -200.0;
  ThreadPool pool(1);
  LazyExtent<double> extent(dataset, pool);
  const auto census = make_exact_census(network, dataset, extent, pool, 0);
  const auto look = [&] { return census->take(network, nullptr).layers[1].units[0]; };
  CHECK(look().device == Device::scan);
  c = 50.0;  // h grows from 1 to 50
  CHECK(look().device == Device::margin);
  w = 3.0;  // z = 3·50 − 200
  const UnitCensus unit = look();
  CHECK(unit.device == Device::margin);
  CHECK(unit.margin <= 50.0);
  CHECK(unit.margin > 49.0);
  w = 4.1;  // alive
  CHECK_FALSE(look().dead);
}

TEST_CASE("a part of the network gives the bits of the whole") {
  NetworkSpec spec = mlp("relu", 40, 24);
  Network<float> network(spec, 30, 5);
  // Units 3, 4, … of the first layer are dead: what is left has 3 of its units and some of the second layer's.
  for (Index unit = 3; unit < 40; ++unit) network.node(0).parameter(ParameterRole::bias)->value(unit, 0) = -1e6F;
  const Dataset dataset = dataset_of(random_points(30, 100, 3));
  ThreadPool pool(1);
  const std::vector<std::vector<Index>> kept = {{0, 1, 2, 17}, {0, 5, 23}};
  const Network<float> part = network.select(kept).value();
  SampleRunner<float> whole_runner(network, dataset, pool, 100);
  SampleRunner<float> part_runner(part, dataset, pool, 100);
  std::vector<Index> all(100);
  std::iota(all.begin(), all.end(), Index{0});
  whole_runner.run(network, all, Measure::nothing);
  part_runner.run(part, all, Measure::nothing);
  for (std::size_t row = 0; row < kept[1].size(); ++row)
    for (Index sample = 0; sample < 100; ++sample)
      CHECK(part_runner.state().node(1).output(static_cast<Index>(row), sample) ==
            whole_runner.state().node(1).output(kept[1][row], sample));
}

// A product of it sums up 9 values, where the picture has 3136.
TEST_CASE("a scan makes no part of a network that begins with a convolution") {
  NetworkSpec spec;
  spec.layers = {conv2d("c", 32, 3, {}, activation("relu")), dense("out", 2)};
  const Network<float> network(spec, Shape{1, 56, 56}, 3);
  const Dataset dataset = dataset_of(random_points(56 * 56, 8, 1));
  ThreadPool pool(1);
  const std::vector<LayerBook> books = open_books(network);
  CensusDraft draft;
  draft.units.resize(1);
  draft.units[0].resize(32);
  for (auto& verdict : draft.units[0]) verdict.state = UnitState::dead;
  draft.units[0][0].state = UnitState::open;
  CHECK(Thinner<float>(dataset, pool).thin_out(network, books, draft, 1) == nullptr);
}

TEST_CASE("outputs that differ by a random slope alone are those of a collapsed network") {
  NetworkSpec spec;
  spec.layers = {dense("dead", 4, activation("relu"), weights("zeros"), biases("constant", {{"value", -1.0}})),
                 dense("out", 1, activation("rrelu"), weights("zeros"), biases("constant", {{"value", -1.0}}))};
  Network<double> network(spec, 2, 0);
  Matrix<double> points = Matrix<double>::Random(2, 30);
  const Dataset dataset = regression_of(points, Matrix<double>::Zero(1, 30));
  ThreadPool pool(1);
  const Choice mse = loss("mse");
  Optimizer<double> sgd(optimizer("sgd"), {}, {}, network.parameters());
  TrainingStep<double> step(
      network, dataset, {*find_entry(loss_table(), "mse"), mse.params, {TargetCoding::values, 0.0}, {}}, sgd, 30, pool);
  std::vector<Index> samples(30);
  std::iota(samples.begin(), samples.end(), Index{0});
  step.compute(samples, {true, Measure::activity, 0, 0});
  CHECK_FALSE(step.activity().outputs_differ);
  LazyExtent<double> extent(dataset, pool);
  CHECK(make_exact_census(network, dataset, extent, pool, 0)->take(network, &step.activity()).collapsed);
}
