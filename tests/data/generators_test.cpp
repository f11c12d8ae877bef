#include "data/generators.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

#include "data/data_files.hpp"

using namespace reluscope;

namespace {

ParamValue whole(std::int64_t value) { return ParamValue(value); }
ParamValue real(double value) { return ParamValue(value); }

RawData make_data(const std::string& kind, const Settings& settings = {}, std::uint64_t seed = 1) {
  return load_raw_data(kind, settings, {}, seed);
}

std::map<std::int32_t, int> label_counts(const RawData& data) {
  std::map<std::int32_t, int> counts;
  for (const std::int32_t label : data.train.labels) ++counts[label];
  return counts;
}

std::int32_t label(const RawData& data, Index sample) { return data.train.labels[static_cast<std::size_t>(sample)]; }

double radius(const Matrix<double>& x, Index sample, double center_x, double center_y) {
  return std::hypot(x(0, sample) - center_x, x(1, sample) - center_y);
}

/// Root mean square of the differences.
double deviation_between(const Matrix<double>& noisy, const Matrix<double>& clean) {
  return std::sqrt((noisy - clean).array().square().mean());
}

}  // namespace

TEST_CASE("every generator makes the shapes it promises, all finite, and fits its own estimate") {
  for (const auto& generators : {plane_generators(), class_generators(), label_generators(), regression_generators()}) {
    for (const SourceEntry& entry : generators) {
      CAPTURE(entry.name);
      const RawData data = make_data(entry.name, {{"n_samples", whole(57)}});
      const Matrix<double> x = as_double(data.train);
      CHECK(x.cols() == 57);
      CHECK(x.rows() >= 1);
      CHECK(x.allFinite());
      CHECK_FALSE(data.test.has_value());
      std::uint64_t bytes = static_cast<std::uint64_t>(x.size()) * sizeof(double);
      if (data.task == Task::classification) {
        CHECK(data.train.labels.size() == 57);
        CHECK(data.class_names.size() >= 2);
        for (const std::int32_t value : data.train.labels) {
          CHECK(value >= 0);
          CHECK(value < static_cast<std::int32_t>(data.class_names.size()));
        }
      } else {
        CHECK(data.train.targets.cols() == 57);
        CHECK(data.train.targets.allFinite());
        CHECK(data.class_names.empty());
        bytes += static_cast<std::uint64_t>(data.train.targets.size()) * sizeof(double);
      }
      CHECK(estimated_bytes(entry.name, {{"n_samples", whole(57)}}) >= bytes);
      CHECK(make_data(entry.name, {{"n_samples", whole(1)}}).train.count() == 1);
    }
  }
}

TEST_CASE("a generator gives the same data for the same seed and other data for another") {
  for (const auto& generators : {plane_generators(), class_generators(), label_generators(), regression_generators()}) {
    for (const SourceEntry& entry : generators) {
      CAPTURE(entry.name);
      const RawData first = make_data(entry.name, {}, 5);
      const RawData again = make_data(entry.name, {}, 5);
      CHECK(as_double(first.train) == as_double(again.train));
      CHECK(first.train.labels == again.train.labels);
      CHECK(first.train.targets == again.train.targets);
      CHECK(as_double(first.train) != as_double(make_data(entry.name, {}, 6).train));
    }
  }
}

TEST_CASE("moons without noise lie on their half circles, half of the samples on each") {
  const RawData data = make_data("moons", {{"n_samples", whole(101)}});
  const Matrix<double> x = as_double(data.train);
  for (Index sample = 0; sample < 101; ++sample) {
    if (label(data, sample) == 0) {
      CHECK(radius(x, sample, 0, 0) == doctest::Approx(1.0));
      CHECK(x(1, sample) >= -1e-12);
    } else {
      CHECK(radius(x, sample, 1, 0.5) == doctest::Approx(1.0));
      CHECK(x(1, sample) <= 0.5 + 1e-12);
    }
  }
  CHECK(label_counts(data) == std::map<std::int32_t, int>{{0, 50}, {1, 51}});
  CHECK_FALSE(std::is_sorted(data.train.labels.begin(), data.train.labels.end()));
}

TEST_CASE("noise has the standard deviation asked for and moves nothing else") {
  const RawData clean = make_data("moons", {{"n_samples", whole(5000)}});
  const RawData noisy = make_data("moons", {{"n_samples", whole(5000)}, {"noise", real(0.2)}});
  CHECK(noisy.train.labels == clean.train.labels);
  CHECK(deviation_between(as_double(noisy.train), as_double(clean.train)) == doctest::Approx(0.2).epsilon(0.03));
  const RawData line = make_data("friedman1", {{"n_samples", whole(5000)}});
  const RawData noisy_line = make_data("friedman1", {{"n_samples", whole(5000)}, {"noise", real(2.0)}});
  CHECK(as_double(line.train) == as_double(noisy_line.train));
  CHECK(deviation_between(noisy_line.train.targets, line.train.targets) == doctest::Approx(2.0).epsilon(0.03));
}

