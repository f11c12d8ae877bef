// Planted units whose fate is known. That locks hold in random experiments is probe.census_property_slow's to show.
#include "probe/prognosis.hpp"

#include <doctest/doctest.h>

#include "experiment/training_step.hpp"
#include "optim/schedule.hpp"
#include "probe/exact_census.hpp"
#include "support/naive.hpp"
#include "support/specs.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

Dataset points_of(Index features, Index samples) {
  Rng rng(3, Purpose::generator);
  Matrix<double> points(features, samples);
  for (double& value : points.reshaped()) value = rng.normal();
  Matrix<double> targets(1, samples);
  for (double& value : targets.reshaped()) value = rng.normal();
  return regression_of(points, targets);
}

NetworkSpec two_layers(const Choice& phi = activation("relu"), bool with_dropout = false) {
  NetworkSpec spec;
  if (with_dropout) spec.layers.push_back(dropout("drop", 0.5));
  spec.layers.push_back(dense("a", 6, phi, weights("he_normal"), biases("zeros")));
  spec.layers.push_back(dense("b", 5, activation("relu"), weights("he_normal"), biases("zeros")));
  spec.layers.push_back(dense("out", 1));
  return spec;
}

/// Trains a network for some steps, with a census and a prognosis at each.
struct Bench {
  Bench(const NetworkSpec& spec, const Choice& rule, const Penalty& penalty = {})
      : dataset(points_of(3, 60)),
        network(spec, 3, 4),
        optimizer(rule, {}, penalty, network.parameters()),
        step(network, dataset, {*find_entry(loss_table(), "mse"), mse.params, {TargetCoding::values, 0.0}, penalty},
             optimizer, 20, pool),
        extent(dataset, pool),
        census(make_exact_census(network, dataset, extent, pool, 0)),
        prognosis(network, optimizer, penalty, extent) {}

  void look() {
    const CensusResult result = census->take(network, nullptr);
    const double ahead = static_cast<double>(1000 - steps);
    prognosis.judge(steps, result, {kRate, kRate * ahead, ahead});
  }
  void train(std::int64_t count) {
    for (std::int64_t at = 0; at < count; ++at, ++steps) {
      look();
      std::vector<Index> samples(20);
      for (std::size_t sample = 0; sample < 20; ++sample)
        samples[sample] = static_cast<Index>((static_cast<std::size_t>(steps) * 20 + sample) % 60);
      step.compute(samples, {true, Measure::activity, 0, static_cast<std::uint64_t>(steps)});
      step.apply(kRate);
    }
    look();
  }
  [[nodiscard]] Lock lock(std::size_t layer, std::size_t unit) const { return prognosis.locks()[layer][unit]; }
  Parameter<float>& weight(std::size_t layer) { return *network.node(layer).parameter(ParameterRole::weight); }
  Parameter<float>& bias(std::size_t layer) { return *network.node(layer).parameter(ParameterRole::bias); }

  static constexpr double kRate = 0.01;
  std::int64_t steps = 0;
  ThreadPool pool{1};
  Choice mse = loss("mse");
  Dataset dataset;
  Network<float> network;
  Optimizer<float> optimizer;
  TrainingStep<float> step;
  LazyExtent<float> extent;
  std::unique_ptr<Census<float>> census;
  Prognosis<float> prognosis;
};

}  // namespace

TEST_CASE("plain sgd: a first-layer unit that is dead is locked at once; alive ones and deeper ones are not") {
  Bench bench(two_layers(), optimizer("sgd"));
  bench.bias(0).value(2, 0) = -100.0F;  // dead for all of the box
  bench.bias(1).value(1, 0) = -3.0F;    // dead, but what feeds it learns
  bench.look();
  CHECK(bench.lock(0, 2) == Lock::domain);
  CHECK(bench.lock(0, 0) == Lock::none);
  CHECK(bench.lock(1, 1) == Lock::none);
}

TEST_CASE("dead on the data but not in its box: frozen") {
  Bench bench(two_layers(), optimizer("sgd"));
  // Just below what the samples reach.
  float highest = -1e9F;
  const auto& points = std::get<Matrix<double>>(bench.dataset.train.features);
  for (Index sample = 0; sample < 60; ++sample)
    highest = std::max(highest, (bench.weight(0).value.row(3) * points.col(sample).cast<float>()).value());
  bench.bias(0).value(3, 0) = -highest - 0.01F;
  bench.train(3);
  CHECK(bench.lock(0, 3) == Lock::frozen);
}

