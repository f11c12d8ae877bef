// Each optimiser against its published formula, worked out here element by element in plain double arithmetic.
#include "optim/optimizer.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <map>
#include <string>

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
  Optimizer<double> optimizer(choice, {}, {}, {&parameter});
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

/// One element's life under each optimiser with these parameters, in PyTorch's formulas.
const std::map<std::string, std::function<Rule(const ParamValues&, double lr)>>& formulas() {
  using P = const ParamValues&;
  static const auto adam = [](P p, double lr, bool decoupled) {
    return [lr, decoupled, beta1 = p.numbers("betas")[0], beta2 = p.numbers("betas")[1], eps = p.number("eps"),
            decay = p.number("weight_decay"), m = 0.0, v = 0.0](int t, double x, double g) mutable {
      if (decoupled) {
        x -= lr * decay * x;
      } else {
        g += decay * x;
      }
      m = beta1 * m + (1.0 - beta1) * g;
      v = beta2 * v + (1.0 - beta2) * g * g;
      const double m_hat = m / (1.0 - std::pow(beta1, t));
      const double v_hat = v / (1.0 - std::pow(beta2, t));
      return x - lr * m_hat / (std::sqrt(v_hat) + eps);
    };
  };
  static const std::map<std::string, std::function<Rule(P, double)>> all = {
      {"sgd",
       [](P p, double lr) -> Rule {
         return [lr, momentum = p.number("momentum"), dampening = p.number("dampening"), nesterov = p.flag("nesterov"),
                 decay = p.number("weight_decay"), v = 0.0](int t, double x, double g) mutable {
           g += decay * x;
           if (momentum == 0.0) return x - lr * g;
           v = t == 1 ? g : momentum * v + (1.0 - dampening) * g;
           return x - lr * (nesterov ? g + momentum * v : v);
         };
       }},
      {"adam", [](P p, double lr) -> Rule { return adam(p, lr, false); }},
      {"adamw", [](P p, double lr) -> Rule { return adam(p, lr, true); }},
      {"rmsprop",
       [](P p, double lr) -> Rule {
         return [lr, alpha = p.number("alpha"), eps = p.number("eps"), momentum = p.number("momentum"),
                 centered = p.flag("centered"), decay = p.number("weight_decay"), square = 0.0, mean = 0.0,
                 buffer = 0.0](int, double x, double g) mutable {
           g += decay * x;
           square = alpha * square + (1.0 - alpha) * g * g;
           mean = alpha * mean + (1.0 - alpha) * g;
           const double scaled = g / (std::sqrt(centered ? square - mean * mean : square) + eps);
           buffer = momentum * buffer + scaled;
           return x - lr * buffer;
         };
       }},
      {"adagrad",
       [](P p, double lr) -> Rule {
         return [lr, lr_decay = p.number("lr_decay"), eps = p.number("eps"), decay = p.number("weight_decay"),
                 square = p.number("initial_accumulator_value")](int t, double x, double g) mutable {
           g += decay * x;
           square += g * g;
           return x - lr / (1.0 + (t - 1) * lr_decay) * g / (std::sqrt(square) + eps);
         };
       }},
  };
  return all;
}

}  // namespace

TEST_CASE("every optimiser follows its formula, for every one of its parameters and for all at once") {
  for (const OptimizerEntry& entry : optimizer_table()) {
    REQUIRE_MESSAGE(formulas().count(entry.name) == 1, "no formula here for the optimiser " << entry.name);
    std::vector<Choice> choices = variants_of(entry);
    choices.push_back(all_changed(entry));
    // Momentum changes what the others do.
    for (const Choice& choice : variants_of(entry)) {
      if (entry.name != "sgd") break;
      choices.push_back(choice);
      choices.back().params.set("momentum", 0.8);
    }
    for (const Choice& choice : choices) {
      check(
          choice, [&] { return formulas().at(entry.name)(choice.params, 0.05); }, 0.05);
      Parameter<double> parameter;
      parameter.value.resize(1, 1);
      CHECK(Optimizer<double>(choice, {}, {}, {&parameter}).base_lr() == choice.params.number("lr"));
    }
  }
}

TEST_CASE("weight decay leaves a parameter alone that does not decay") {
  for (const OptimizerEntry& entry : optimizer_table()) {
    Choice choice = all_changed(entry);
    Choice plain = choice;
    plain.params.set("weight_decay", 0.0);
    choice.params.set("weight_decay", 0.3);
    check(
        choice, [&] { return formulas().at(entry.name)(plain.params, 0.05); }, 0.05, false);
  }
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
  Optimizer<float> optimizer(test::optimizer("sgd"), {std::nullopt, 0.5}, {}, {&parameter});
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
    Optimizer<double> optimizer(test::optimizer("sgd"), {limit, std::nullopt}, {}, {&parameter});
    REQUIRE(optimizer.needs_global_norm());
    optimizer.begin_step(1.0);
    optimizer.set_global_norm(std::sqrt(optimizer.measure(gradient, 2).gradient_square));
    optimizer.sweep(0, 0, 2, gradient);
    const double scale = limit < 5.0 ? limit / (5.0 + 1e-6) : 1.0;
    CHECK(parameter.value(0, 0) == doctest::Approx(-3.0 * scale).epsilon(1e-14));
    CHECK(parameter.value(1, 0) == doctest::Approx(-4.0 * scale).epsilon(1e-14));
  }
}
