#include "nn/loss.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>

#include "support/specs.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

/// The loss of one column, straight from its definition.
using Formula = std::function<double(const ParamValues&, const Vector<double>& y, const Vector<double>& t, int label)>;

/// The mean over the outputs of what `term` says of each.
Formula mean_of(std::function<double(const ParamValues&, double y, double t)> term) {
  return [term = std::move(term)](const ParamValues& params, const Vector<double>& y, const Vector<double>& t, int) {
    double sum = 0.0;
    for (Index row = 0; row < y.size(); ++row) sum += term(params, y[row], t[row]);
    return sum / static_cast<double>(y.size());
  };
}

const std::map<std::string, Formula>& formulas() {
  using P = const ParamValues&;
  static const std::map<std::string, Formula> all = {
      {"mse", mean_of([](P, double y, double t) { return (y - t) * (y - t); })},
      {"mae", mean_of([](P, double y, double t) { return std::abs(y - t); })},
      {"huber", mean_of([](P params, double y, double t) {
         const double bend = params.number("delta");
         const double error = std::abs(y - t);
         return error <= bend ? 0.5 * error * error : bend * (error - 0.5 * bend);
       })},
      {"bce", mean_of([](P params, double y, double t) {
         const double p = params.flag("from_logits") ? 1.0 / (1.0 + std::exp(-y)) : y;
         return -t * std::log(p) - (1.0 - t) * std::log(1.0 - p);
       })},
      {"cross_entropy",
       [](P params, const Vector<double>& y, const Vector<double>&, int label) {
         const auto weight = [&](double one) { return params.flag("from_logits") ? std::exp(one) : one; };
         double sum = 0.0;
         for (const double one : y) sum += weight(one);
         return -std::log(weight(y[label]) / sum);
       }},
  };
  return all;
}

double naive(const Choice& choice, const Vector<double>& y, const Vector<double>& t, int label) {
  REQUIRE_MESSAGE(formulas().count(choice.name) == 1, "no formula here for the loss " << choice.name);
  return formulas().at(choice.name)(choice.params, y, t, label);
}

struct Evaluated {
  Vector<double> losses;
  Matrix<double> delta;
};

Evaluated evaluate(const Choice& choice, const Matrix<double>& y, const Matrix<double>& t,
                   const std::vector<std::int32_t>& labels) {
  const LossEntry& entry = *find_entry(loss_table(), choice.name);
  Evaluated out{Vector<double>(y.cols()), Matrix<double>(y.rows(), y.cols())};
  entry.evaluate(choice.params, y, Targets<double>{t, labels},
                 std::span(out.losses.data(), static_cast<std::size_t>(y.cols())), out.delta);
  return out;
}

}  // namespace

TEST_CASE("every loss, and its gradient, agrees with its definition") {
  Rng rng(4, Purpose::generator);
  for (const Index rows : {2, 10, 16, 35}) {
    Matrix<double> values(rows, 9);
    Matrix<double> t(rows, 9);
    std::vector<std::int32_t> labels;
    for (Index column = 0; column < 9; ++column) {
      for (Index row = 0; row < rows; ++row) {
        values(row, column) = 3.0 * rng.normal();
        t(row, column) = rng.uniform();
      }
      labels.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(rows))));
    }
    for (const LossEntry& entry : loss_table())
      for (const Choice& choice : variants_of(entry)) {
        CAPTURE(entry.name);
        const bool logits = !takes_network_probabilities(choice);
        const Matrix<double> y = logits ? values : Matrix<double>((values.array().abs() + 0.1) / 20.0);
        const Evaluated out = evaluate(choice, y, t, labels);
        for (Index column = 0; column < 9; ++column) {
          const auto at = [&](Index row, double step) {
            Vector<double> moved = y.col(column);
            moved[row] += step;
            return naive(choice, moved, t.col(column), labels[static_cast<std::size_t>(column)]);
          };
          CHECK(out.losses[column] == doctest::Approx(at(0, 0.0)).epsilon(1e-12));
          for (Index row = 0; row < rows; ++row)
            CHECK(std::abs(out.delta(row, column) - (at(row, 1e-6) - at(row, -1e-6)) / 2e-6) < 1e-6);
        }
      }
  }
}

TEST_CASE("cross entropy and bce are stable for huge logits") {
  Matrix<double> y(2, 2);
  y << 1000.0, -1000.0, -1000.0, 1000.0;
  const Evaluated ce = evaluate(loss("cross_entropy"), y, y, {0, 0});
  CHECK(ce.losses[0] == 0.0);
  CHECK(ce.losses[1] == 2000.0);
  CHECK(ce.delta(0, 1) == -1.0);
  CHECK(ce.delta(1, 1) == 1.0);
  const Matrix<double> t = Matrix<double>::Zero(2, 2);
  const Evaluated bce = evaluate(loss("bce"), y, t, {});
  CHECK(bce.losses[0] == 500.0);
  CHECK(bce.delta.allFinite());
}

