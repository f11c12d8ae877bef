// What every optimiser answers of parameters whose gradient stays 0 (update_rule.hpp), against what they then do.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "optim/optimizer.hpp"
#include "support/specs.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

constexpr Index kElements = 45;
constexpr int kWarm = 4;
constexpr int kCoasting = 300;
constexpr double kRate = 0.01;

/// Settings under which an optimiser must be right, by its name: each that changes how it coasts.
const std::map<std::string, std::vector<Settings>>& variants() {
  using Betas = std::vector<double>;
  static const std::map<std::string, std::vector<Settings>> settings = {
      {"sgd",
       {Settings{}, Settings{{"momentum", 0.9}}, Settings{{"momentum", 0.9}, {"dampening", 0.5}},
        Settings{{"momentum", 0.8}, {"nesterov", true}}, Settings{{"weight_decay", 0.1}},
        Settings{{"weight_decay", 0.1}, {"momentum", 0.9}},
        Settings{{"weight_decay", 0.1}, {"momentum", 0.9}, {"dampening", 0.5}},
        Settings{{"weight_decay", 0.1}, {"momentum", 0.8}, {"nesterov", true}}}},
      {"adam",
       {Settings{}, Settings{{"betas", Betas{0.0, 0.99}}}, Settings{{"betas", Betas{0.9, 0.5}}}, Settings{{"eps", 0.1}},
        Settings{{"weight_decay", 0.1}}, Settings{{"betas", Betas{0.0, 0.99}}, {"weight_decay", 0.1}}}},
      {"adamw",
       {Settings{}, Settings{{"weight_decay", 0.0}}, Settings{{"weight_decay", 0.3}},
        Settings{{"betas", Betas{0.0, 0.99}}, {"weight_decay", 0.0}},
        Settings{{"betas", Betas{0.0, 0.99}}, {"weight_decay", 0.3}}}},
      {"rmsprop",
       {Settings{}, Settings{{"centered", true}}, Settings{{"momentum", 0.9}},
        Settings{{"momentum", 0.9}, {"centered", true}}, Settings{{"weight_decay", 0.1}},
        Settings{{"momentum", 0.9}, {"weight_decay", 0.1}}}},
      {"adagrad",
       {Settings{}, Settings{{"lr_decay", 0.1}, {"initial_accumulator_value", 0.5}}, Settings{{"weight_decay", 0.1}}}},
  };
  return settings;
}

double rate_at(int step) { return kRate * (step % 3 == 0 ? 1.0 : 0.6); }

template <class T>
class Coast {
 public:
  /// `l2`: of a penalty, whose gradient 2·l2·θ is all that there is. `scale`: of the gradients before that.
  Coast(const Choice& choice, bool decays, double l2, double scale)
      : l2_(l2), optimizer_(choice, {}, {0.0, l2, 0.0}, parameters(decays)) {
    for (Index element = 0; element < kElements; ++element)
      parameter_.value(element, 0) = static_cast<T>((element % 2 == 0 ? 1.0 : -1.0) * std::exp2(element % 9 - 4));
    Matrix<T> gradient(kElements, 1);
    for (int step = 0; step < kWarm; ++step) {
      for (Index element = 0; element < kElements; ++element)
        gradient(element, 0) = static_cast<T>(scale * std::sin(0.7 * static_cast<double>(element + 1) + 1.3 * step));
      move(gradient, step);
    }
    start = parameter_.value;
    RatesAhead rates{kRate, 0.0, kCoasting};
    for (int step = 0; step < kCoasting; ++step) rates.sum += rate_at(kWarm + step);
    shrink = optimizer_.shrink(0, rates);
    stands_still = optimizer_.stands_still(0);
    for (Index element = 0; element < kElements; ++element) rest.push_back(optimizer_.rest(0, rates, element));
  }

  /// One more step without a gradient of the loss.
  const Matrix<T>& go_on() {
    move(Matrix<T>(static_cast<T>(2.0 * l2_) * parameter_.value), kWarm + steps_++);
    return parameter_.value;
  }

  Matrix<T> start;
  std::optional<double> shrink;
  bool stands_still = false;
  std::vector<double> rest;

 private:
  std::vector<Parameter<T>*> parameters(bool decays) {
    parameter_.value.resize(kElements, 1);
    parameter_.decays = decays;
    return {&parameter_};
  }
  void move(const Matrix<T>& gradient, int step) {
    optimizer_.begin_step(rate_at(step));
    optimizer_.sweep(0, 0, kElements, gradient.data());
  }

