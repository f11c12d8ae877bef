#include "nn/activation.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "nn/dense.hpp"
#include "probe/extent.hpp"
#include "support/specs.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

struct Naive {
  std::function<double(double)> value;
  std::function<double(double)> slope;
};

double sigma(double z) { return 1.0 / (1.0 + std::exp(-z)); }
double gauss_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

/// z for z > 0, slope·z otherwise.
Naive bent(double slope) {
  return {[slope](double z) { return z > 0 ? z : slope * z; }, [slope](double z) { return z > 0 ? 1.0 : slope; }};
}

/// positive·z for z > 0, outer·(exp(inner·z) − 1) otherwise.
Naive exponential(double positive, double outer, double inner) {
  return {[=](double z) { return z > 0 ? positive * z : outer * std::expm1(inner * z); },
          [=](double z) { return z > 0 ? positive : outer * inner * std::exp(inner * z); }};
}

/// The textbook formulas, in plain C++.
const std::map<std::string, std::function<Naive(const ParamValues&)>>& oracle() {
  using P = const ParamValues&;
  static const double kLambda = 1.0507009873554805;
  static const double kAlpha = 1.6732632423543772;
  static const double kPi = std::acos(-1.0);
  static const std::map<std::string, std::function<Naive(P)>> formulas = {
      {"identity",
       [](P) -> Naive {
         return {[](double z) { return z; }, [](double) { return 1.0; }};
       }},
      {"relu", [](P) { return bent(0.0); }},
      {"leaky_relu", [](P p) { return bent(p.number("negative_slope")); }},
      {"prelu", [](P p) { return bent(p.number("init")); }},
      {"rrelu", [](P p) { return bent((p.number("lower") + p.number("upper")) / 2.0); }},
      {"elu", [](P p) { return exponential(1.0, p.number("alpha"), 1.0); }},
      {"selu", [](P) { return exponential(kLambda, kLambda * kAlpha, 1.0); }},
      {"celu", [](P p) { return exponential(1.0, p.number("alpha"), 1.0 / p.number("alpha")); }},
      {"gelu",
       [](P p) -> Naive {
         if (p.text("approximate") == "none")
           return {[](double z) { return z * gauss_cdf(z); },
                   [](double z) { return gauss_cdf(z) + z * std::exp(-0.5 * z * z) / std::sqrt(2.0 * kPi); }};
         const auto inner = [](double z) { return std::tanh(std::sqrt(2.0 / kPi) * (z + 0.044715 * z * z * z)); };
         return {[inner](double z) { return 0.5 * z * (1.0 + inner(z)); },
                 [inner](double z) {
                   const double t = inner(z);
                   return 0.5 * (1.0 + t) +
                          0.5 * z * (1.0 - t * t) * std::sqrt(2.0 / kPi) * (1.0 + 3.0 * 0.044715 * z * z);
                 }};
       }},
      {"silu",
       [](P) -> Naive {
         return {[](double z) { return z * sigma(z); },
                 [](double z) { return sigma(z) * (1.0 + z * (1.0 - sigma(z))); }};
       }},
      {"mish",
       [](P) -> Naive {
         return {[](double z) { return z * std::tanh(std::log1p(std::exp(z))); },
                 [](double z) {
                   const double t = std::tanh(std::log1p(std::exp(z)));
                   return t + z * (1.0 - t * t) * sigma(z);
                 }};
       }},
      {"softplus",
       [](P p) -> Naive {
         const double beta = p.number("beta");
         const double threshold = p.number("threshold");
         return {[=](double z) { return beta * z > threshold ? z : std::log1p(std::exp(beta * z)) / beta; },
                 [=](double z) { return beta * z > threshold ? 1.0 : sigma(beta * z); }};
       }},
      {"sigmoid",
       [](P) -> Naive {
         return {sigma, [](double z) { return sigma(z) * sigma(-z); }};
       }},
      {"tanh",
       [](P) -> Naive {
         return {[](double z) { return std::tanh(z); }, [](double z) { return 1.0 - std::tanh(z) * std::tanh(z); }};
       }},
      {"relu6",
       [](P) -> Naive {
         return {[](double z) { return std::min(std::max(0.0, z), 6.0); },
                 [](double z) { return z > 0 && z < 6 ? 1.0 : 0.0; }};
       }},
      {"hardswish",
       [](P) -> Naive {
         return {[](double z) { return z * std::min(std::max(z + 3.0, 0.0), 6.0) / 6.0; },
                 [](double z) { return z <= -3 ? 0.0 : (z >= 3 ? 1.0 : z / 3.0 + 0.5); }};
       }},
  };
  return formulas;
}

