// Each optimiser against its published formula, worked out here element by element in plain double arithmetic.
#include "optim/optimizer.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "support/specs.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

constexpr int kSteps = 7;
constexpr Index kRows = 5;
constexpr Index kColumns = 9;  // 45 elements: whole blocks and a rest

/// One element's life under a formula: rule(t, θ, g) → new θ; state lives in the closure.
using Rule = std::function<double(int t, double value, double gradient)>;

/// A gradient that depends on element and step.
double gradient_at(Index element, int step) {
  return std::sin(0.7 * static_cast<double>(element + 1) + 1.3 * step) * (1.0 + 0.1 * static_cast<double>(element));
}

void check(const Choice& choice, const std::function<Rule()>& make_rule, double lr, bool decays = true) {
  Parameter<double> parameter;
  parameter.value.resize(kRows, kColumns);
  Matrix<double> gradient(kRows, kColumns);
  parameter.decays = decays;
  std::vector<Rule> rules;
  std::vector<double> expected;
  for (Index element = 0; element < parameter.value.size(); ++element) {
    parameter.value.data()[element] = 0.1 * static_cast<double>(element) - 2.0;
    expected.push_back(parameter.value.data()[element]);
    rules.push_back(make_rule());
  }
  Optimizer<double> optimizer(choice, {}, {&parameter});
  for (int step = 0; step < kSteps; ++step) {
    for (Index element = 0; element < parameter.value.size(); ++element)
      gradient.data()[element] = gradient_at(element, step);
    optimizer.begin_step(lr);
    // In two uneven parts: state must follow the element, not the call.
    optimizer.sweep(0, 0, 20, gradient.data());
    optimizer.sweep(0, 20, 45, gradient.data() + 20);
    for (std::size_t element = 0; element < expected.size(); ++element) {
      expected[element] = rules[element](step + 1, expected[element], gradient_at(static_cast<Index>(element), step));
      CAPTURE(choice.name);
      CAPTURE(step);
      CHECK(parameter.value.data()[element] == doctest::Approx(expected[element]).epsilon(1e-12));
    }
  }
}

}  // namespace

TEST_CASE("sgd, plain, with momentum, dampening, nesterov and weight decay") {
  check(
      optimizer("sgd"), [] { return [](int, double x, double g) { return x - 0.1 * g; }; }, 0.1);
  check(
      optimizer("sgd", {{"weight_decay", 0.3}}),
      [] { return [](int, double x, double g) { return x - 0.1 * (g + 0.3 * x); }; }, 0.1);
  check(
      optimizer("sgd", {{"momentum", 0.9}, {"dampening", 0.4}}),
      [] {
        return [v = 0.0](int t, double x, double g) mutable {
          v = t == 1 ? g : 0.9 * v + 0.6 * g;
          return x - 0.1 * v;
        };
      },
      0.1);
  check(
      optimizer("sgd", {{"momentum", 0.8}, {"nesterov", true}, {"weight_decay", 0.01}}),
      [] {
        return [v = 0.0](int t, double x, double g) mutable {
          g += 0.01 * x;
          v = t == 1 ? g : 0.8 * v + g;
          return x - 0.1 * (g + 0.8 * v);
        };
      },
      0.1);
}

TEST_CASE("adam and adamw") {
  const auto adam = [](double coupled, double decoupled) {
    return [coupled, decoupled] {
      return Rule([coupled, decoupled, m = 0.0, v = 0.0](int t, double x, double g) mutable {
        x -= 0.01 * decoupled * x;
        g += coupled * x;
        m = 0.8 * m + 0.2 * g;
        v = 0.95 * v + 0.05 * g * g;
        const double m_hat = m / (1.0 - std::pow(0.8, t));
        const double v_hat = v / (1.0 - std::pow(0.95, t));
        return x - 0.01 * m_hat / (std::sqrt(v_hat) + 1e-3);
      });
    };
  };
  const std::vector<double> betas = {0.8, 0.95};
  check(optimizer("adam", {{"betas", betas}, {"eps", 1e-3}}), adam(0.0, 0.0), 0.01);
  check(optimizer("adam", {{"betas", betas}, {"eps", 1e-3}, {"weight_decay", 0.2}}), adam(0.2, 0.0), 0.01);
  check(optimizer("adamw", {{"betas", betas}, {"eps", 1e-3}, {"weight_decay", 0.2}}), adam(0.0, 0.2), 0.01);
}

