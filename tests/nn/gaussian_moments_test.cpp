// Moments of every activation against another integral (tanh-sinh; Takahasi & Mori 1974) and against closed forms.
#include "nn/gaussian_moments.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "nn/activation.hpp"
#include "support/specs.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

struct Case {
  Settings settings;
  std::vector<double> kinks;  ///< where the formula changes
  double scale = 1.0;         ///< length over which the function bends
};

/// By the activation's name: an activation without cases fails the tests.
const std::map<std::string, std::vector<Case>>& cases() {
  static const std::map<std::string, std::vector<Case>> all = {
      {"identity", {Case{{}, {}}}},
      {"relu", {Case{{}, {0.0}}}},
      {"leaky_relu", {Case{{}, {0.0}}, Case{{{"negative_slope", 0.3}}, {0.0}}}},
      {"prelu", {Case{{}, {0.0}}, Case{{{"init", -0.5}}, {0.0}}}},
      {"rrelu", {Case{{}, {0.0}}, Case{{{"lower", 0.0}, {"upper", 1.0}}, {0.0}}}},
      {"elu", {Case{{}, {0.0}}, Case{{{"alpha", 3.0}}, {0.0}}, Case{{{"alpha", 0.0}}, {0.0}}}},
      {"selu", {Case{{}, {0.0}}}},
      {"celu", {Case{{}, {0.0}}, Case{{{"alpha", 0.01}}, {0.0}, 0.01}, Case{{{"alpha", 30.0}}, {0.0}, 30.0}}},
      {"gelu", {Case{{}, {}}, Case{{{"approximate", std::string("tanh")}}, {}}}},
      {"silu", {Case{{}, {}}}},
      {"mish", {Case{{}, {}}}},
      {"softplus",
       {Case{{}, {20.0}}, Case{{{"threshold", 1.0}}, {1.0}}, Case{{{"beta", 50.0}, {"threshold", 5.0}}, {0.1}, 0.02}}},
      {"sigmoid", {Case{{}, {}}}},
      {"tanh", {Case{{}, {}}}},
      {"relu6", {Case{{}, {0.0, 6.0}}}},
      {"hardswish", {Case{{}, {-3.0, 3.0}}}},
  };
  return all;
}

template <class Check>
void for_each_case(Check check) {
  for (const ActivationEntry& entry : hidden_activations()) {
    CAPTURE(entry.name);
    REQUIRE(cases().count(entry.name) == 1);
    int number = 0;
    for (const Case& one : cases().at(entry.name)) {
      CAPTURE(number);
      check(entry, activation(entry.name, one.settings), one);
      ++number;
    }
  }
}

/// φ and φ' at points, with their weights in an integral over the density of N(mean, deviation²).
struct Nodes {
  std::vector<double> z;
  std::vector<double> weight;
};

/// Nodes crowd double-exponentially towards the ends of each piece.
Nodes tanh_sinh(std::vector<double> ends, double mean, double deviation) {
  const double low = mean - 9.5 * deviation;
  const double high = mean + 9.5 * deviation;
  // Where the functions bend, and the density's middle: an integral over one wide piece would pass them by.
  for (const double end : {low, high, mean, -8.0, -1.0, -0.1, 0.0, 0.1, 1.0, 8.0}) ends.push_back(end);
  std::erase_if(ends, [=](double end) { return end < low || end > high; });
  std::sort(ends.begin(), ends.end());
  constexpr double kStep = 1.0 / 128.0;
  Nodes nodes;
  for (std::size_t piece = 1; piece < ends.size(); ++piece) {
    const double half = 0.5 * (ends[piece] - ends[piece - 1]);
    for (int at = -400; at <= 400; ++at) {
      const double t = kStep * at;
      const double s = 0.5 * std::acos(-1.0) * std::sinh(t);
      // From the nearer end, without cancellation.
      const double from_end = half * std::exp(-std::abs(s)) / std::cosh(s);
      const double z = at < 0 ? ends[piece - 1] + from_end : ends[piece] - from_end;
      const double x = (z - mean) / deviation;
      nodes.z.push_back(z);
      nodes.weight.push_back(kStep * half * 0.5 * std::acos(-1.0) * std::cosh(t) / std::pow(std::cosh(s), 2) *
                             std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::acos(-1.0)) / deviation);
    }
  }
  return nodes;
}