Naive naive_of(const Choice& choice) {
  REQUIRE_MESSAGE(oracle().count(choice.name) == 1, "no formula here for the activation " << choice.name);
  return oracle().at(choice.name)(choice.params);
}

/// The census of one unit with one pre-activation.
template <class T>
CensusSums<T> census_at(const Choice& choice, T z) {
  T a = 0;
  const T bias = 0;
  CensusSums<T> sums;
  sums.resize(1);
  ForwardCall<T> call;
  call.units = 1;
  call.columns = 1;
  call.z = &z;
  call.a = &a;
  call.stride = 1;
  call.bias = &bias;
  call.census = &sums;
  find_entry(activation_table(), choice.name)->make<T>(choice.params)->forward(call);
  return sums;
}

}  // namespace

TEST_CASE("every activation agrees with its textbook formula in float64") {
  std::vector<double> z;
  for (double x = -12.0; x <= 12.0; x += 0.0625) z.push_back(x);
  for (const double x : {-40.0, -1e-3, -1e-9, 1e-9, 1e-3, 25.0, 40.0}) z.push_back(x);
  std::vector<double> a(z.size());
  std::vector<double> d(z.size());
  for (const ActivationEntry& entry : hidden_activations())
    for (const Choice& choice : variants_of(entry)) {
      const Naive naive = naive_of(choice);
      evaluate_activation(choice, z, a, d);
      for (std::size_t at = 0; at < z.size(); ++at) {
        CAPTURE(entry.name);
        CAPTURE(z[at]);
        CHECK(std::abs(a[at] - naive.value(z[at])) <= 1e-13 * (1.0 + std::abs(naive.value(z[at]))));
        CHECK(std::abs(d[at] - naive.slope(z[at])) <= 1e-12);
        CHECK(std::abs(a[at] - naive.value(z[at])) <= kActivationSlack * 0x1p-53 * (1.0 + std::abs(z[at])));
      }
    }
}

TEST_CASE("the slope that initialisers are told is that of a function that is linear below 0, else 0") {
  for (const ActivationEntry& entry : hidden_activations())
    for (const Choice& choice : variants_of(entry)) {
      CAPTURE(entry.name);
      const Naive naive = naive_of(choice);
      const bool kinked = naive.value(-2.0) == 2.0 * naive.value(-1.0) && naive.slope(1.0) != naive.slope(-1.0);
      CHECK(entry.negative_slope(choice.params) == doctest::Approx(kinked ? naive.slope(-1.0) : 0.0));
    }
}