TEST_CASE("rmsprop, plain, centered and with momentum") {
  const auto rmsprop = [](bool centered, double momentum) {
    return [centered, momentum] {
      return Rule([centered, momentum, s = 0.0, mean = 0.0, b = 0.0](int, double x, double g) mutable {
        s = 0.9 * s + 0.1 * g * g;
        mean = 0.9 * mean + 0.1 * g;
        const double scaled = g / (std::sqrt(centered ? s - mean * mean : s) + 1e-4);
        b = momentum * b + scaled;
        return x - 0.01 * (momentum > 0.0 ? b : scaled);
      });
    };
  };
  for (const bool centered : {false, true})
    for (const double momentum : {0.0, 0.7})
      check(optimizer("rmsprop", {{"alpha", 0.9}, {"eps", 1e-4}, {"centered", centered}, {"momentum", momentum}}),
            rmsprop(centered, momentum), 0.01);
}

TEST_CASE("adagrad with rate decay and a start value") {
  check(
      optimizer("adagrad", {{"lr_decay", 0.1}, {"initial_accumulator_value", 0.5}}),
      [] {
        return [s = 0.5](int t, double x, double g) mutable {
          s += g * g;
          return x - 0.1 / (1.0 + (t - 1) * 0.1) * g / (std::sqrt(s) + 1e-10);
        };
      },
      0.1);
}

TEST_CASE("weight decay leaves a parameter alone that does not decay") {
  check(
      optimizer("sgd", {{"weight_decay", 0.3}}), [] { return [](int, double x, double g) { return x - 0.1 * g; }; },
      0.1, false);
}

TEST_CASE("a sweep's sums agree with naive ones, before clipping, over many blocks") {
  Rng rng(2, Purpose::generator);
  Parameter<float> parameter;
  parameter.value.resize(101, 97);
  Matrix<float> gradient(101, 97);
  for (Index at = 0; at < parameter.value.size(); ++at) {
    parameter.value.data()[at] = static_cast<float>(rng.normal());
    gradient.data()[at] = static_cast<float>(10.0 * rng.normal());
  }
  const Matrix<float> before = parameter.value;
  Optimizer<float> optimizer(test::optimizer("sgd"), {std::nullopt, 0.5}, {&parameter});
  optimizer.begin_step(0.1);
  const SweepSums sums = optimizer.sweep(0, 0, parameter.value.size(), gradient.data());
  const Matrix<double> g = gradient.cast<double>();
  const Matrix<double> x = before.cast<double>();
  const Matrix<double> step = parameter.value.cast<double>() - x;
  CHECK(sums.gradient_square == doctest::Approx(g.squaredNorm()).epsilon(1e-5));
  CHECK(sums.gradient_max == g.cwiseAbs().maxCoeff());
  CHECK(sums.value_square == doctest::Approx(x.squaredNorm()).epsilon(1e-5));
  CHECK(sums.update_square == doctest::Approx(step.squaredNorm()).epsilon(1e-4));
  CHECK(step.cwiseAbs().maxCoeff() <= 0.1 * 0.5 + 1e-6);  // clipped by value
}

TEST_CASE("clipping by norm scales the whole gradient by norm / (‖g‖ + 1e-6), and only down") {
  for (const double limit : {1.0, 1000.0}) {
    Parameter<double> parameter;
    parameter.value = Matrix<double>::Zero(2, 1);
    const double gradient[] = {3.0, 4.0};
    Optimizer<double> optimizer(test::optimizer("sgd"), {limit, std::nullopt}, {&parameter});
    REQUIRE(optimizer.needs_global_norm());
    optimizer.begin_step(1.0);
    optimizer.set_global_norm(std::sqrt(optimizer.measure(gradient, 2).gradient_square));
    optimizer.sweep(0, 0, 2, gradient);
    const double scale = limit < 5.0 ? limit / (5.0 + 1e-6) : 1.0;
    CHECK(parameter.value(0, 0) == doctest::Approx(-3.0 * scale).epsilon(1e-14));
    CHECK(parameter.value(1, 0) == doctest::Approx(-4.0 * scale).epsilon(1e-14));
  }
}
