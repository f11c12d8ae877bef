// What a recorded step says, against naive statistics of a naive forward and backward pass.
#include "probe/layer_statistics.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "experiment/training_step.hpp"
#include "support/naive.hpp"
#include "support/specs.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

struct Fixture {
  Matrix<double> points;
  Dataset dataset;
  NetworkSpec spec;
  std::vector<Index> samples;
  Penalty penalty;

  explicit Fixture(Index batch) : points(4, 150) {
    Rng rng(8, Purpose::generator);
    for (double& value : points.reshaped()) value = rng.normal();
    dataset = dataset_of(points);
    spec.layers = {dense("a", 21, activation("relu"), weights("he_normal"), biases("normal", {{"std", 2.0}})),
                   dense("b", 16, activation("relu")), dense("out", 2)};
    for (Index at = 0; at < batch; ++at) samples.push_back((at * 37) % 150);
  }

  [[nodiscard]] Matrix<double> batch() const {
    Matrix<double> x(points.rows(), static_cast<Index>(samples.size()));
    for (std::size_t at = 0; at < samples.size(); ++at) x.col(static_cast<Index>(at)) = points.col(samples[at]);
    return x;
  }
};

/// Runs one measured step without an update and returns each unit layer's statistics.
template <class T>
struct Measured {
  Network<T> network;
  std::vector<LayerStatistics> layers;
  GradientNoise noise;
  StepResult result;

  Measured(const Fixture& fixture, int threads) : network(fixture.spec, 4, 5) {
    ThreadPool pool(threads);
    const Choice ce = loss("cross_entropy");
    Optimizer<T> sgd(optimizer("sgd"), {}, fixture.penalty, network.parameters());
    TrainingStep<T> step(
        network, fixture.dataset,
        {*find_entry(loss_table(), "cross_entropy"), ce.params, {TargetCoding::classes, 0.0}, fixture.penalty}, sgd,
        static_cast<Index>(fixture.samples.size()), pool);
    step.compute(fixture.samples, {true, Measure::batch, 0, 0});
    step.apply(0.1, false);
    for (const std::size_t layer : network.sites()) layers.push_back(step.statistics(layer));
    noise = step.noise().value();
    result = step.result();
  }
};

}  // namespace

TEST_CASE("the statistics of a batch agree with naive ones, in both precisions") {
  for (const Index batch : {1, 17, 64, 150}) {
    const Fixture fixture(batch);
    const auto check = [&](auto zero, double tolerance) {
      using T = decltype(zero);
      Measured<T> measured(fixture, 2);
      const auto z = naive_preactivations(measured.network, fixture.batch(), relu);
      for (std::size_t layer = 0; layer < 3; ++layer) {
        const bool hidden = layer < 2;
        const Matrix<double> a = hidden ? Matrix<double>(z[layer].unaryExpr(&relu)) : z[layer];
        const LayerStatistics& seen = measured.layers[layer];
        const double mean = z[layer].mean();
        CHECK(seen.z_mean == doctest::Approx(mean).epsilon(tolerance));
        CHECK(seen.z_std == doctest::Approx(std::sqrt((z[layer].array() - mean).square().mean())).epsilon(tolerance));
        CHECK(seen.a_mean == doctest::Approx(a.mean()).epsilon(tolerance));
        CHECK(seen.a_rms == doctest::Approx(std::sqrt(a.array().square().mean())).epsilon(tolerance));
        CHECK(seen.a_max == doctest::Approx(a.cwiseAbs().maxCoeff()).epsilon(tolerance));
        CHECK(seen.z_max == doctest::Approx(z[layer].cwiseAbs().maxCoeff()).epsilon(tolerance));
        CHECK(seen.zero_fraction == doctest::Approx((a.array() == 0.0).cast<double>().mean()));
        Index dead = 0;
        for (Index unit = 0; unit < a.rows(); ++unit) dead += (hidden && z[layer].row(unit).maxCoeff() <= 0) ? 1 : 0;
        CHECK(seen.batch_dead == dead);
      }
    };
    check(0.0, 1e-9);
    check(0.0F, 1e-4);
  }
}

