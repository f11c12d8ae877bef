#include "data/normalization.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "data/data_files.hpp"

using namespace reluscope;

namespace {

Dataset with_features(decltype(Samples::features) features) {
  Dataset dataset;
  dataset.train.features = std::move(features);
  return dataset;
}

/// The training features after x' = (x − shift) · scale.
Matrix<double> normalized(Dataset& dataset, Normalization kind) {
  set_normalization(dataset, kind);
  Matrix<double> values = as_double(dataset.train);
  for (Index sample = 0; sample < values.cols(); ++sample)
    values.col(sample) = (values.col(sample) - dataset.shift).cwiseProduct(dataset.scale);
  return values;
}

Matrix<double> random_values(Index features, Index samples, double offset) {
  std::mt19937 random(11);
  std::normal_distribution<double> normal(offset, 3.0);
  Matrix<double> values(features, samples);
  for (Index value = 0; value < values.size(); ++value)
    values.data()[value] = normal(random) * static_cast<double>(1 + value % features);
  return values;
}

}  // namespace

TEST_CASE("without normalisation shift is 0 and scale is 1") {
  Dataset dataset = with_features(random_values(3, 10, 5.0));
  set_normalization(dataset, Normalization::none);
  CHECK(dataset.shift == Eigen::VectorXd::Zero(3));
  CHECK(dataset.scale == Eigen::VectorXd::Ones(3));
}

TEST_CASE("unit maps the least value of all features to 0 and the greatest to 1") {
  Dataset dataset = with_features(random_values(3, 50, 5.0));
  const Matrix<double> values = normalized(dataset, Normalization::unit);
  CHECK(values.minCoeff() == 0.0);
  CHECK(values.maxCoeff() == doctest::Approx(1.0).epsilon(1e-15));
  CHECK(dataset.shift[0] == dataset.shift[2]);
}

TEST_CASE("unit divides bytes by 255, whatever their range") {
  Dataset dataset = with_features(as_bytes(Matrix<double>{{10, 20}, {30, 40}}));
  set_normalization(dataset, Normalization::unit);
  CHECK(dataset.shift == Eigen::VectorXd::Zero(2));
  CHECK(dataset.scale == Eigen::VectorXd::Constant(2, 1.0 / 255.0));
}

TEST_CASE("standard is one mean and population deviation over all features") {
  for (const double offset : {0.0, 1e6}) {
    const Matrix<double> values = random_values(7, 400, offset);
    long double sum = 0;
    for (Index value = 0; value < values.size(); ++value) sum += values.data()[value];
    const long double mean = sum / static_cast<long double>(values.size());
    long double squares = 0;
    for (Index value = 0; value < values.size(); ++value)
      squares += (values.data()[value] - mean) * (values.data()[value] - mean);
    const auto deviation = static_cast<double>(std::sqrt(squares / static_cast<long double>(values.size())));

    Dataset dataset = with_features(values);
    set_normalization(dataset, Normalization::standard);
    for (Index feature = 0; feature < 7; ++feature) {
      CHECK(dataset.shift[feature] == doctest::Approx(static_cast<double>(mean)).epsilon(1e-13));
      CHECK(dataset.scale[feature] == doctest::Approx(1.0 / deviation).epsilon(1e-12));
    }
  }
}

TEST_CASE("per_feature gives every feature mean 0 and deviation 1, even far from 0") {
  for (const double offset : {0.0, 1e8}) {
    CAPTURE(offset);
    Dataset dataset = with_features(random_values(5, 1000, offset));
    const Matrix<double> values = normalized(dataset, Normalization::per_feature);
    for (Index feature = 0; feature < 5; ++feature) {
      const double mean = values.row(feature).mean();
      const double variance = (values.row(feature).array() - mean).square().mean();
      CHECK(std::abs(mean) < 1e-8);
      CHECK(variance == doctest::Approx(1.0).epsilon(1e-8));
    }
  }
}

TEST_CASE("per_channel gives all positions of a channel together mean 0 and deviation 1, with one shift and scale") {
  for (const double offset : {0.0, 1e6}) {
    Dataset dataset = with_features(random_values(12, 200, offset));
    dataset.image = Shape(3, 2, 2);
    const Matrix<double> values = normalized(dataset, Normalization::per_channel);
    for (Index channel = 0; channel < 3; ++channel) {
      const auto own = values.middleRows(4 * channel, 4);
      CHECK(std::abs(own.mean()) < 1e-8);
      CHECK((own.array() - own.mean()).square().mean() == doctest::Approx(1.0).epsilon(1e-8));
      CHECK((dataset.shift.segment(4 * channel, 4).array() == dataset.shift[4 * channel]).all());
      CHECK((dataset.scale.segment(4 * channel, 4).array() == dataset.scale[4 * channel]).all());
    }
    CHECK(dataset.shift[0] != dataset.shift[4]);
  }
}