TEST_CASE("circles have radius 1 and factor") {
  const RawData data = make_data("circles", {{"n_samples", whole(99)}, {"factor", real(0.3)}});
  const Matrix<double> x = as_double(data.train);
  for (Index sample = 0; sample < 99; ++sample)
    CHECK(radius(x, sample, 0, 0) == doctest::Approx(label(data, sample) == 0 ? 1.0 : 0.3));
  CHECK(label_counts(data) == std::map<std::int32_t, int>{{0, 49}, {1, 50}});
}

TEST_CASE("spiral arms wind out from the centre, evenly turned against each other") {
  const RawData data = make_data("spirals", {{"n_samples", whole(90)}, {"n_classes", whole(3)}, {"turns", real(1.5)}});
  const Matrix<double> x = as_double(data.train);
  for (Index sample = 0; sample < 90; ++sample) {
    const double r = radius(x, sample, 0, 0);
    CHECK(r > 0);
    CHECK(r <= 1.0 + 1e-12);
    const double angle = 2 * std::numbers::pi * (1.5 * r + label(data, sample) / 3.0);
    CHECK(x(0, sample) == doctest::Approx(r * std::cos(angle)));
    CHECK(x(1, sample) == doctest::Approx(r * std::sin(angle)));
  }
  CHECK(label_counts(data) == std::map<std::int32_t, int>{{0, 30}, {1, 30}, {2, 30}});
}

TEST_CASE("xor labels say whether exactly one coordinate is positive") {
  const RawData data = make_data("xor", {{"n_samples", whole(2000)}});
  const Matrix<double> x = as_double(data.train);
  for (Index sample = 0; sample < 2000; ++sample)
    CHECK(label(data, sample) == (x(0, sample) * x(1, sample) < 0 ? 1 : 0));
  CHECK(std::abs(label_counts(data)[1] - 1000) < 150);
  CHECK(x.cwiseAbs().maxCoeff() <= 1.0);
  CHECK(x.cwiseAbs().maxCoeff() > 0.99);
}

TEST_CASE("blobs scatter around their centres with the deviation asked for") {
  const Settings shape = {{"n_samples", whole(3001)},
                          {"n_features", whole(4)},
                          {"centers", whole(3)},
                          {"cluster_std", real(0.5)},
                          {"center_box", ParamValue(std::vector<double>{-3, 3})}};
  const RawData data = make_data("blobs", shape);
  const Matrix<double> x = as_double(data.train);
  CHECK(label_counts(data) == std::map<std::int32_t, int>{{0, 1001}, {1, 1000}, {2, 1000}});
  Matrix<double> center = Matrix<double>::Zero(4, 3);
  for (Index sample = 0; sample < x.cols(); ++sample) center.col(label(data, sample)) += x.col(sample) / 1000.0;
  CHECK(center.cwiseAbs().maxCoeff() < 3.1);
  double squares = 0;
  for (Index sample = 0; sample < x.cols(); ++sample)
    squares += (x.col(sample) - center.col(label(data, sample))).squaredNorm();
  CHECK(std::sqrt(squares / static_cast<double>(x.size())) == doctest::Approx(0.5).epsilon(0.03));
}

TEST_CASE("classification spreads the samples over the classes and flips the share asked for") {
  const Settings shape = {{"n_samples", whole(1000)}, {"n_classes", whole(4)}, {"n_informative", whole(5)}};
  Settings clean = shape;
  clean.emplace_back("flip_y", real(0.0));
  Settings flipped = shape;
  flipped.emplace_back("flip_y", real(0.4));
  const RawData first = make_data("classification", clean);
  const RawData second = make_data("classification", flipped);
  CHECK(label_counts(first) == std::map<std::int32_t, int>{{0, 250}, {1, 250}, {2, 250}, {3, 250}});
  CHECK(as_double(first.train) == as_double(second.train));
  int changed = 0;
  for (std::size_t sample = 0; sample < 1000; ++sample)
    changed += first.train.labels[sample] != second.train.labels[sample] ? 1 : 0;
  CHECK(std::abs(changed - 300) < 60);  // 0.4 · 3/4 of them get another label
}

TEST_CASE("classification has the rank of its informative and noise features: the others depend on them") {
  const RawData data = make_data("classification", {{"n_samples", whole(400)},
                                                    {"n_features", whole(12)},
                                                    {"n_informative", whole(3)},
                                                    {"n_redundant", whole(4)},
                                                    {"n_repeated", whole(2)}});
  const Matrix<double> x = as_double(data.train);
  CHECK(x.fullPivLu().rank() == 3 + 3);
  int twins = 0;
  for (Index left = 0; left < 12; ++left)
    for (Index right = left + 1; right < 12; ++right) twins += x.row(left) == x.row(right) ? 1 : 0;
  CHECK(twins >= 2);
}