TEST_CASE("the shape that bounds rely on is that of the function, and it is computed within its slack") {
  std::vector<double> z;
  for (double x = -20.0; x <= 20.0; x += 1.0 / 256.0) z.push_back(x);
  for (const double x : {-1e4, -300.0, -88.0, -40.0, 40.0, 88.0, 300.0, 1e4}) z.push_back(x);
  std::sort(z.begin(), z.end());
  std::vector<double> a(z.size());
  std::vector<double> d(z.size());
  const std::vector<Choice> variants = {activation("leaky_relu", {{"negative_slope", 0.0}}),
                                        activation("leaky_relu", {{"negative_slope", 2.0}}),
                                        activation("elu", {{"alpha", 0.0}}),
                                        activation("elu", {{"alpha", 3.0}}),
                                        activation("celu", {{"alpha", 0.5}}),
                                        activation("gelu", {{"approximate", "tanh"}})};
  std::vector<Choice> choices;
  for (const ActivationEntry& entry : hidden_activations()) choices.push_back(activation(entry.name));
  choices.insert(choices.end(), variants.begin(), variants.end());
  for (const Choice& choice : choices) {
    CAPTURE(choice.name);
    const ActivationEntry& entry = *find_entry(activation_table(), choice.name);
    const ActivationShape shape = entry.shape(choice.params);
    evaluate_activation(choice, z, a, d);
    const auto kernel = entry.make<float>(choice.params);
    double steepest = 0.0;
    for (std::size_t at = 0; at < z.size(); ++at) {
      CAPTURE(z[at]);
      if (!entry.learned_slope) steepest = std::max(steepest, std::abs(d[at]));
      CHECK(a[at] >= shape.lowest);
      if (z[at] <= shape.dead_below) CHECK((a[at] == 0.0 && d[at] == 0.0));
      if (z[at] >= shape.dead_above) CHECK(d[at] == 0.0);
      // Float64 stands for the exact value in float32's slack.
      float value = static_cast<float>(z[at]);
      float result = 0.0F;
      const float bias = 0.0F;
      const float slope = entry.learned_slope ? 0.25F : 0.0F;
      ForwardCall<float> call;
      call.units = call.columns = call.stride = 1;
      call.z = &value;
      call.a = &result;
      call.bias = &bias;
      call.slopes = &slope;
      kernel->forward(call);
      CHECK(std::abs(static_cast<double>(result) - a[at]) <= kActivationSlack * 0x1p-24 * (1.0 + std::abs(z[at])));
      if (at == 0 || entry.learned_slope) continue;
      CHECK(std::abs(a[at] - a[at - 1]) <= shape.lipschitz * (z[at] - z[at - 1]) * (1.0 + 1e-12) + 1e-12);
      // Falls up to the valley, rises from there on.
      if (z[at] <= shape.valley - 0.01) CHECK(a[at] <= a[at - 1] + 1e-15);
      if (z[at - 1] >= shape.valley + 0.01) CHECK(a[at] >= a[at - 1] - 1e-12);
    }
    if (!entry.learned_slope) CHECK(shape.lipschitz <= 1.02 * std::max(1.0, steepest));
  }
}

TEST_CASE("small values keep their relative accuracy where exp(x) - 1 would lose it") {
  const std::vector<double> z = {-1e-12, -1e-8, -1e-4};
  std::vector<double> a(z.size());
  std::vector<double> d(z.size());
  for (const char* name : {"elu", "tanh"}) {
    evaluate_activation(activation(name), z, a, d);
    for (std::size_t at = 0; at < z.size(); ++at)
      CHECK(a[at] == doctest::Approx(naive_of(activation(name)).value(z[at])).epsilon(1e-12).scale(0.0));
  }
}

TEST_CASE("the left tail of gelu keeps its relative accuracy") {
  const std::vector<double> z = {-3.0, -6.0, -9.0, -20.0};
  std::vector<double> a(z.size());
  std::vector<double> d(z.size());
  evaluate_activation(activation("gelu"), z, a, d);
  for (std::size_t at = 0; at < z.size(); ++at)
    CHECK(a[at] == doctest::Approx(z[at] * gauss_cdf(z[at])).epsilon(1e-11).scale(0.0));
}

TEST_CASE("a NaN passes through every activation, in both precisions") {
  const auto check = [](auto zero, const Choice& choice) {
    using T = decltype(zero);
    const auto kernel = find_entry(activation_table(), choice.name)->make<T>(choice.params);
    std::vector<T> z(3, T(1));
    z[1] = std::numeric_limits<T>::quiet_NaN();
    std::vector<T> a(3);
    const std::vector<T> bias(3, T(0));
    const std::vector<T> slopes(3, T(0.25));
    ForwardCall<T> call;
    call.units = 3;
    call.columns = 1;
    call.z = z.data();
    call.a = a.data();
    call.stride = 3;
    call.bias = bias.data();
    call.slopes = slopes.data();
    kernel->forward(call);
    CAPTURE(choice.name);
    CHECK(std::isnan(a[1]));
    CHECK(std::isfinite(a[0]));
    CHECK(std::isfinite(a[2]));
  };
  for (const ActivationEntry& entry : hidden_activations()) {
    check(0.0F, activation(entry.name));
    check(0.0, activation(entry.name));
  }
}

