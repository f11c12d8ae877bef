// Batch norm, alone and in residual blocks, against its definition.
#include "nn/batch_norm.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/norm_bench.hpp"
#include "support/specs.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

NetworkSpec residual_network(const Choice& phi) {
  NetworkSpec spec;
  spec.layers = {
      with_norm(conv2d("first", 3, 3, {{"padding", std::string("same")}}, phi)),
      residual("block",
               {with_norm(conv2d("a", 4, 3, {{"padding", std::int64_t{1}}, {"stride", std::int64_t{2}}}, phi)),
                bare(with_norm(conv2d("b", 4, 3, {{"padding", std::int64_t{1}}})))},
               {bare(with_norm(conv2d("k", 4, 1, {{"stride", std::int64_t{2}}})))}, phi),
      residual("plain", {bare(conv2d("c", 4, 1))}, {}, phi),
      plain("all", "global_avg_pool"),
      with_norm(dense("d", 5, phi)),
      dense("out", 2)};
  return spec;
}

}  // namespace

TEST_CASE("gradients through batch norms and residual blocks agree with central differences") {
  for (const char* name : {"tanh", "gelu", "prelu"}) {
    NormBench<double> bench(residual_network(activation(name)), Shape(2, 5, 4));
    CAPTURE(name);
    CHECK(bench.worst_gradient_error() <= 1e-6);
  }
}

TEST_CASE("batch norms have the same bits with one thread and with three") {
  NormBench<float> one(residual_network(activation("relu")), Shape(2, 5, 4), 1);
  NormBench<float> three(residual_network(activation("relu")), Shape(2, 5, 4), 3);
  CHECK(one.loss() == three.loss());
  CHECK(one.gradients() == three.gradients());
}

TEST_CASE("a batch norm gives a batch mean 0 and variance 1, and keeps running statistics") {
  NetworkSpec spec;
  spec.layers = {plain("norm", "batch_norm"), dense("out", 2)};
  const Shape shape(3, 2, 4);
  NormBench<double> bench(spec, shape);
  bench.loss();
  std::size_t at = 0;
  while (bench.network.node(at).buffers().empty()) ++at;
  Node<double>& norm = bench.network.node(at);
  norm.learn_statistics(bench.state.node(at));
  const double count = static_cast<double>(kNormSamples * shape.positions());
  for (Index channel = 0; channel < 3; ++channel) {
    double mean = 0.0;
    double square = 0.0;
    const auto values = bench.input.middleRows(channel * shape.positions(), shape.positions());
    for (const double value : values.reshaped()) mean += value / count;
    for (const double value : values.reshaped()) square += (value - mean) * (value - mean);
    CHECK(norm.buffers()[0]->value(channel, 0) == doctest::Approx(0.1 * mean).epsilon(1e-12));
    CHECK(norm.buffers()[1]->value(channel, 0) == doctest::Approx(0.9 + 0.1 * square / (count - 1.0)).epsilon(1e-12));
    CHECK(norm.buffers()[2]->value(0, 0) == 1.0);
    const double scale = norm.parameter(ParameterRole::scale)->value(channel, 0);
    const double shift = norm.parameter(ParameterRole::shift)->value(channel, 0);
    for (Index position = 0; position < shape.positions(); ++position)
      for (Index sample = 0; sample < kNormSamples; ++sample) {
        const double x = bench.input(channel * shape.positions() + position, sample);
        REQUIRE(bench.state.node(at).output(position * 3 + channel, sample) ==
                doctest::Approx(scale * (x - mean) / std::sqrt(square / count + 1e-5) + shift).epsilon(1e-10));
      }
  }
  // Evaluation goes by the running ones.
  for (const Shard& shard : bench.shards) bench.state.forward(bench.network, shard, {});
  const double x = bench.input(0, 0);
  const auto line = norm.line(0, 0, bench.state.inputs_of(at)[0]->data());
  REQUIRE(line);
  CHECK(bench.state.node(at).output(0, 0) == doctest::Approx(line->slope * x + line->offset).epsilon(1e-12));
}