TEST_CASE("delta RMS, gradient norms and noise scale agree with per-sample gradients") {
  const Fixture fixture(40);
  Measured<double> measured(fixture, 1);
  Network<double>& network = measured.network;
  const Matrix<double> x = fixture.batch();
  const auto z = naive_preactivations(network, x, relu);
  const Index batch = x.cols();
  std::vector<Matrix<double>> h = {x, z[0].unaryExpr(&relu), z[1].unaryExpr(&relu)};
  // δ of each sample's own loss, from the output back.
  std::vector<Matrix<double>> delta(3);
  delta[2] = z[2];
  for (Index column = 0; column < batch; ++column) {
    const Vector<double> e = z[2].col(column).array().exp();
    delta[2].col(column) = e / e.sum();
    delta[2](fixture.dataset.train.labels[static_cast<std::size_t>(fixture.samples[static_cast<std::size_t>(column)])],
             column) -= 1.0;
  }
  for (const std::size_t layer : {1UL, 0UL}) {
    const Matrix<double> w = network.node(layer + 1).parameter(ParameterRole::weight)->value;
    delta[layer] = (w.transpose() * delta[layer + 1]).cwiseProduct((z[layer].array() > 0).cast<double>().matrix());
  }
  double mean_square = 0.0;
  double batch_square = 0.0;
  for (std::size_t layer = 0; layer < 3; ++layer) {
    CHECK(measured.layers[layer].delta_rms == doctest::Approx(std::sqrt(delta[layer].array().square().mean())));
    Matrix<double> dw = Matrix<double>::Zero(delta[layer].rows(), h[layer].rows());
    Vector<double> db = Vector<double>::Zero(delta[layer].rows());
    for (Index column = 0; column < batch; ++column) {
      const Matrix<double> one = delta[layer].col(column) * h[layer].col(column).transpose();
      mean_square += (one.squaredNorm() + delta[layer].col(column).squaredNorm()) / static_cast<double>(batch);
      dw += one / static_cast<double>(batch);
      db += delta[layer].col(column) / static_cast<double>(batch);
    }
    CHECK(std::sqrt(measured.result.nodes[layer][0].gradient_square) == doctest::Approx(dw.norm()));
    CHECK(std::sqrt(measured.result.nodes[layer][1].gradient_square) == doctest::Approx(db.norm()));
    CHECK(measured.result.nodes[layer][0].gradient_max == doctest::Approx(dw.cwiseAbs().maxCoeff()));
    CHECK(measured.result.nodes[layer][0].gradient_abs == doctest::Approx(dw.cwiseAbs().sum()));
    CHECK(measured.result.nodes[layer][0].gradient_zeros == static_cast<double>((dw.array() == 0.0).count()));
    batch_square += dw.squaredNorm() + db.squaredNorm();
  }
  const auto size = static_cast<double>(batch);
  const double trace = (mean_square - batch_square) / (1.0 - 1.0 / size);
  const double signal = (size * batch_square - mean_square) / (size - 1.0);
  REQUIRE(signal > 0.0);
  CHECK(measured.noise.trace == doctest::Approx(trace).epsilon(1e-9));
  CHECK(measured.noise.signal == doctest::Approx(signal).epsilon(1e-9));
  CHECK(measured.noise.scale() == doctest::Approx(trace / signal).epsilon(1e-9));
}

TEST_CASE("what other tools' monitors count: each limit with a unit on either side of it") {
  constexpr Index kBatch = 200;
  // Values per unit: so many are `value`, the others 0.7.
  struct Unit {
    Index count;
    double value;
    bool rare, faint;
  };
  const std::vector<Unit> units = {
      {198, 0.0, false, true},       // active on 1 %
      {199, 0.0, true, true},        // and on less
      {190, 0.99e-5, false, true},   // next to silent on 95 %
      {189, 0.99e-5, false, false},  // and on less
      {190, -0.99e-5, false, true}, {200, 1.01e-5, false, false}, {200, -0.99e-6, false, true},
      {200, 1.01e-6, false, true},  {0, 0.0, false, false},
  };
  NodeState<double> state;
  state.output = Matrix<double>::Constant(static_cast<Index>(units.size()), kBatch + 8, 0.7);  // 8: no samples
  Index rare = 0;
  Index faint = 0;
  Index tiny = 0;
  Index nonpositive = 0;
  for (std::size_t at = 0; at < units.size(); ++at) {
    const Unit& unit = units[at];
    state.output.row(static_cast<Index>(at)).head(unit.count).setConstant(unit.value);
    rare += unit.rare ? 1 : 0;
    faint += unit.faint ? 1 : 0;
    tiny += std::abs(unit.value) < 1e-6 ? unit.count : 0;
    nonpositive += unit.value <= 0.0 ? unit.count : 0;
    // Each on its own as well: no two mistakes make up for each other.
    NodeState<double> alone;
    alone.output = state.output.row(static_cast<Index>(at));
    const MonitorStatistics seen = monitor_statistics(alone, 1, kBatch);
    CAPTURE(unit.count);
    CAPTURE(unit.value);
    CHECK(seen.batch_rare == (unit.rare ? 1 : 0));
    CHECK(seen.batch_faint == (unit.faint ? 1 : 0));
  }
  const MonitorStatistics seen = monitor_statistics(state, state.output.rows(), kBatch);
  const auto count = static_cast<double>(kBatch) * static_cast<double>(units.size());
  CHECK(seen.batch_rare == rare);
  CHECK(seen.batch_faint == faint);
  CHECK(seen.tiny_fraction == static_cast<double>(tiny) / count);
  CHECK(seen.nonpositive_fraction == static_cast<double>(nonpositive) / count);
}

