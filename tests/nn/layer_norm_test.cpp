// Layer norm, alone and in residual blocks, against its definition.
#include "nn/layer_norm.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "support/norm_bench.hpp"
#include "support/specs.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

const Settings kChannels = {{"axes", std::string("channels")}};
const Settings kSample = {{"axes", std::string("sample")}};

NetworkSpec residual_network(const Choice& phi) {
  const auto normed = [](LayerSpec layer, const Settings& settings) {
    return with_norm(std::move(layer), settings, "layer_norm");
  };
  const Settings same = {{"padding", std::string("same")}};
  NetworkSpec spec;
  spec.layers = {plain("data", "layer_norm", kSample),
                 normed(conv2d("first", 3, 3, same, phi), kChannels),
                 residual("block", {normed(conv2d("a", 4, 3, same, phi), kSample), bare(conv2d("b", 3, 1))}, {}, phi),
                 plain("bare", "layer_norm", {{"affine", false}, {"eps", 0.1}}),
                 normed(dense("d", 5, phi), kChannels),
                 normed(dense("e", 4, phi), kSample),
                 dense("out", 2)};
  return spec;
}

template <class T>
LayerNorm<T> drawn_norm(const Settings& settings, const Shape& shape, Rng& rng) {
  LayerNorm<T> norm("norm", choose(norm_table(), "layer_norm", settings).params, shape);
  for (const ParameterRole role : {ParameterRole::scale, ParameterRole::shift})
    for (T& value : norm.parameter(role)->value.reshaped()) value = static_cast<T>(rng.uniform(-3.0, 3.0));
  norm.parameters_changed();
  return norm;
}

template <class T>
Matrix<T> run(const LayerNorm<T>& norm, const Matrix<T>& input) {
  NodeState<T> state;
  const std::vector<Shard> shards = cut_into_shards(input.cols());
  norm.prepare(state, input.cols(), std::ssize(shards));
  const Matrix<T>* inputs = &input;
  for (const Shard& shard : shards) norm.forward(std::span(&inputs, 1), state, shard, {});
  return state.output.leftCols(input.cols());
}

/// By the definition, with the parameters in PyTorch's order: channel by channel.
template <class T>
double expected(const LayerNorm<T>& norm, const Matrix<T>& input, bool whole, Index channel, Index position,
                Index sample) {
  const Index channels = norm.units();
  const Index positions = norm.positions();
  long double sum = 0.0;
  long double square = 0.0;
  Index count = 0;
  const auto each = [&](auto visit) {
    for (Index at = 0; at < positions; ++at)
      for (Index one = 0; one < channels; ++one)
        if (whole || at == position) visit(static_cast<long double>(input(at * channels + one, sample)));
  };
  each([&](long double x) { sum += x, ++count; });
  const long double mean = sum / static_cast<long double>(count);
  each([&](long double x) { square += (x - mean) * (x - mean); });
  const long double apart = static_cast<long double>(input(position * channels + channel, sample)) - mean;
  const Index element = whole ? channel * positions + position : channel;
  const auto value = [&](ParameterRole role) { return static_cast<double>(norm.parameter(role)->value(element, 0)); };
  return value(ParameterRole::scale) *
             static_cast<double>(apart / std::sqrt(square / static_cast<long double>(count) + 1e-5L)) +
         value(ParameterRole::shift);
}

}  // namespace

TEST_CASE("gradients through layer norms and residual blocks agree with central differences") {
  for (const char* name : {"tanh", "gelu", "prelu"}) {
    // One of so many values may have prelu's kink within the step of a difference: that spoils a network, where a wrong
    // gradient spoils all.
    double least = kInfinity;
    for (std::uint64_t seed = 5; seed < 9 && least > 1e-6; ++seed) {
      NormBench<double> bench(residual_network(activation(name)), Shape(2, 3, 4), 1, seed);
      least = std::min(least, bench.worst_gradient_error());
    }
    CAPTURE(std::string(name));
    CHECK(least <= 1e-6);
  }
}

TEST_CASE("layer norms have the same bits with one thread and with three") {
  NormBench<float> one(residual_network(activation("relu")), Shape(2, 3, 4), 1);
  NormBench<float> three(residual_network(activation("relu")), Shape(2, 3, 4), 3);
  CHECK(one.loss() == three.loss());
  CHECK(one.gradients() == three.gradients());
}

TEST_CASE_TEMPLATE("a layer norm is what its definition says, also far from 0", T, float, double) {
  Rng rng(4, Purpose::generator);
  for (const bool whole : {false, true})
    for (const double offset : {0.0, 1e4}) {
      const LayerNorm<T> norm = drawn_norm<T>(whole ? kSample : kChannels, Shape(5, 2, 3), rng);
      Matrix<T> input(30, 20);
      for (T& value : input.reshaped()) value = static_cast<T>(offset + 3.0 * rng.normal());
      const Matrix<T> output = run(norm, input);
      const double tolerance = sizeof(T) == 4 ? 5e-6 : 1e-10;
      for (Index sample = 0; sample < 20; ++sample)
        for (Index position = 0; position < 6; ++position)
          for (Index channel = 0; channel < 5; ++channel)
            REQUIRE(std::abs(static_cast<double>(output(position * 5 + channel, sample)) -
                             expected(norm, input, whole, channel, position, sample)) <= tolerance);
    }
}