TEST_CASE("what a batch norm says of boxes and drifts holds for random inputs and moves") {
  Rng rng(8, Purpose::generator);
  const ParamValues settings(find_entry(norm_table(), "batch_norm")->params);
  for (int round = 0; round < 300; ++round) {
    BatchNorm<float> before("norm", settings, Shape(4));
    BatchNorm<float> now = before;
    const float step = round % 3 == 0 ? 0.0F : 0.1F;
    const auto draw = [&](Matrix<float>& old_values, Matrix<float>& new_values, double low) {
      for (Index channel = 0; channel < 4; ++channel) {
        old_values(channel, 0) = static_cast<float>(rng.uniform(low, 3.0));
        new_values(channel, 0) = old_values(channel, 0) + step * static_cast<float>(rng.uniform());
      }
    };
    for (const ParameterRole role : {ParameterRole::scale, ParameterRole::shift})
      draw(before.parameter(role)->value, now.parameter(role)->value, -3.0);
    draw(before.buffers()[0]->value, now.buffers()[0]->value, -3.0);
    draw(before.buffers()[1]->value, now.buffers()[1]->value, 1e-4);
    before.parameters_changed();
    now.parameters_changed();
    Box box{Eigen::VectorXd(4), Eigen::VectorXd(4)};
    for (Index channel = 0; channel < 4; ++channel) {
      box.low[channel] = rng.uniform(-5.0, 2.0);
      box.high[channel] = box.low[channel] + rng.uniform(0.0, 4.0);
    }
    constexpr Index kColumns = 64;
    Matrix<float> x(4, kColumns);
    Matrix<float> moved(4, kColumns);
    Drift drift{0.0, Eigen::VectorXd::Zero(4)};
    for (Index column = 0; column < kColumns; ++column)
      for (Index channel = 0; channel < 4; ++channel) {
        x(channel, column) = static_cast<float>(rng.uniform(box.low[channel], box.high[channel]));
        x(channel, column) = std::max(not_below<float>(box.low[channel]),
                                      std::min(not_above<float>(box.high[channel]), x(channel, column)));
        moved(channel, column) = x(channel, column) + step * static_cast<float>(rng.uniform(-1.0, 1.0));
        drift.element[channel] = std::max(drift.element[channel],
                                          std::abs(static_cast<double>(moved(channel, column)) - x(channel, column)));
      }
    drift.norm = static_cast<double>(x.colwise().norm().maxCoeff()) * (1.0 + 1e-6);
    const auto run = [&](const BatchNorm<float>& norm, const Matrix<float>& input) {
      NodeState<float> state;
      norm.prepare(state, kColumns, 1);
      const Matrix<float>* inputs = &input;
      norm.forward(std::span(&inputs, 1), state, {0, 0, kColumns}, {});
      return Matrix<float>(state.output);
    };
    const Box* box_input = &box;
    const Drift* drift_input = &drift;
    const Box bounds = *before.bound(std::span(&box_input, 1));
    const Eigen::VectorXd most = *now.drift(before, std::span(&drift_input, 1));
    const Matrix<float> old_output = run(before, x);
    const Matrix<float> new_output = run(now, moved);
    for (Index column = 0; column < kColumns; ++column)
      for (Index channel = 0; channel < 4; ++channel) {
        const auto y = static_cast<double>(old_output(channel, column));
        REQUIRE(y >= bounds.low[channel]);
        REQUIRE(y <= bounds.high[channel]);
        REQUIRE(std::abs(static_cast<double>(new_output(channel, column)) - y) <= most[channel]);
      }
    if (step == 0.0F) REQUIRE(most == Eigen::VectorXd::Zero(4));
    const double norm = *before.norm(std::span(&drift.norm, 1));
    REQUIRE(static_cast<double>(old_output.colwise().norm().maxCoeff()) <= norm);
  }
}