SecondMoments integral(const Choice& choice, const std::vector<double>& kinks, double mean, double deviation) {
  const Nodes nodes = tanh_sinh(kinks, mean, deviation);
  std::vector<double> a(nodes.z.size());
  std::vector<double> d(nodes.z.size());
  evaluate_activation(choice, nodes.z, a, d);
  SecondMoments sum;
  for (std::size_t at = 0; at < a.size(); ++at) {
    // A node may round to the kink itself, or beyond; its weight is then next to nothing.
    double value = a[at] * a[at];
    double slope = d[at] * d[at];
    if (choice.name == "rrelu" && nodes.z[at] < 0.0) {
      // Over the slopes U(lower, upper): their variance comes on top of the mean's square.
      const double width = choice.params.number("upper") - choice.params.number("lower");
      value += width * width / 12.0 * nodes.z[at] * nodes.z[at];
      slope += width * width / 12.0;
    }
    sum.value += nodes.weight[at] * value;
    sum.slope += nodes.weight[at] * slope;
  }
  return sum;
}

}  // namespace

TEST_CASE("the moments of every activation agree with another integral to ten digits") {
  for_each_case([](const ActivationEntry&, const Choice& choice, const Case& one) {
    for (const double mean : {0.0, 0.3, -1.7, 4.0})
      for (const double deviation : {0.01, 0.4, 1.0, 1.41421356237309505, 3.0, 20.0, 700.0}) {
        CAPTURE(mean);
        CAPTURE(deviation);
        const SecondMoments expected = integral(choice, one.kinks, mean, deviation);
        const SecondMoments found = second_moments(choice, mean, deviation * deviation);
        CHECK(std::abs(found.value - expected.value) <= 1e-10 * expected.value + 1e-30);
        CHECK(std::abs(found.slope - expected.slope) <= 1e-10 * expected.slope + 1e-30);
      }
  });
}

TEST_CASE("closed forms: relu6's slope, and the fixed point that selu's constants are made for") {
  for (const double deviation : {0.5, 1.41421356237309505, 4.0, 50.0}) {
    const double inside = 0.5 * std::erf(6.0 / (deviation * std::sqrt(2.0)));
    CHECK(second_moments(activation("relu6"), 0.0, deviation * deviation).slope ==
          doctest::Approx(inside).epsilon(1e-13).scale(0.0));
  }
  CHECK(second_moments(activation("selu"), 0.0, 1.0).value == doctest::Approx(1.0).epsilon(1e-12));
  // E[(α e^z)²; z < 0] = α² e² Φ(−2).
  CHECK(second_moments(activation("elu", {{"alpha", 3.0}}), 0.0, 1.0).slope ==
        doctest::Approx(0.5 + 9.0 * std::exp(2.0) * 0.5 * std::erfc(std::sqrt(2.0))).epsilon(1e-12));
}

TEST_CASE("a point has its own value for moments, and what is infinite stays so") {
  for (const char* name : {"relu", "tanh", "hardswish"}) {
    const double z = 1.5;
    double a = 0.0;
    double d = 0.0;
    evaluate_activation(activation(name), std::span(&z, 1), std::span(&a, 1), std::span(&d, 1));
    const SecondMoments moments = second_moments(activation(name), z, 0.0);
    CHECK(moments.value == doctest::Approx(a * a));
    CHECK(moments.slope == doctest::Approx(d * d));
  }
  CHECK(std::isinf(second_moments(activation("relu"), 0.0, HUGE_VAL).value));
  CHECK(std::isinf(second_moments(activation("elu"), 0.0, HUGE_VAL).value));
}

TEST_CASE("an activation's kinks are where its slope or that one's slope jumps, and it has no others") {
  constexpr double kStep = 1.0 / 1024.0;
  for_each_case([](const ActivationEntry& entry, const Choice& choice, const Case& one) {
    const std::vector<double> kinks = entry.kinks(choice.params);
    REQUIRE(kinks.size() == one.kinks.size());
    for (std::size_t at = 0; at < kinks.size(); ++at) CHECK(kinks[at] == doctest::Approx(one.kinks[at]).epsilon(1e-12));
    // Second differences of φ' are of order step² where it is smooth, and of order step or 1 at a kink.
    std::vector<double> z;
    const double step = kStep * one.scale;
    for (double at = -25.0; at <= 25.0; at += kStep) z.push_back((at + kStep / 3.0) * one.scale);
    std::vector<double> a(z.size());
    std::vector<double> d(z.size());
    evaluate_activation(choice, z, a, d);
    for (std::size_t at = 1; at + 1 < z.size(); ++at) {
      if (std::abs(d[at - 1] - 2.0 * d[at] + d[at + 1]) < 0.3 * kStep) continue;
      CAPTURE(z[at]);
      CHECK(std::any_of(kinks.begin(), kinks.end(),
                        [&](double kink) { return z[at - 1] - step <= kink && kink <= z[at + 1] + step; }));
    }
  });
}