  double l2_;
  Parameter<T> parameter_;
  Optimizer<T> optimizer_;
  int steps_ = 0;
};

/// The factors s with |θ − s·θ₀| ≤ rest for every element.
struct Factors {
  double low = -1e300;
  double high = 1e300;
};

template <class T>
Factors factors_of(const Coast<T>& coast, const Matrix<T>& value, double rounding) {
  Factors factors;
  for (Index element = 0; element < kElements; ++element) {
    const auto now = static_cast<double>(value(element, 0));
    const auto start = static_cast<double>(coast.start(element, 0));
    const double room = coast.rest[static_cast<std::size_t>(element)] + rounding * std::abs(start);
    factors.low = std::max(factors.low, (now - std::copysign(room, start)) / start);
    factors.high = std::min(factors.high, (now + std::copysign(room, start)) / start);
  }
  return factors;
}

template <class T>
void check(const Choice& choice, bool decays, double l2, double scale = 1.0) {
  const double rounding = kCoasting * static_cast<double>(std::numeric_limits<T>::epsilon());
  Coast<T> coast(choice, decays, l2, scale);
  Matrix<T> value = coast.start;
  bool moved = false;
  for (int step = 0; step < kCoasting; ++step) {
    value = coast.go_on();
    moved = moved || value != coast.start;
    if (!coast.shrink) continue;
    CAPTURE(step);
    const Factors factors = factors_of(coast, value, rounding);
    CHECK(factors.low <= factors.high);
    CHECK(factors.low <= 1.0);
    CHECK(factors.high >= *coast.shrink);
  }
  if (scale != 1.0) {
    CHECK((!coast.stands_still || !moved));
    return;
  }
  // Neither movement overlooked nor a standstill that is not used.
  CHECK(coast.stands_still == !moved);
  if (!coast.shrink) return;
  // Bounds that are of use: the factor within a fifth; what is left of momentum 0 where nothing moves, and otherwise
  // within some multiple of the longest way (of a thousand for an Adam whose steps grow since β₁² > β₂).
  double furthest = 0.0;
  double largest_rest = 0.0;
  const Factors factors = factors_of(coast, value, rounding);
  for (Index element = 0; element < kElements; ++element) {
    const auto change = static_cast<double>(value(element, 0) - coast.start(element, 0));
    furthest = std::max(furthest, std::abs(change));
    largest_rest = std::max(largest_rest, coast.rest[static_cast<std::size_t>(element)]);
  }
  CHECK(*coast.shrink >= 0.8 * factors.low);
  CHECK(largest_rest <= 2000.0 * furthest);
}

}  // namespace

TEST_CASE_TEMPLATE("what an optimiser answers of parameters without a gradient is what they do", T, float, double) {
  for (const OptimizerEntry& entry : optimizer_table()) {
    CAPTURE(entry.name);
    REQUIRE(variants().count(entry.name) == 1);
    int variant = 0;
    for (const Settings& settings : variants().at(entry.name)) {
      CAPTURE(variant);
      for (const bool decays : {true, false}) {
        CAPTURE(decays);
        for (const double l2 : {0.0, 0.005}) {
          CAPTURE(l2);
          check<T>(optimizer(entry.name, settings), decays, l2);
        }
      }
      ++variant;
    }
  }
}

TEST_CASE_TEMPLATE("state that has all but vanished still counts", T, float, double) {
  // β·x rounds back to x at the smallest numbers where β > ½: they do not go away.
  for (const OptimizerEntry& entry : optimizer_table()) {
    std::vector<Settings> tried = variants().at(entry.name);
    for (const Param& param : entry.params)
      if (param.name == "betas") tried.push_back({{"betas", std::vector<double>{0.9, 0.6}}});
    for (const Settings& settings : tried)
      for (const double spacings : {1.0, 1e3, 1e6}) {
        CAPTURE(entry.name);
        CAPTURE(spacings);
        check<T>(optimizer(entry.name, settings), true, 0.0,
                 spacings * static_cast<double>(std::numeric_limits<T>::denorm_min()));
      }
  }
}

TEST_CASE("every parameter that makes an optimiser coast has its variant") {
  for (const OptimizerEntry& entry : optimizer_table())
    for (const Param& param : entry.params) {
      if (param.name == "lr" || param.name == "alpha") continue;  // no say in it
      bool tried = false;
      for (const Settings& settings : variants().at(entry.name))
        for (const auto& [key, value] : settings) tried = tried || key == param.name;
      CAPTURE(entry.name);
      CAPTURE(param.name);
      CHECK((tried || (param.name == "eps" && entry.name != "adam")));
    }
}
