#include "data/dataset.hpp"

#include <doctest/doctest.h>
#include <zlib.h>

#include <random>

#include "data/data_files.hpp"

using namespace reluscope;

namespace {

template <class Kept>
Dataset random_dataset(Index features, Index samples) {
  std::mt19937 random(5);
  Matrix<Kept> values(features, samples);
  for (Index value = 0; value < values.size(); ++value) values.data()[value] = static_cast<Kept>(random() % 256);
  Dataset dataset;
  dataset.train.features = values;
  dataset.shift.resize(features);
  dataset.scale.resize(features);
  for (Index feature = 0; feature < features; ++feature) {
    dataset.shift[feature] = 0.37 * static_cast<double>(feature % 11);
    dataset.scale[feature] = 1.0 / (1.0 + static_cast<double>(feature % 7));
  }
  return dataset;
}

template <class T, class Kept>
void check_gather(Index features) {
  CAPTURE(features);
  const Dataset dataset = random_dataset<Kept>(features, 9);
  const auto& values = std::get<Matrix<Kept>>(dataset.train.features);
  const std::vector<Index> picked = {8, 0, 3, 3, 5};
  Matrix<T> out(features, 5);
  gather<T>(dataset, dataset.train, picked, out);
  for (Index column = 0; column < 5; ++column) {
    for (Index feature = 0; feature < features; ++feature) {
      const auto expected =
          (static_cast<double>(values(feature, picked[static_cast<std::size_t>(column)])) - dataset.shift[feature]) *
          dataset.scale[feature];
      CHECK(static_cast<double>(out(feature, column)) ==
            doctest::Approx(expected).epsilon(std::is_same_v<T, float> ? 1e-5 : 1e-14));
    }
  }
}

}  // namespace

TEST_CASE("gather gives the normalised samples in the order asked for, whatever the types") {
  for (const Index features : {1, 2, 31, 784, 1024, 1025, 2500}) {
    check_gather<float, std::uint8_t>(features);
    check_gather<double, std::uint8_t>(features);
    check_gather<float, float>(features);
    check_gather<double, float>(features);
    check_gather<float, double>(features);
    check_gather<double, double>(features);
  }
}

TEST_CASE("gather computes (x - shift) * scale in the network's type, to the bit") {
  Dataset dataset = random_dataset<std::uint8_t>(3, 4);
  const auto& values = std::get<Matrix<std::uint8_t>>(dataset.train.features);
  Matrix<float> out(3, 1);
  gather<float>(dataset, dataset.train, std::vector<Index>{2}, out);
  for (Index feature = 0; feature < 3; ++feature) {
    const float difference = static_cast<float>(values(feature, 2)) - static_cast<float>(dataset.shift[feature]);
    CHECK(out(feature, 0) == difference * static_cast<float>(dataset.scale[feature]));
  }
}

TEST_CASE("gather keeps the digits of large double features for a float network") {
  Dataset dataset;
  dataset.train.features = Matrix<double>{{1.6e9 + 0.25, 1.6e9 + 0.75}};
  dataset.shift = Eigen::VectorXd::Constant(1, 1.6e9);
  dataset.scale = Eigen::VectorXd::Constant(1, 4.0);
  Matrix<float> out(1, 2);
  gather<float>(dataset, dataset.train, std::vector<Index>{0, 1}, out);
  CHECK(out(0, 0) == 1.0F);
  CHECK(out(0, 1) == 3.0F);
}

TEST_CASE("gather writes into the columns of a larger matrix and nowhere else") {
  const Dataset dataset = random_dataset<std::uint8_t>(4, 3);
  Matrix<float> whole = Matrix<float>::Constant(6, 4, -1.0F);
  gather<float>(dataset, dataset.train, std::vector<Index>{2, 1}, whole.block(1, 1, 4, 2));
  Matrix<float> expected(4, 2);
  gather<float>(dataset, dataset.train, std::vector<Index>{2, 1}, expected);
  CHECK(whole.block(1, 1, 4, 2) == expected);
  CHECK((whole.row(0).array() == -1.0F).all());
  CHECK((whole.row(5).array() == -1.0F).all());
  CHECK((whole.col(0).array() == -1.0F).all());
  CHECK((whole.col(3).array() == -1.0F).all());
}

TEST_CASE("the checksum is zlib's CRC-32 over features and targets, training part first") {
  Dataset dataset;
  dataset.train.features = as_bytes(Matrix<double>{{1, 3}, {2, 4}});
  dataset.train.labels = {7, 8};
  dataset.test.features = Matrix<float>(Matrix<float>::Constant(2, 1, 0.5F));
  dataset.test.targets = Eigen::MatrixXd::Constant(1, 1, 2.5);
  const std::string bytes = bytes_of<std::uint8_t>({1, 2, 3, 4}) + bytes_of<std::int32_t>({7, 8}) +
                            bytes_of<float>({0.5F, 0.5F}) + bytes_of<double>({2.5});
  CHECK(dataset.checksum() == crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

TEST_CASE("the checksum notices a change of any feature, label or target") {
  Dataset dataset = random_dataset<double>(2, 2);
  dataset.train.labels = {0, 1};
  dataset.train.targets = Eigen::MatrixXd::Ones(1, 2);
  const std::uint32_t before = dataset.checksum();
  Dataset changed = dataset;
  std::get<Matrix<double>>(changed.train.features)(1, 1) += 1.0;
  CHECK(changed.checksum() != before);
  changed = dataset;
  changed.train.labels[1] = 0;
  CHECK(changed.checksum() != before);
  changed = dataset;
  changed.train.targets(0, 0) = 2.0;
  CHECK(changed.checksum() != before);
  changed = dataset;
  changed.scale.setConstant(9.0);
  CHECK(changed.checksum() == before);
}

TEST_CASE("outputs are the classes, or the target values of a sample") {
  Dataset dataset;
  dataset.class_names = {"a", "b", "c"};
  CHECK(dataset.outputs() == 3);
  dataset.task = Task::regression;
  dataset.train.targets.setZero(2, 5);
  CHECK(dataset.outputs() == 2);
}