TEST_CASE("per_channel: data without positions have a channel a feature; one channel is all of them") {
  Dataset features = with_features(random_values(6, 50, 3.0));
  Dataset channels = with_features(random_values(6, 50, 3.0));
  set_normalization(features, Normalization::per_feature);
  set_normalization(channels, Normalization::per_channel);
  CHECK(channels.shift == features.shift);
  CHECK(channels.scale == features.scale);
  channels.image = Shape(6, 1, 1);
  set_normalization(channels, Normalization::per_channel);
  CHECK(channels.shift == features.shift);
  channels.image = Shape(1, 2, 3);
  set_normalization(channels, Normalization::per_channel);
  set_normalization(features, Normalization::standard);
  CHECK(channels.shift == features.shift);
  CHECK(channels.scale == features.scale);
}

TEST_CASE("a constant channel becomes exactly 0 and not NaN") {
  Matrix<double> values = random_values(6, 1000, 0.0);
  values.middleRows(2, 2).setConstant(0.1);
  Dataset dataset = with_features(values);
  dataset.image = Shape(3, 1, 2);
  const Matrix<double> result = normalized(dataset, Normalization::per_channel);
  CHECK(dataset.scale[2] == 1.0);
  CHECK((result.middleRows(2, 2).array() == 0.0).all());
  CHECK(result.allFinite());
}

TEST_CASE("bytes, float and double features with the same values get the same normalisation") {
  Matrix<double> values = random_values(4, 100, 100.0).cwiseAbs().cwiseMin(255.0).array().floor();
  for (const Normalization kind : {Normalization::standard, Normalization::per_feature, Normalization::per_channel}) {
    Dataset wide = with_features(values);
    Dataset narrow = with_features(Matrix<float>(values.cast<float>()));
    Dataset bytes = with_features(as_bytes(values));
    for (Dataset* dataset : {&wide, &narrow, &bytes}) set_normalization(*dataset, kind);
    CHECK(narrow.shift == wide.shift);
    CHECK(bytes.shift == wide.shift);
    CHECK(narrow.scale == wide.scale);
    CHECK(bytes.scale == wide.scale);
  }
}

TEST_CASE("a constant feature becomes exactly 0 and not NaN") {
  Matrix<double> values = random_values(3, 1000, 0.0);
  values.row(1).setConstant(0.1);
  Dataset dataset = with_features(values);
  const Matrix<double> result = normalized(dataset, Normalization::per_feature);
  CHECK(dataset.scale[1] == 1.0);
  CHECK((result.row(1).array() == 0.0).all());
  CHECK(result.allFinite());
}

TEST_CASE("data that are constant as a whole stay finite under every normalisation") {
  for (const Normalization kind :
       {Normalization::unit, Normalization::standard, Normalization::per_feature, Normalization::per_channel}) {
    Dataset dataset = with_features(Matrix<double>(Matrix<double>::Constant(3, 77, 0.3)));
    CHECK((normalized(dataset, kind).array() == 0.0).all());
    Dataset tiny = with_features(Matrix<double>{{0.0, 5e-324}});
    CHECK(normalized(tiny, kind).allFinite());
    Dataset single = with_features(Matrix<float>{{3.0F}, {4.0F}});
    CHECK(normalized(single, kind).allFinite());
  }
}

TEST_CASE("features whose spread is beyond every number are refused") {
  for (const Normalization kind :
       {Normalization::unit, Normalization::standard, Normalization::per_feature, Normalization::per_channel}) {
    Dataset dataset = with_features(Matrix<double>{{-1.7e308, 1.7e308}});
    check_message(data_error([&] { set_normalization(dataset, kind); }), {"too large to normalise"});
  }
}

TEST_CASE("targets: mean and deviation of each output, of the training part alone; one that does not vary keeps 1") {
  Dataset dataset = with_features(random_values(2, 5, 0.0));
  dataset.task = Task::regression;
  dataset.train.targets = Matrix<double>{{1e6 + 1, 1e6 + 2, 1e6 + 3, 1e6 + 4, 1e6 + 5}, {7, 7, 7, 7, 7}};
  dataset.test.targets = Matrix<double>{{-1e9}, {5}};
  set_target_normalization(dataset);
  CHECK(dataset.target_shift == Vector<double>{{1e6 + 3, 7}});
  CHECK(dataset.target_scale[0] == doctest::Approx(1.0 / std::sqrt(2.0)).epsilon(1e-12));
  CHECK(dataset.target_scale[1] == 1.0);
  dataset.train.targets = Matrix<double>{{-1.7e308, 1.7e308}};
  check_message(data_error([&] { set_target_normalization(dataset); }), {"too large to normalise"});
}