TEST_CASE("an underflowing derivative does not make a unit dead") {
  for (const char* name : {"sigmoid", "tanh", "gelu", "elu", "silu", "mish", "softplus"}) {
    for (const float extreme : {-200.0F, 200.0F}) {
      const CensusSums<float> sums = census_at(activation(name), extreme);
      CAPTURE(name);
      CHECK(sums.margin[0] < 0);
      CHECK(sums.active[0] == 1);
    }
  }
}

TEST_CASE("the margin is the signed distance to the live region") {
  struct Case {
    Choice choice;
    double z;
    double margin;
  };
  const double never = -std::numeric_limits<double>::infinity();
  const std::vector<Case> cases = {
      {activation("relu"), -2.0, 2.0},
      {activation("relu"), 0.0, 0.0},
      {activation("relu"), 0.5, -0.5},
      {activation("relu6"), 7.5, 1.5},
      {activation("relu6"), 6.0, 0.0},
      {activation("relu6"), 5.0, -1.0},
      {activation("relu6"), -1.0, 1.0},
      {activation("hardswish"), -3.0, 0.0},
      {activation("hardswish"), -5.0, 2.0},
      {activation("hardswish"), 4.0, -7.0},
      {activation("leaky_relu"), -5.0, never},
      {activation("leaky_relu", {{"negative_slope", 0.0}}), -5.0, 5.0},
      {activation("elu", {{"alpha", 0.0}}), -5.0, 5.0},
      {activation("identity"), 0.0, never},
  };
  for (const Case& one : cases) {
    const CensusSums<double> sums = census_at(one.choice, one.z);
    CAPTURE(one.choice.name);
    CAPTURE(one.z);
    CHECK(sums.margin[0] == one.margin);
    // Dead exactly where φ' is 0.
    CHECK((sums.margin[0] >= 0) == (sums.steepest[0] == 0));
  }
}

TEST_CASE("rrelu draws its slopes from U(lower, upper), by column and unit alone") {
  const auto kernel = find_entry(activation_table(), "rrelu")->make<double>(activation("rrelu").params);
  const auto slopes_of = [&kernel](Index first_column, Index columns, std::uint64_t stream) {
    Matrix<double> z = Matrix<double>::Constant(20, columns, -1.0);
    Matrix<double> a(20, columns);
    const Vector<double> bias = Vector<double>::Zero(20);
    ForwardCall<double> call;
    call.units = 20;
    call.columns = columns;
    call.first_column = first_column;
    call.z = z.data();
    call.a = a.data();
    call.stride = 20;
    call.bias = bias.data();
    call.random = {1, stream, true};
    kernel->forward(call);
    return Matrix<double>(-a);
  };
  const Matrix<double> all = slopes_of(0, 200, 5);
  CHECK(all.minCoeff() >= 1.0 / 8.0);
  CHECK(all.maxCoeff() <= 1.0 / 3.0);
  CHECK(all.mean() == doctest::Approx(11.0 / 48.0).epsilon(0.01));
  CHECK(slopes_of(64, 10, 5) == all.middleCols(64, 10));
  CHECK(slopes_of(0, 200, 6) != all);
}

namespace {

/// softmax over `units` units of 130 columns, which are no shard's size: the whole call, and what it leaves.
template <class T>
struct SoftmaxRun {
  Matrix<T> z, saved, a;
  Vector<T> bias;

  explicit SoftmaxRun(Index units) : z(units, 130), a(units, 130), bias(units) {
    Rng rng(9, Purpose::generator);
    for (T& value : z.reshaped()) value = static_cast<T>(4.0 * rng.normal());
    for (T& value : bias) value = static_cast<T>(rng.normal());
    saved = z;
    find_entry(activation_table(), "softmax")->make<T>({})->forward(call());
  }
  ForwardCall<T> call() {
    ForwardCall<T> call;
    call.units = call.stride = z.rows();
    call.columns = z.cols();
    call.z = saved.data();
    call.a = a.data();
    call.bias = bias.data();
    return call;
  }
};

}  // namespace