TEST_CASE_TEMPLATE("a sample's output has the same bits wherever it stands, and alone", T, float, double) {
  Rng rng(5, Purpose::generator);
  for (const Index channels : {3, 8, 17})
    for (const bool whole : {false, true}) {
      const LayerNorm<T> norm = drawn_norm<T>(whole ? kSample : kChannels, Shape(channels, 1, 3), rng);
      Matrix<T> input(3 * channels, 71);
      for (T& value : input.reshaped()) value = static_cast<T>(1.0 + rng.normal());
      const Matrix<T> together = run(norm, input);
      for (Index sample = 0; sample < input.cols(); ++sample)
        REQUIRE(run<T>(norm, input.col(sample)) == together.col(sample));
    }
}

TEST_CASE("a value that is not finite spoils what it is normalised with, and no more") {
  Rng rng(6, Purpose::generator);
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    const LayerNorm<float> norm = drawn_norm<float>(kChannels, Shape(3, 1, 2), rng);
    Matrix<float> input = Matrix<float>::Random(6, 2);
    input(1, 0) = bad;
    const Matrix<float> output = run(norm, input);
    CHECK(output.col(0).head(3).array().isNaN().all());
    CHECK(output.col(0).tail(3).allFinite());
    CHECK(output.col(1).allFinite());
  }
}

TEST_CASE_TEMPLATE("what a layer norm says of boxes and drifts holds for random inputs and moves", T, float, double) {
  Rng rng(8, Purpose::generator);
  constexpr Index kColumns = 64;
  for (int round = 0; round < 400; ++round) {
    const bool whole = round % 2 == 0;
    const Shape shape(2 + round % 3, 1, 1 + round % 4);
    LayerNorm<T> before = drawn_norm<T>(whole ? kSample : kChannels, shape, rng);
    LayerNorm<T> now = before;
    const double step = round % 5 == 0 ? 0.0 : std::pow(10.0, rng.uniform(-9.0, 0.0));
    for (Parameter<T>* parameter : now.parameters())
      for (T& value : parameter->value.reshaped()) value += static_cast<T>(step * rng.uniform(-1.0, 1.0));
    now.parameters_changed();
    // From values that are nearly the same, far from 0, to tame ones.
    const double offset = round % 3 == 0 ? std::pow(10.0, rng.uniform(0.0, 7.0)) : 0.0;
    const double spread = std::pow(10.0, rng.uniform(-6.0, 2.0));
    Matrix<T> x(shape.size(), kColumns);
    Matrix<T> moved(shape.size(), kColumns);
    Box box{Eigen::VectorXd::Constant(shape.channels, kInfinity),
            Eigen::VectorXd::Constant(shape.channels, -kInfinity)};
    Drift drift{0.0, Eigen::VectorXd::Zero(shape.channels)};
    for (Index column = 0; column < kColumns; ++column)
      for (Index at = 0; at < shape.size(); ++at) {
        const Index channel = at % shape.channels;
        // Half of the samples have one value that is all: there x̂ is √(n − 1).
        const double size = column % 2 == 0 || at == column % shape.size() ? spread : 0.0;
        x(at, column) = static_cast<T>(offset + size * rng.normal());
        moved(at, column) = x(at, column) + static_cast<T>(step * spread * rng.uniform(-1.0, 1.0));
        const auto value = static_cast<double>(x(at, column));
        box.low[channel] = std::min(box.low[channel], value);
        box.high[channel] = std::max(box.high[channel], value);
        drift.element[channel] =
            std::max(drift.element[channel], std::abs(static_cast<double>(moved(at, column)) - value));
      }
    drift.norm = static_cast<double>(x.colwise().norm().maxCoeff()) * (1.0 + 1e-6);
    const Box* box_input = &box;
    const Drift* drift_input = &drift;
    const Box bounds = *before.bound(std::span(&box_input, 1));
    const Eigen::VectorXd most = *now.drift(before, std::span(&drift_input, 1));
    const Matrix<T> old_output = run(before, x);
    const Matrix<T> new_output = run(now, moved);
    for (Index column = 0; column < kColumns; ++column)
      for (Index at = 0; at < shape.size(); ++at) {
        const Index channel = at % shape.channels;
        const auto y = static_cast<double>(old_output(at, column));
        REQUIRE(y >= bounds.low[channel]);
        REQUIRE(y <= bounds.high[channel]);
        REQUIRE(std::abs(static_cast<double>(new_output(at, column)) - y) <= most[channel]);
      }
    if (step == 0.0) REQUIRE(most == Eigen::VectorXd::Zero(shape.channels));
    const double norm = *before.norm(std::span(&drift.norm, 1));
    REQUIRE(static_cast<double>(old_output.colwise().norm().maxCoeff()) <= norm);
  }
}

TEST_CASE("nothing is known of a layer norm whose inputs may be infinite") {
  Rng rng(9, Purpose::generator);
  const LayerNorm<float> norm = drawn_norm<float>(kChannels, 3, rng);
  Box box{Eigen::VectorXd::Zero(3), Eigen::VectorXd::Ones(3)};
  const Box* input = &box;
  CHECK(norm.bound(std::span(&input, 1))->high.allFinite());
  box.high[1] = kInfinity;
  CHECK((norm.bound(std::span(&input, 1))->high.array() == kInfinity).all());
  CHECK_FALSE(norm.bound_sums(Matrix<float>::Ones(2, 3), std::span(&input, 1)).has_value());
  const double unknown = kInfinity;
  CHECK(*norm.norm(std::span(&unknown, 1)) == kInfinity);
}