TEST_CASE("momentum: locked once what is left of it cannot carry the unit back") {
  Bench bench(two_layers(), optimizer("sgd", {{"momentum", 0.9}}));
  bench.train(3);  // the buffer is full
  bench.bias(0).value(2, 0) = -100.0F;
  bench.look();
  CHECK(bench.lock(0, 2) == Lock::domain);  // far away
  Bench near(two_layers(), optimizer("sgd", {{"momentum", 0.9}}));
  near.train(3);
  float highest = -1e9F;
  const auto& points = std::get<Matrix<double>>(near.dataset.train.features);
  for (Index sample = 0; sample < 60; ++sample)
    highest = std::max(highest, (near.weight(0).value.row(2) * points.col(sample).cast<float>()).value());
  near.bias(0).value(2, 0) = -highest - 1e-4F;
  near.look();
  CHECK(near.lock(0, 2) == Lock::none);
}

TEST_CASE("no lock where L2 decay goes through adaptive rates, where the slope is learned") {
  for (const char* rule : {"adam", "rmsprop", "adagrad"}) {
    Bench bench(two_layers(), optimizer(rule, {{"weight_decay", 0.01}}));
    bench.bias(0).value(2, 0) = -100.0F;
    bench.look();
    CHECK(bench.lock(0, 2) == Lock::none);
    Bench plain(two_layers(), optimizer(rule));
    plain.bias(0).value(2, 0) = -100.0F;
    plain.look();
    CHECK(plain.lock(0, 2) == Lock::domain);
  }
  Bench prelu(two_layers(activation("prelu", {{"init", 0.0}})), optimizer("sgd"));
  prelu.bias(0).value(2, 0) = -100.0F;
  prelu.train(2);
  CHECK(prelu.lock(0, 2) == Lock::none);
}

TEST_CASE("decoupled and sgd's own decay shrink weight and bias together: the lock holds") {
  for (const char* rule : {"adamw", "sgd"}) {
    Bench bench(two_layers(), optimizer(rule, {{"weight_decay", 0.1}}));
    bench.bias(0).value(2, 0) = -100.0F;
    bench.look();
    CHECK(bench.lock(0, 2) == Lock::domain);
  }
}

TEST_CASE("an L2 penalty shrinks the weights of a dead unit and leaves its bias: the lock allows for that") {
  const Penalty l2{0.0, 0.05, 0.0};
  Bench bench(two_layers(), optimizer("sgd"), l2);
  bench.bias(0).value(2, 0) = -100.0F;  // z = w x + b comes nearer to b, which is dead
  bench.look();
  CHECK(bench.lock(0, 2) == Lock::domain);
  const float before = bench.weight(0).value(2, 1);
  bench.train(50);
  CHECK(std::abs(bench.weight(0).value(2, 1)) < 0.98F * std::abs(before));  // it moves all the same
  // Dead by its weights alone, with a bias that is alive: as they shrink, z goes to b.
  Bench revived(two_layers(), optimizer("sgd"), l2);
  auto& points = std::get<Matrix<double>>(revived.dataset.train.features);
  CHECK(points.cols() == 60);
  revived.weight(0).value.row(2).setZero();
  revived.bias(0).value(2, 0) = 0.5F;
  revived.look();
  CHECK(revived.lock(0, 2) == Lock::none);
  // Through adaptive rates, or where L1 pushes every weight by the same distance, nothing is sure.
  for (const char* rule : {"adam", "adamw"}) {
    Bench adaptive(two_layers(), optimizer(rule), l2);
    adaptive.bias(0).value(2, 0) = -100.0F;
    adaptive.look();
    CHECK(adaptive.lock(0, 2) == Lock::none);
  }
  Bench l1(two_layers(), optimizer("sgd"), {1e-3, 0.0, 0.0});
  l1.bias(0).value(2, 0) = -100.0F;
  l1.look();
  CHECK(l1.lock(0, 2) == Lock::none);
}

TEST_CASE(
    "a penalty on activations moves what lies below a wholly dead layer: only that layer's units stay as they are") {
  const auto wholly_dead = [](const Penalty& penalty) {
    auto bench = std::make_unique<Bench>(two_layers(), optimizer("sgd"), penalty);
    bench->bias(1).value.setConstant(-20.0F);
    bench->look();
    return bench;
  };
  CHECK(wholly_dead({})->lock(1, 0) == Lock::frozen);
  const auto bench = wholly_dead({0.0, 0.0, 0.01});
  CHECK(bench->lock(1, 0) == Lock::none);
  const Matrix<float> before = bench->weight(0).value;
  const Matrix<float> own = bench->weight(1).value;
  bench->train(3);
  CHECK(bench->weight(0).value != before);
  CHECK(bench->weight(1).value == own);
  // A unit that is dead by a learned slope of 0 gets the penalty's gradient in that slope.
  for (const double l1 : {0.0, 0.01}) {
    Bench learned(two_layers(activation("prelu", {{"init", 0.0}})), optimizer("sgd"), {0.0, 0.0, l1});
    learned.bias(0).value(2, 0) = -100.0F;
    learned.bias(1).value.setConstant(-2000.0F);
    learned.look();
    CHECK(learned.lock(0, 2) == (l1 == 0.0 ? Lock::frozen : Lock::none));
  }
}