TEST_CASE("softmax is exp(z)/sum over the units, and its backward multiplies by the whole Jacobian") {
  const auto check = [](auto zero, double tolerance) {
    using T = decltype(zero);
    for (const Index units : {1, 2, 10, 16, 35}) {
      SoftmaxRun<T> run(units);
      CAPTURE(units);
      const Matrix<double> z = (run.z.colwise() + run.bias).template cast<double>();
      Matrix<double> expected = z.array().exp().matrix();
      for (Index column = 0; column < z.cols(); ++column) expected.col(column) /= expected.col(column).sum();
      CHECK((run.a.template cast<double>() - expected).cwiseAbs().maxCoeff() <= tolerance);
      Matrix<T> delta(units, 130);
      Rng rng(10, Purpose::generator);
      for (T& value : delta.reshaped()) value = static_cast<T>(rng.normal());
      const Matrix<double> given = delta.template cast<double>();
      Vector<T> sums(units);
      BackwardCall<T> back;
      back.units = back.stride = units;
      back.columns = 130;
      back.saved = run.saved.data();
      back.delta = delta.data();
      back.delta_sum = sums.data();
      find_entry(activation_table(), "softmax")->make<T>({})->backward(back);
      Vector<double> total = Vector<double>::Zero(units);
      for (Index column = 0; column < 130; ++column) {
        const Vector<double> a = expected.col(column);
        const Matrix<double> jacobian = Matrix<double>(a.asDiagonal()) - a * a.transpose();
        const Vector<double> want = jacobian * given.col(column);
        CHECK((delta.col(column).template cast<double>() - want).cwiseAbs().maxCoeff() <= 8.0 * tolerance);
        total += want;
      }
      CHECK((sums.template cast<double>() - total).cwiseAbs().maxCoeff() <= 1000.0 * tolerance);
    }
  };
  check(0.0F, 1e-6);
  check(0.0, 1e-14);
}

TEST_CASE("softmax of huge numbers is finite, a NaN spoils its column alone, and what is measured is the diagonal") {
  Matrix<float> z(3, 3);
  z << 1000.0F, -1000.0F, 1.0F, 0.0F, -1001.0F, std::numeric_limits<float>::quiet_NaN(), -1000.0F, -1002.0F, 0.0F;
  Matrix<float> a(3, 3);
  const Vector<float> bias = Vector<float>::Zero(3);
  CensusSums<float> sums;
  sums.resize(3);
  ForwardCall<float> call;
  call.units = call.columns = call.stride = 3;
  call.z = z.data();
  call.a = a.data();
  call.bias = bias.data();
  find_entry(activation_table(), "softmax")->make<float>({})->forward(call);
  CHECK(a(0, 0) == 1.0F);
  for (const Index far : {1, 2}) CHECK(a(far, 0) < 1e-37F);  // exp of −1000: 0, or next to it
  CHECK(a.col(1).sum() == doctest::Approx(1.0));
  CHECK(a(0, 1) == doctest::Approx(0.66524096));
  for (Index unit = 0; unit < 3; ++unit) CHECK(std::isnan(a(unit, 2)));
  z << 1.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F;
  call.census = &sums;
  find_entry(activation_table(), "softmax")->make<float>({})->forward(call);
  const float e = std::exp(1.0F);
  CHECK(sums.steepest[0] == doctest::Approx(e / (e + 2) * 2 / (e + 2)));
  CHECK(sums.steepest[1] == doctest::Approx(2.0 / 9.0));
  CHECK(sums.active[2] == 3.0F);
  CHECK(sums.margin[0] == -std::numeric_limits<float>::infinity());
}

namespace {

/// Measured calls, forward and backward, over some columns of 19 units: more than a block, and no multiple of one. Each
/// call but the first goes on where the one before it ended.
struct MeasuredRun {
  static constexpr Index kUnits = 19;
  Matrix<double> z, a, delta;
  BatchSums<double> batch;
  ActivitySums<double> activity;
  CensusSums<double> census;
  Vector<double> a_square, delta_square, delta_sum{kUnits}, slope_sum{kUnits}, margin{kUnits};

