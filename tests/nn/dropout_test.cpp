#include "nn/dropout.hpp"

#include <doctest/doctest.h>

#include "nn/network.hpp"
#include "support/specs.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

/// What training makes of ones, on which dropout stands: a column for each sample.
Matrix<float> dropped(double p, const std::string& per, const Shape& shape, Index samples, std::uint64_t step) {
  NetworkSpec spec;
  spec.layers = {dropout("drop", p, per), plain("flat", "flatten"), dense("out", 1)};
  const Network<float> network(spec, shape, 1);
  NetworkState<float> state(network, samples);
  state.input().setOnes();
  for (const Shard& shard : cut_into_shards(samples)) state.forward(network, shard, {true, Measure::nothing, 7, step});
  return state.node(network.depth() - 2).output.leftCols(samples);  // in the order of the data
}

}  // namespace

TEST_CASE("dropout per channel drops a channel of a sample at all of its positions, or keeps it") {
  const Shape shape(5, 3, 4);
  constexpr Index kSamples = 400;
  const Matrix<float> values = dropped(0.3, "channel", shape, kSamples, 2);
  Index zeros = 0;
  Index whole_samples = 0;
  for (Index sample = 0; sample < kSamples; ++sample) {
    Index zeros_here = 0;
    for (Index channel = 0; channel < 5; ++channel) {
      const auto one = values.col(sample).segment(channel * 12, 12);
      REQUIRE((one.array() == one[0]).all());
      REQUIRE((one[0] == 0.0F || one[0] == doctest::Approx(1.0 / 0.7)));
      zeros_here += one[0] == 0.0F ? 1 : 0;
    }
    zeros += zeros_here;
    whole_samples += zeros_here == 0 || zeros_here == 5 ? 1 : 0;
  }
  CHECK(static_cast<double>(zeros) / (5.0 * kSamples) == doctest::Approx(0.3).epsilon(0.1));
  CHECK(whole_samples < kSamples / 2);  // channels are drawn one by one
  CHECK(values != dropped(0.3, "channel", shape, kSamples, 3));
  // A sample's mask does not depend on how many there are.
  CHECK(values.leftCols(70) == dropped(0.3, "channel", shape, 70, 2));
}

TEST_CASE("of one position, dropout per channel is dropout") {
  CHECK(dropped(0.4, "channel", 9, 50, 1) == dropped(0.4, "value", 9, 50, 1));
  CHECK(dropped(0.4, "channel", Shape(3, 3, 1), 50, 1) != dropped(0.4, "value", Shape(3, 3, 1), 50, 1));
}
