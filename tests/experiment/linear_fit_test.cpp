// What the plainest model gets of the data: where there is something linear, where there is not, and what it costs.
#include "experiment/linear_fit.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/naive.hpp"
#include "support/specs.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

Matrix<double> noise(Index rows, Index count, std::uint64_t seed) {
  Matrix<double> values(rows, count);
  Rng rng(seed, Purpose::generator);
  for (double& value : values.reshaped()) value = rng.normal();
  return values;
}

std::optional<LinearGain> gain_of(const Dataset& dataset, const Choice& chosen, Index outputs) {
  const Criterion criterion{*find_entry(loss_table(), chosen.name),
                            chosen.params,
                            plan_targets(chosen, activation("identity"), dataset, outputs),
                            {}};
  return gain_of_linear_fit(criterion, dataset);
}

}  // namespace

TEST_CASE("of y = 0.5 x₀ + noise the fit takes what is linear, whatever the features' size") {
  const Matrix<double> x = noise(3, 4000, 1);
  const Matrix<double> y = 0.5 * x.row(0) + noise(1, 4000, 2);
  Matrix<double> odd = x;
  odd.row(0) = 1e5 * x.row(0).array() + 3e6;
  odd.row(2).setConstant(7.0);
  for (const Matrix<double>& features : {x, odd}) {
    const auto found = gain_of(regression_of(features, y), loss("mse"), 1);
    REQUIRE(found);
    // The variance that x₀ explains is 0.25; a standard error from 2048 samples is about 0.02.
    CHECK(found->gain == doctest::Approx(0.25).epsilon(0.3));
    CHECK(found->error > 0.005);
    CHECK(found->error < 0.05);
  }
}

TEST_CASE("of noise, and of what is not linear, it gets nothing") {
  const Matrix<double> x = noise(5, 1000, 3);
  for (const Matrix<double>& y : {noise(1, 1000, 4), Matrix<double>(x.row(0).array().square().matrix())}) {
    const auto found = gain_of(regression_of(x, y), loss("mse"), 1);
    REQUIRE(found);
    CHECK(found->gain < 2.58 * found->error);
  }
}

TEST_CASE("classes are one number each") {
  Dataset dataset = dataset_of(noise(2, 600, 5));
  for (std::size_t at = 0; at < 600; ++at)
    dataset.train.labels[at] =
        std::get<Matrix<double>>(dataset.train.features)(0, static_cast<Index>(at)) > 0.0 ? 1 : 0;
  const auto found = gain_of(dataset, loss("cross_entropy"), 2);
  REQUIRE(found);
  CHECK(found->gain > 10.0 * found->error);
}

TEST_CASE("nothing is said of few samples, or where it would cost too much") {
  CHECK_FALSE(gain_of(regression_of(noise(2, 19, 6), noise(1, 19, 7)), loss("mse"), 1));
  CHECK(gain_of(regression_of(noise(2, 20, 6), noise(1, 20, 7)), loss("mse"), 1));
  CHECK_FALSE(gain_of(regression_of(noise(1025, 30, 6), noise(1, 30, 7)), loss("mse"), 1));
  CHECK_FALSE(gain_of(regression_of(noise(2, 30, 6), noise(65, 30, 7)), loss("mse"), 65));
}