  MeasuredRun(const ActivationEntry& entry, const Matrix<double>& points, const Matrix<double>& errors,
              Index columns_a_call)
      : z(points), a(points), delta(errors), a_square(points.cols()), delta_square(points.cols()) {
    batch.resize(kUnits);
    activity.resize(kUnits);
    census.resize(kUnits);
    const Vector<double> bias = Vector<double>::Constant(kUnits, 0.1);
    const Vector<double> slopes = Vector<double>::Constant(kUnits, 0.25);
    const auto kernel = entry.make<double>(default_choice(activation_table(), entry.name).params);
    for (Index first = 0; first < points.cols(); first += columns_a_call) {
      ForwardCall<double> call;
      call.units = call.stride = kUnits;
      call.columns = std::min(columns_a_call, points.cols() - first);
      call.first_column = first;
      call.go_on = first > 0;
      call.a = a.col(first).data();
      call.bias = bias.data();
      call.slopes = slopes.data();
      Matrix<double> spent = points.middleCols(first, call.columns);  // these measurements leave nothing of z
      call.z = spent.data();
      call.census = &census;
      kernel->forward(call);
      spent = points.middleCols(first, call.columns);
      call.census = nullptr;
      call.margin = margin.data();
      kernel->forward(call);
      call.margin = nullptr;
      call.z = z.col(first).data();
      call.batch = &batch;
      call.activity = &activity;
      call.a_column_square = a_square.data() + first;
      kernel->forward(call);
      BackwardCall<double> back;
      back.units = back.stride = kUnits;
      back.columns = call.columns;
      back.go_on = first > 0;
      back.saved = z.col(first).data();
      back.delta = delta.col(first).data();
      back.slopes = slopes.data();
      back.delta_sum = delta_sum.data();
      back.slope_sum = slope_sum.data();
      back.delta_column_square = delta_square.data() + first;
      kernel->backward(back);
    }
  }
};

}  // namespace

TEST_CASE("a measured call takes any number of columns, and goes on where another one ended") {
  for (const ActivationEntry& entry : activation_table())
    for (const Index columns : {kShardColumns, kShardColumns + 1, Index{200}}) {
      CAPTURE(entry.name);
      CAPTURE(columns);
      Rng rng(11, Purpose::generator);
      Matrix<double> points(MeasuredRun::kUnits, columns);
      Matrix<double> errors(MeasuredRun::kUnits, columns);
      for (double& value : points.reshaped()) value = rng.normal();
      for (double& value : errors.reshaped()) value = rng.normal();
      const MeasuredRun whole(entry, points, errors, columns);
      for (const Index columns_a_call : {Index{1}, Index{64}}) {
        // Sums add the same numbers in the same order: the same bits.
        const MeasuredRun pieces(entry, points, errors, columns_a_call);
        CHECK(whole.a == pieces.a);
        CHECK(whole.delta == pieces.delta);
        CHECK(whole.a_square == pieces.a_square);
        CHECK(whole.delta_square == pieces.delta_square);
        CHECK(whole.delta_sum == pieces.delta_sum);
        if (entry.learned_slope) CHECK(whole.slope_sum == pieces.slope_sum);
        CHECK(whole.margin == pieces.margin);
        CHECK(whole.activity.margin == pieces.activity.margin);
        CHECK(whole.activity.column == pieces.activity.column);
        for (const auto sums : {&BatchSums<double>::z_sum, &BatchSums<double>::z_square, &BatchSums<double>::a_sum,
                                &BatchSums<double>::a_square, &BatchSums<double>::z_max, &BatchSums<double>::a_max,
                                &BatchSums<double>::zeros, &BatchSums<double>::active})
          CHECK(whole.batch.*sums == pieces.batch.*sums);
        for (const auto sums : {&CensusSums<double>::margin, &CensusSums<double>::active, &CensusSums<double>::steepest,
                                &CensusSums<double>::a_abs, &CensusSums<double>::a_sum, &CensusSums<double>::zeros})
          CHECK(whole.census.*sums == pieces.census.*sums);
      }
      // Beside what the columns say one by one.
      Vector<double> a_sum = Vector<double>::Zero(MeasuredRun::kUnits);
      for (Index column = 0; column < columns; ++column) a_sum += whole.a.col(column);
      CHECK((whole.batch.a_sum - a_sum).cwiseAbs().maxCoeff() <= 1e-12);
      CHECK(whole.margin == whole.activity.margin);
    }
}