TEST_CASE("the noise scale of pure noise is infinite, of one sample unknown") {
  CHECK(std::isinf(gradient_noise(10.0, 0.1, 50).scale()));
  CHECK(std::isnan(gradient_noise(10.0, 10.0, 1).scale()));
  CHECK(gradient_noise(10.0, 10.0, 50).scale() == 0.0);
}

TEST_CASE("the ratio of averages finds the noise scale where single batches cannot tell signal from noise") {
  // Samples of the gradient are N(G, 1) in kParameters dimensions, so that tr(Σ) = kParameters and ‖G‖² = kSignal.
  constexpr int kParameters = 10;
  constexpr double kSignal = 0.05;
  constexpr Index kBatch = 16;
  Rng rng(4, Purpose::generator);
  NoiseAverage average;
  int infinite = 0;
  for (int batch = 0; batch < 4000; ++batch) {
    double samples = 0.0;
    Vector<double> mean = Vector<double>::Zero(kParameters);
    for (Index sample = 0; sample < kBatch; ++sample) {
      Vector<double> gradient(kParameters);
      for (double& element : gradient) element = std::sqrt(kSignal / kParameters) + rng.normal();
      samples += gradient.squaredNorm() / static_cast<double>(kBatch);
      mean += gradient / static_cast<double>(kBatch);
    }
    const GradientNoise noise = gradient_noise(samples, mean.squaredNorm(), kBatch);
    if (std::isinf(noise.scale())) ++infinite;
    average.add(noise);
  }
  CHECK(infinite > 1000);
  CHECK(average.batches() == 4000);
  CHECK(average.mean().trace == doctest::Approx(kParameters).epsilon(0.05));
  // The standard error of the last hundred batches or so is 0.02.
  CHECK(average.mean().signal == doctest::Approx(kSignal).epsilon(1.0));
  CHECK(std::isfinite(average.mean().scale()));
}

TEST_CASE("the running average is that of the batches, each counting 0.99 times as much as the next") {
  NoiseAverage average;
  average.add({8.0, 2.0});
  CHECK(average.mean().scale() == 4.0);
  average.add({2.0, -1.0});
  average.add({std::numeric_limits<double>::quiet_NaN(), 1.0});
  average.add({1.0, std::numeric_limits<double>::infinity()});
  CHECK(average.batches() == 2);
  CHECK(average.mean().trace == doctest::Approx((0.99 * 8.0 + 2.0) / 1.99).epsilon(1e-14));
  CHECK(average.mean().signal == doctest::Approx((0.99 * 2.0 - 1.0) / 1.99).epsilon(1e-14));
}

TEST_CASE("with penalties and without biases, the noise is that of whole gradients, sample by sample") {
  Fixture fixture(40);
  fixture.penalty = {0.02, 0.03, 0.04};
  fixture.spec.layers[1].init->bias = biases("none");
  const auto square_of = [](const Measured<double>& measured) {
    double sum = 0.0;
    for (const std::size_t layer : measured.network.sites())
      for (const ParameterRole role : {ParameterRole::weight, ParameterRole::bias})
        sum += measured.result.of(layer, role).gradient_square;
    return sum;
  };
  const Measured<double> whole(fixture, 1);
  double mean = 0.0;
  for (const Index sample : std::vector<Index>(fixture.samples)) {
    fixture.samples = {sample};
    mean += square_of(Measured<double>(fixture, 1)) / 40.0;
  }
  const GradientNoise expected = gradient_noise(mean, square_of(whole), 40);
  CHECK(whole.noise.trace == doctest::Approx(expected.trace).epsilon(1e-10));
  CHECK(whole.noise.signal == doctest::Approx(expected.signal).epsilon(1e-10));
}