TEST_CASE("bce on probabilities is PyTorch's BCELoss at the ends, and of what lies outside the nearest end") {
  const Settings probabilities = {{"from_logits", false}};
  Matrix<double> p(1, 6);
  Matrix<double> t(1, 6);
  p << 0.0, 1.0, 0.0, -0.2, 1.5, 1e-50;
  t << 1.0, 1.0, 0.25, 1.0, 0.0, 1.0;
  const Evaluated out = evaluate(loss("bce", probabilities), p, t, {});
  CHECK(out.losses[0] == 100.0);  // log 0 counts as -100
  CHECK(out.losses[1] == 0.0);
  CHECK(out.losses[2] == 25.0);
  CHECK(out.losses[3] == 100.0);
  CHECK(out.losses[4] == 100.0);
  CHECK(out.losses[5] == 100.0);    // log 1e-50 is -115
  CHECK(out.delta(0, 0) == -1e12);  // (p - t) / max(p (1 - p), 1e-12)
  CHECK(out.delta(0, 2) == -0.25e12);
  CHECK(out.delta(0, 3) == 0.0);
  CHECK(out.delta(0, 4) == 0.0);
}

TEST_CASE("cross entropy on probabilities scales them to a sum of 1 and clips at 1e-7, as Keras does") {
  const Settings probabilities = {{"from_logits", false}};
  Matrix<double> p(2, 4);
  p << 0.2, 0.0, 3.0, -0.1,  //
      0.6, 1.0, 1.0, 0.4;
  const Evaluated out = evaluate(loss("cross_entropy", probabilities), p, p, {0, 0, 0, 0});
  CHECK(out.losses[0] == doctest::Approx(std::log(4.0)).epsilon(1e-14));
  CHECK(out.losses[1] == doctest::Approx(-std::log(1e-7)).epsilon(1e-14));
  CHECK(out.losses[2] == doctest::Approx(-std::log(0.75)).epsilon(1e-14));
  CHECK(out.losses[3] == doctest::Approx(-std::log(1e-7)).epsilon(1e-14));
  CHECK(out.delta(0, 0) == doctest::Approx(1.0 / 0.8 - 1.0 / 0.2).epsilon(1e-14));
  CHECK(out.delta(1, 0) == doctest::Approx(1.0 / 0.8).epsilon(1e-14));
  for (const Index clipped : {1, 3}) CHECK((out.delta.col(clipped).array() == 0.0).all());
  // Nothing to divide by: no number, as in Keras.
  const Matrix<double> nothing = Matrix<double>::Zero(2, 1);
  CHECK(std::isnan(evaluate(loss("cross_entropy", probabilities), nothing, nothing, {0}).losses[0]));
}

TEST_CASE("which losses apply a sigmoid or softmax of their own") {
  CHECK(takes_logits(loss("bce")));
  CHECK(takes_logits(loss("cross_entropy")));
  CHECK_FALSE(takes_logits(loss("bce", {{"from_logits", false}})));
  CHECK(takes_network_probabilities(loss("cross_entropy", {{"from_logits", false}})));
  CHECK_FALSE(takes_logits(loss("mse")));
  CHECK_FALSE(takes_network_probabilities(loss("mse")));
}

TEST_CASE("a NaN output gives a NaN loss") {
  Matrix<double> y = Matrix<double>::Zero(3, 1);
  y(1, 0) = std::numeric_limits<double>::quiet_NaN();
  const Matrix<double> t = Matrix<double>::Zero(3, 1);
  for (const LossEntry& entry : loss_table())
    for (const Choice& choice : variants_of(entry)) {
      CAPTURE(entry.name);
      CHECK(std::isnan(evaluate(choice, y, t, {1}).losses[0]));
    }
}

TEST_CASE("with one output, samples side by side give the bits of samples far apart") {
  constexpr Index kSamples = 37;
  Matrix<double> wide = Matrix<double>::Random(3, kSamples);
  Matrix<double> wide_targets = Matrix<double>::Random(3, kSamples).cwiseAbs();
  for (const LossEntry& entry : loss_table()) {
    if (entry.takes_classes) continue;
    CAPTURE(entry.name);
    const Matrix<double> y = wide.row(1);
    const Matrix<double> t = wide_targets.row(1);
    const Evaluated together = evaluate(loss(entry.name), y, t, {});
    Vector<double> losses(kSamples);
    Matrix<double> delta(3, kSamples);
    entry.evaluate(loss(entry.name).params, wide.middleRows(1, 1), Targets<double>{wide_targets.middleRows(1, 1), {}},
                   std::span(losses.data(), kSamples), delta.middleRows(1, 1));
    CHECK((losses.array() == together.losses.array()).all());
    CHECK((delta.row(1).array() == together.delta.row(0).array()).all());
    for (Index column = 0; column < kSamples; ++column)
      CHECK(losses[column] == doctest::Approx(naive(loss(entry.name), y.col(column), t.col(column), 0)).epsilon(1e-12));
  }
}