TEST_CASE("classification centroids are corners of a hypercube of side 2 class_sep") {
  // With a single informative feature the two clusters sit at −class_sep and +class_sep.
  const RawData data = make_data("classification", {{"n_samples", whole(4000)},
                                                    {"n_features", whole(1)},
                                                    {"n_informative", whole(1)},
                                                    {"n_redundant", whole(0)},
                                                    {"n_clusters_per_class", whole(1)},
                                                    {"flip_y", real(0.0)},
                                                    {"class_sep", real(10.0)}});
  const Matrix<double> x = as_double(data.train);
  double sums[2] = {0, 0};
  for (Index sample = 0; sample < 4000; ++sample) sums[label(data, sample)] += x(0, sample) / 2000.0;
  CHECK(sums[0] == doctest::Approx(-sums[1]).epsilon(0.02));
  CHECK(std::abs(sums[0]) == doctest::Approx(10.0).epsilon(0.02));
}

TEST_CASE("classification shifts and scales all features, or each by its own random numbers") {
  const RawData plain = make_data("classification");
  const RawData moved = make_data("classification", {{"shift", real(2.0)}, {"scale", real(3.0)}});
  CHECK(as_double(moved.train).isApprox((as_double(plain.train).array() + 2.0).matrix() * 3.0, 1e-12));
  const RawData random = make_data("classification", {{"scale", ParamValue()}});
  const Matrix<double> ratio = as_double(random.train).cwiseQuotient(as_double(plain.train));
  for (Index feature = 0; feature < ratio.rows(); ++feature) {
    CHECK(ratio(feature, 0) > 1.0);
    CHECK(ratio(feature, 0) < 101.0);
    CHECK(ratio(feature, 50) == doctest::Approx(ratio(feature, 0)));
  }
  CHECK(ratio(0, 0) != doctest::Approx(ratio(1, 0)));
}

TEST_CASE("regression targets are linear in exactly the informative features") {
  const RawData data = make_data("regression", {{"n_samples", whole(60)},
                                                {"n_features", whole(8)},
                                                {"n_informative", whole(3)},
                                                {"n_targets", whole(2)},
                                                {"bias", real(7)}});
  const Matrix<double> x = as_double(data.train);
  Matrix<double> design(60, 9);
  design << x.transpose(), Eigen::VectorXd::Ones(60);
  const Matrix<double> solution = design.colPivHouseholderQr().solve(Matrix<double>(data.train.targets.transpose()));
  CHECK((design * solution).isApprox(data.train.targets.transpose(), 1e-10));
  for (Index target = 0; target < 2; ++target) {
    CHECK(solution(8, target) == doctest::Approx(7.0));
    CHECK((solution.col(target).head(8).array().abs() > 1e-8).count() == 3);
    CHECK(solution.col(target).head(8).minCoeff() > -1e-8);
    CHECK(solution.col(target).head(8).maxCoeff() < 100.0);
  }
}

TEST_CASE("friedman1, abs and sin follow their formulas") {
  const RawData friedman = make_data("friedman1", {{"n_samples", whole(200)}});
  const Matrix<double> x = as_double(friedman.train);
  CHECK(x.rows() == 10);
  for (Index sample = 0; sample < 200; ++sample)
    CHECK(friedman.train.targets(0, sample) ==
          doctest::Approx(10 * std::sin(3.14159265358979 * x(0, sample) * x(1, sample)) +
                          20 * std::pow(x(2, sample) - 0.5, 2) + 10 * x(3, sample) + 5 * x(4, sample)));
  CHECK(x.minCoeff() >= 0);
  CHECK(x.maxCoeff() < 1);

  const RawData absolute = make_data("abs");
  CHECK(absolute.train.features_count() == 1);
  CHECK(absolute.train.targets == as_double(absolute.train).cwiseAbs());
  CHECK(as_double(absolute.train).maxCoeff() == doctest::Approx(std::sqrt(3.0)).epsilon(0.01));
  CHECK(as_double(absolute.train).minCoeff() == doctest::Approx(-std::sqrt(3.0)).epsilon(0.01));
  const RawData norm = make_data("abs", {{"n_features", whole(3)}});
  CHECK(norm.train.targets.isApprox(as_double(norm.train).cwiseAbs().colwise().sum()));

  const RawData sine = make_data("sin", {{"frequency", real(5)}, {"low", real(0)}, {"high", real(2)}});
  CHECK(sine.train.targets.isApprox((as_double(sine.train) * 5).array().sin().matrix()));
  CHECK(as_double(sine.train).minCoeff() >= 0);
}

