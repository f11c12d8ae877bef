#include "nn/loss.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/specs.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

/// The loss of one column, straight from its definition.
double naive(const std::string& name, const Vector<double>& y, const Vector<double>& t, int label) {
  const auto outputs = static_cast<double>(y.size());
  double sum = 0.0;
  if (name == "cross_entropy") {
    for (const double one : y) sum += std::exp(one);
    return -std::log(std::exp(y[label]) / sum);
  }
  for (Index row = 0; row < y.size(); ++row) {
    const double e = y[row] - t[row];
    if (name == "mse") sum += e * e;
    if (name == "mae") sum += std::abs(e);
    if (name == "huber") sum += std::abs(e) <= 1.0 ? 0.5 * e * e : std::abs(e) - 0.5;
    if (name == "bce") {
      const double p = 1.0 / (1.0 + std::exp(-y[row]));
      sum -= t[row] * std::log(p) + (1.0 - t[row]) * std::log(1.0 - p);
    }
  }
  return sum / outputs;
}

struct Evaluated {
  Vector<double> losses;
  Matrix<double> delta;
};

Evaluated evaluate(const std::string& name, const Matrix<double>& y, const Matrix<double>& t,
                   const std::vector<std::int32_t>& labels) {
  const LossEntry& entry = *find_entry(loss_table(), name);
  Evaluated out{Vector<double>(y.cols()), Matrix<double>(y.rows(), y.cols())};
  entry.evaluate(loss(name).params, y, Targets<double>{t, labels},
                 std::span(out.losses.data(), static_cast<std::size_t>(y.cols())), out.delta);
  return out;
}

}  // namespace

TEST_CASE("every loss agrees with its definition") {
  Rng rng(4, Purpose::generator);
  for (const Index rows : {2, 10, 16, 35}) {
    Matrix<double> y(rows, 9);
    Matrix<double> t(rows, 9);
    std::vector<std::int32_t> labels;
    for (Index column = 0; column < 9; ++column) {
      for (Index row = 0; row < rows; ++row) {
        y(row, column) = 3.0 * rng.normal();
        t(row, column) = rng.uniform();
      }
      labels.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(rows))));
    }
    for (const LossEntry& entry : loss_table()) {
      const Evaluated out = evaluate(entry.name, y, t, labels);
      for (Index column = 0; column < 9; ++column) {
        CAPTURE(entry.name);
        CHECK(out.losses[column] ==
              doctest::Approx(naive(entry.name, y.col(column), t.col(column), labels[static_cast<std::size_t>(column)]))
                  .epsilon(1e-12));
      }
    }
  }
}

TEST_CASE("cross entropy and bce are stable for huge logits") {
  Matrix<double> y(2, 2);
  y << 1000.0, -1000.0, -1000.0, 1000.0;
  const Evaluated ce = evaluate("cross_entropy", y, y, {0, 0});
  CHECK(ce.losses[0] == 0.0);
  CHECK(ce.losses[1] == 2000.0);
  CHECK(ce.delta(0, 1) == -1.0);
  CHECK(ce.delta(1, 1) == 1.0);
  const Matrix<double> t = Matrix<double>::Zero(2, 2);
  const Evaluated bce = evaluate("bce", y, t, {});
  CHECK(bce.losses[0] == 500.0);
  CHECK(bce.delta.allFinite());
}

TEST_CASE("a NaN output gives a NaN loss") {
  Matrix<double> y = Matrix<double>::Zero(3, 1);
  y(1, 0) = std::numeric_limits<double>::quiet_NaN();
  const Matrix<double> t = Matrix<double>::Zero(3, 1);
  for (const LossEntry& entry : loss_table()) {
    CAPTURE(entry.name);
    CHECK(std::isnan(evaluate(entry.name, y, t, {0}).losses[0]));
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
    const Evaluated together = evaluate(entry.name, y, t, {});
    Vector<double> losses(kSamples);
    Matrix<double> delta(3, kSamples);
    entry.evaluate(loss(entry.name).params, wide.middleRows(1, 1), Targets<double>{wide_targets.middleRows(1, 1), {}},
                   std::span(losses.data(), kSamples), delta.middleRows(1, 1));
    CHECK((losses.array() == together.losses.array()).all());
    CHECK((delta.row(1).array() == together.delta.row(0).array()).all());
    for (Index column = 0; column < kSamples; ++column)
      CHECK(losses[column] == doctest::Approx(naive(entry.name, y.col(column), t.col(column), 0)).epsilon(1e-12));
  }
}