TEST_CASE("dropout before the first layer: the box is what dropout can make of the data") {
  Bench bench(two_layers(activation("relu"), true), optimizer("sgd"));
  bench.bias(1).value(2, 0) = -100.0F;  // layer 1 of the network is the first dense one
  bench.look();
  CHECK(bench.lock(0, 2) == Lock::domain);
  // Dead on the data, and not in the wider box: training sees other inputs, so nothing is sure.
  Bench near(two_layers(activation("relu"), true), optimizer("sgd"));
  const auto& points = std::get<Matrix<double>>(near.dataset.train.features);
  const Matrix<float> z = near.weight(1).value * points.cast<float>();
  near.bias(1).value(2, 0) = -z.row(2).maxCoeff() - 0.01F;
  near.look();
  CHECK(near.lock(0, 2) == Lock::none);
}

TEST_CASE("sign: no weight above 0 on inputs that are never negative") {
  Bench bench(two_layers(), optimizer("sgd"));
  bench.weight(1).value.row(1).setConstant(-0.1F);
  bench.weight(1).value(1, 3) = 0.0F;
  bench.bias(1).value(1, 0) = 0.0F;
  bench.weight(1).value.row(2).setConstant(-0.1F);
  bench.bias(1).value(2, 0) = 0.001F;  // alive where its inputs are silent
  bench.look();
  CHECK(bench.lock(1, 1) == Lock::sign);
  CHECK(bench.lock(1, 2) == Lock::none);
  Bench negative(two_layers(activation("elu")), optimizer("sgd"));  // inputs may be negative
  negative.weight(1).value.row(1).setConstant(-0.1F);
  negative.bias(1).value(1, 0) = -50.0F;
  negative.look();
  CHECK(negative.lock(1, 1) == Lock::none);
}

TEST_CASE("a unit on a layer norm is locked by its own scale and shift, whatever feeds the norm") {
  NetworkSpec spec;
  spec.layers = {dense("a", 6, activation("relu")), with_norm(dense("b", 5, activation("relu")), {}, "layer_norm"),
                 dense("out", 1)};
  const auto planted = [&](const Choice& rule) {
    auto bench = std::make_unique<Bench>(spec, rule);
    Node<float>& norm = bench->network.node(2);
    norm.parameter(ParameterRole::shift)->value << -2.3F, -2.1F, 0.0F, -1.0F, 0.0F;  // √5 is 2.236
    norm.parameter(ParameterRole::scale)->value << 1.0F, 1.0F, 1.0F, 0.4F, 0.0F;
    bench->network.parameters_changed();
    return bench;
  };
  const auto sgd = planted(optimizer("sgd"));
  sgd->look();
  CHECK(sgd->lock(1, 0) == Lock::domain);
  CHECK(sgd->lock(1, 1) == Lock::none);
  CHECK(sgd->lock(1, 2) == Lock::none);
  CHECK(sgd->lock(1, 3) == Lock::domain);
  const auto& scale = sgd->network.node(2).parameter(ParameterRole::scale)->value;
  const auto& shift = sgd->network.node(2).parameter(ParameterRole::shift)->value;
  const Matrix<float> before = sgd->network.node(1).affine()->weights();
  sgd->train(50);
  CHECK(sgd->network.node(1).affine()->weights() != before);
  CHECK((scale(0, 0) == 1.0F && shift(0, 0) == -2.3F));
  // What is left of momentum may still lift it; decay draws the shift to 0, and the scale may be slower.
  const auto heavy = planted(optimizer("sgd", {{"momentum", 0.9}}));
  heavy->network.node(2).parameter(ParameterRole::shift)->value(0, 0) = -1.0F;
  heavy->train(3);
  heavy->network.node(2).parameter(ParameterRole::shift)->value(0, 0) = -2.2361F;
  heavy->look();
  CHECK(heavy->lock(1, 0) == Lock::none);
  const auto decayed = planted(optimizer("adamw", {{"weight_decay", 0.1}}));
  decayed->look();
  CHECK(decayed->lock(1, 0) == Lock::none);
  const auto adaptive = planted(optimizer("adam", {{"weight_decay", 0.01}}));
  adaptive->look();
  CHECK(adaptive->lock(1, 0) == Lock::none);
}

TEST_CASE("at and below a wholly dead layer everything is frozen") {
  Bench bench(two_layers(), optimizer("sgd"));
  bench.bias(1).value.setConstant(-20.0F);
  bench.bias(0).value(4, 0) = -20.0F;
  bench.look();
  for (std::size_t unit = 0; unit < 5; ++unit) CHECK(bench.lock(1, unit) == Lock::frozen);
  CHECK(bench.lock(0, 4) != Lock::none);
  CHECK(bench.lock(0, 0) == Lock::none);  // alive, for good
}