TEST_CASE("teacher targets are of order 1 at any size and not linear in the features") {
  for (const std::int64_t size : {4, 100}) {
    const RawData data = make_data(
        "teacher_student",
        {{"n_samples", whole(4000)}, {"n_features", whole(size)}, {"hidden", whole(size)}, {"n_targets", whole(3)}});
    CHECK(data.train.targets.rows() == 3);
    const double power = data.train.targets.array().square().mean();
    CHECK(power > 0.1);
    CHECK(power < 10.0);
    const Matrix<double> design = as_double(data.train).transpose();
    const Matrix<double> fitted =
        design * design.colPivHouseholderQr().solve(Matrix<double>(data.train.targets.transpose()));
    CHECK_FALSE(fitted.isApprox(data.train.targets.transpose(), 1e-3));
  }
}

TEST_CASE("parity labels count the minus ones among the first bits") {
  const RawData data = make_data("parity", {{"n_features", whole(7)}, {"n_bits", whole(4)}});
  const Matrix<double> x = as_double(data.train);
  CHECK((x.cwiseAbs().array() == 1.0).all());
  for (Index sample = 0; sample < x.cols(); ++sample)
    CHECK(label(data, sample) == (x.col(sample).head(4).prod() < 0 ? 1 : 0));
  CHECK(std::abs(label_counts(data)[1] - 500) < 100);
  CHECK(std::abs(x.row(6).mean()) < 0.2);
}

TEST_CASE("sparse features have the density asked for and classes that depend on them") {
  const RawData data = make_data(
      "sparse",
      {{"n_samples", whole(2000)}, {"n_features", whole(50)}, {"density", real(0.2)}, {"n_classes", whole(3)}});
  const Matrix<double> x = as_double(data.train);
  CHECK(static_cast<double>((x.array() != 0).count()) / 100'000.0 == doctest::Approx(0.2).epsilon(0.03));
  CHECK(x.minCoeff() == 0);
  CHECK(x.maxCoeff() <= 1);
  CHECK(label_counts(data).size() == 3);
  CHECK(as_double(make_data("sparse", {{"density", real(0)}}).train).isZero(0));
}

TEST_CASE("parameters that contradict each other are refused by name") {
  const auto refused = [](const std::string& kind, const Settings& settings) {
    return data_error([&] { make_data(kind, settings); });
  };
  check_message(refused("classification", {{"n_features", whole(3)}}),
                {"classification", "n_informative + n_redundant + n_repeated is 4", "n_features = 3"});
  check_message(refused("classification", {{"n_classes", whole(3)}}),
                {"n_classes * n_clusters_per_class is 6", "2^n_informative = 4"});
  check_message(refused("regression", {{"n_features", whole(9)}}), {"n_informative = 10", "n_features = 9"});
  check_message(refused("parity", {{"n_features", whole(2)}}), {"n_bits = 3", "n_features = 2"});
  check_message(refused("blobs", {{"center_box", ParamValue(std::vector<double>{1, -1})}}), {"blobs", "center_box"});
  check_message(refused("abs", {{"low", real(2)}, {"high", real(1)}}), {"low (2)", "high (1)"});
}

TEST_CASE("the numbers of a generator never change for a seed") {
  const Matrix<double> points = as_double(make_data("xor", {{"n_samples", whole(3)}}, 7).train);
  CHECK(points(0, 0) == 0.96835319447841317);
  CHECK(points(1, 0) == 0.6508998700260189);
  CHECK(points(0, 1) == -0.33040831001492377);
  CHECK(points(1, 1) == 0.56121021387226477);
  // Normal numbers go through log and sqrt, whose last digit is the C library's.
  const Matrix<double> blobs = as_double(make_data("blobs", {{"n_samples", whole(3)}}, 7).train);
  CHECK(blobs(0, 0) == doctest::Approx(1.1021574310142426).epsilon(1e-13));
  CHECK(blobs(1, 0) == doctest::Approx(5.2741490324609863).epsilon(1e-13));
  CHECK(blobs(0, 1) == doctest::Approx(0.68053527105594447).epsilon(1e-13));
  CHECK(blobs(1, 1) == doctest::Approx(-8.0045906604796997).epsilon(1e-13));
}

TEST_CASE("the memory of generated data is estimated without overflow") {
  CHECK(estimated_bytes("sparse", {{"n_samples", whole(1'000'000'000)}, {"n_features", whole(10'000'000)}}) >=
        80'000'000'000'000'000ULL);
  CHECK(estimated_bytes("teacher_student",
                        {{"hidden", whole(1000)}, {"n_samples", whole(10)}, {"n_features", whole(50)}}) >=
        1000 * 50 * 8);
}
