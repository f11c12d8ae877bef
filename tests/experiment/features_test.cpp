// What is said of the data, against plain sums.
#include "experiment/features.hpp"
#include "trace/table_writer.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "support/naive.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

TEST_CASE("mean, deviation, range, values and order of every feature, as the network gets it") {
  Matrix<double> points(5, 700);
  Rng rng(3, Purpose::generator);
  for (Index sample = 0; sample < points.cols(); ++sample) {
    points(0, sample) = 1e6 + rng.normal();               // far from 0
    points(1, sample) = static_cast<double>(sample);      // a row number
    points(2, sample) = static_cast<double>(sample % 3);  // three values
    points(3, sample) = -2.5;                             // one
    points(4, sample) = static_cast<double>(sample / 2);  // rises, and not always
  }
  Dataset dataset = dataset_of(points);
  dataset.shift << 1e6, 0.0, 1.0, 0.0, 0.0;
  dataset.scale << 1.0, 0.5, 2.0, 1.0, 1.0;
  dataset.feature_names = {"a", "id", "c", "d", "e"};
  const std::vector<FeatureRecord> rows = describe_features(dataset);
  REQUIRE(rows.size() == 5);
  for (Index feature = 0; feature < 5; ++feature) {
    CAPTURE(feature);
    const FeatureRecord& row = rows[static_cast<std::size_t>(feature)];
    const Eigen::ArrayXd x =
        (points.row(feature).transpose().array() - dataset.shift[feature]) * dataset.scale[feature];
    CHECK(row.feature == feature);
    CHECK(row.source == dataset.feature_names[static_cast<std::size_t>(feature)]);
    CHECK(row.mean == doctest::Approx(x.mean()).epsilon(1e-9).scale(1e-9));
    CHECK(row.std == doctest::Approx(std::sqrt((x - x.mean()).square().mean())).epsilon(1e-9).scale(1e-9));
    CHECK(row.min == x.minCoeff());
    CHECK(row.max == x.maxCoeff());
    const std::set<double> values(x.begin(), x.end());
    CHECK(row.distinct ==
          std::min<std::int64_t>(FeatureRecord::kMostDistinct, static_cast<std::int64_t>(values.size())));
    CHECK(row.rising == (feature == 1));
  }
  CHECK(rows[3].std == 0.0);
  CHECK(csv_text(rows).starts_with("feature,source,mean,std,min,max,distinct,rising,missing\n0,a,"));
}

TEST_CASE("targets of a regression, all outputs together; classes have none") {
  Matrix<double> targets(2, 3);
  targets << 1, 2, 3, -4, 0, 4;
  const auto facts = describe_targets(regression_of(Matrix<double>::Ones(1, 3), targets), {.lowest = 0.0});
  REQUIRE(facts);
  CHECK(facts->mean == 1.0);
  CHECK(facts->std == doctest::Approx(std::sqrt((0 + 1 + 4 + 25 + 1 + 9) / 6.0)));
  CHECK(facts->min == -4.0);
  CHECK(facts->max == 4.0);
  CHECK(facts->outside == doctest::Approx(1 / 6.0));  // an output that is never below 0
  CHECK(facts->output_low == 0.0);
  CHECK_FALSE(describe_targets(dataset_of(Matrix<double>::Ones(1, 3)), {}));
}

TEST_CASE("targets outside an output's range: the ends belong to it") {
  Matrix<double> targets(1, 4);
  targets << 0, 1, 1.5, -0.5;
  const auto facts =
      describe_targets(regression_of(Matrix<double>::Ones(1, 4), targets), {.lowest = 0.0, .highest = 1.0});
  REQUIRE(facts);
  CHECK(facts->outside == 0.5);
}

TEST_CASE("shares of the classes are those of the training part") {
  Dataset data = dataset_of(Matrix<double>::Ones(1, 5));
  data.class_names = {"cat", "dog", "eel"};
  data.train.labels = {1, 0, 1, 1, 0};
  const auto shares = describe_classes(data, data.train);
  REQUIRE(shares);
  CHECK(shares->count == 3);
  CHECK(shares->largest == 0.6);
  CHECK(shares->largest_name == "dog");
  CHECK(shares->smallest == 0.0);
  CHECK(shares->smallest_name == "eel");
}
