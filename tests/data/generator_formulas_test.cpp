// Every generator against its definition: what a sample's label or targets must be, worked out from its features and,
// where all samples share something random (centres, a teacher), from the numbers that the seed gives for it. The
// tables are walked: a generator without a definition here fails.
#include <doctest/doctest.h>

#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "data/data_files.hpp"
#include "data/generator_support.hpp"
#include "data/generators.hpp"
#include "support/specs.hpp"

using namespace reluscope;

namespace {

constexpr double kPi = std::numbers::pi;
const SourceContext kContext{{}, 11};

/// Data without noise, as its definition is asked about them.
struct Made {
  const ParamValues& params;
  const RawData& raw;
  Matrix<double> x;

  [[nodiscard]] Index count() const { return x.cols(); }
  [[nodiscard]] std::int32_t label(Index sample) const { return raw.train.labels[static_cast<std::size_t>(sample)]; }
  /// Equal shares of the classes, the first ones a sample more.
  void check_shares(std::int64_t classes) const {
    for (std::int64_t one = 0; one < classes; ++one) {
      const auto has = std::count(raw.train.labels.begin(), raw.train.labels.end(), static_cast<std::int32_t>(one));
      CHECK(std::abs(static_cast<double>(has) - static_cast<double>(count()) / static_cast<double>(classes)) < 1.0);
    }
  }
  [[nodiscard]] double radius(Index sample, double x0, double y0) const {
    return std::hypot(x(0, sample) - x0, x(1, sample) - y0);
  }
  /// Every target of every sample.
  void check_targets(const std::function<double(const Eigen::VectorXd&)>& formula) const {
    for (Index sample = 0; sample < count(); ++sample)
      CHECK(raw.train.targets(0, sample) == doctest::Approx(formula(x.col(sample))).epsilon(1e-12));
  }
  void check_range(double low, double high) const {
    CHECK(x.minCoeff() >= low);
    CHECK(x.maxCoeff() <= high);
    CHECK(x.minCoeff() < low + 0.05 * (high - low));
    CHECK(x.maxCoeff() > high - 0.05 * (high - low));
  }
};

void check_moons(const Made& made) {
  made.check_shares(2);
  for (Index sample = 0; sample < made.count(); ++sample) {
    const bool inner = made.label(sample) == 1;
    CHECK(made.radius(sample, inner ? 1.0 : 0.0, inner ? 0.5 : 0.0) == doctest::Approx(1.0));
    CHECK((inner ? 0.5 - made.x(1, sample) : made.x(1, sample)) >= -1e-12);
  }
}

void check_circles(const Made& made) {
  made.check_shares(2);
  for (Index sample = 0; sample < made.count(); ++sample)
    CHECK(made.radius(sample, 0.0, 0.0) ==
          doctest::Approx(made.label(sample) == 1 ? made.params.number("factor") : 1.0));
}

void check_spirals(const Made& made) {
  const std::int64_t arms = made.params.integer("n_classes");
  made.check_shares(arms);
  for (Index sample = 0; sample < made.count(); ++sample) {
    const double r = made.radius(sample, 0.0, 0.0);
    const double turn = made.params.number("turns") * r + made.label(sample) / static_cast<double>(arms);
    CHECK(r <= 1.0 + 1e-12);
    CHECK(std::abs(made.x(0, sample) - r * std::cos(2.0 * kPi * turn)) < 1e-12);
    CHECK(std::abs(made.x(1, sample) - r * std::sin(2.0 * kPi * turn)) < 1e-12);
  }
}

void check_xor(const Made& made) {
  made.check_range(-1.0, 1.0);
  for (Index sample = 0; sample < made.count(); ++sample)
    CHECK(made.label(sample) == (made.x(0, sample) * made.x(1, sample) < 0.0 ? 1 : 0));
}

void check_blobs(const Made& made) {
  const std::vector<double>& box = made.params.numbers("center_box");
  made.check_shares(made.params.integer("centers"));
  Matrix<double> center(made.params.integer("n_features"), made.params.integer("centers"));
  Rng structure = stream(kContext, Stream::structure);
  for (double& value : center.reshaped()) value = structure.uniform(box[0], box[1]);
  Matrix<double> away = made.x;
  for (Index sample = 0; sample < made.count(); ++sample) away.col(sample) -= center.col(made.label(sample));
  const double deviation = made.params.number("cluster_std");
  CHECK(std::sqrt(away.array().square().mean()) == doctest::Approx(deviation).epsilon(0.1).scale(0.0));
  CHECK(std::abs(away.mean()) < 0.15 * deviation);
}

void check_classification(const Made& made) {
  const auto number = [&](const char* name) { return made.params.integer(name); };
  CHECK(made.x.rows() == number("n_features"));
  // Each cluster has its share of the samples, give or take one; and of those that are flipped some leave their class.
  const auto classes = static_cast<double>(number("n_classes"));
  for (std::int64_t one = 0; one < number("n_classes"); ++one) {
    const auto has =
        std::count(made.raw.train.labels.begin(), made.raw.train.labels.end(), static_cast<std::int32_t>(one));
    const double even = static_cast<double>(made.count()) / classes;
    CHECK(std::abs(static_cast<double>(has) - even) <=
          static_cast<double>(number("n_clusters_per_class")) + 2.0 + 2.0 * made.params.number("flip_y") * even);
  }
  // Redundant and repeated features depend on the informative ones; a shift makes that affine.
  const Matrix<double> centered = made.x.colwise() - made.x.rowwise().mean();
  Eigen::FullPivLU<Matrix<double>> lu(centered);
  lu.setThreshold(1e-9);
  CHECK(lu.rank() == number("n_features") - number("n_redundant") - number("n_repeated"));
}

void check_regression(const Made& made) {
  const Index features = made.x.rows();
  Matrix<double> design(made.count(), features + 1);
  design << made.x.transpose(), Eigen::VectorXd::Ones(made.count());
  const Matrix<double> solution =
      design.colPivHouseholderQr().solve(Matrix<double>(made.raw.train.targets.transpose()));
  CHECK((design * solution).isApprox(made.raw.train.targets.transpose(), 1e-9));
  CHECK(solution.cols() == made.params.integer("n_targets"));
  for (Index target = 0; target < solution.cols(); ++target) {
    const auto weights = solution.col(target).head(features).array();
    CHECK(std::abs(solution(features, target) - made.params.number("bias")) < 1e-8);
    CHECK((weights.abs() > 1e-8).count() == made.params.integer("n_informative"));
    CHECK(weights.minCoeff() > -1e-8);
    CHECK(weights.maxCoeff() < 100.0);
    CHECK(weights.maxCoeff() > 50.0);
  }
}

void check_friedman1(const Made& made) {
  made.check_range(0.0, 1.0);
  made.check_targets([](const Eigen::VectorXd& x) {
    return 10.0 * std::sin(kPi * x[0] * x[1]) + 20.0 * (x[2] - 0.5) * (x[2] - 0.5) + 10.0 * x[3] + 5.0 * x[4];
  });
}

void check_abs(const Made& made) {
  made.check_range(made.params.number("low"), made.params.number("high"));
  made.check_targets([](const Eigen::VectorXd& x) { return x.cwiseAbs().sum(); });
}

void check_sin(const Made& made) {
  made.check_range(made.params.number("low"), made.params.number("high"));
  made.check_targets([&](const Eigen::VectorXd& x) { return std::sin(made.params.number("frequency") * x[0]); });
}

void check_teacher_student(const Made& made) {
  const Index hidden = made.params.integer("hidden");
  Matrix<double> first(hidden, made.x.rows());
  Matrix<double> second(made.params.integer("n_targets"), hidden);
  Rng structure = stream(kContext, Stream::structure);
  for (double& value : first.reshaped())
    value = std::sqrt(2.0 / static_cast<double>(first.cols())) * structure.normal();
  for (double& value : second.reshaped()) value = std::sqrt(1.0 / static_cast<double>(hidden)) * structure.normal();
  CHECK(made.raw.train.targets.isApprox(second * (first * made.x).cwiseMax(0.0), 1e-12));
  CHECK(made.x.array().square().mean() == doctest::Approx(1.0).epsilon(0.1).scale(0.0));
}

void check_parity(const Made& made) {
  CHECK((made.x.cwiseAbs().array() == 1.0).all());
  CHECK(std::abs(made.x.mean()) < 0.1);
  for (Index sample = 0; sample < made.count(); ++sample)
    CHECK(made.label(sample) == (made.x.col(sample).head(made.params.integer("n_bits")).prod() < 0.0 ? 1 : 0));
}

void check_sparse(const Made& made) {
  CHECK(static_cast<double>((made.x.array() != 0.0).count()) / static_cast<double>(made.x.size()) ==
        doctest::Approx(made.params.number("density")).epsilon(0.06).scale(0.0));
  CHECK(made.x.minCoeff() >= 0.0);
  CHECK(made.x.maxCoeff() > 0.99);
  CHECK(made.x.maxCoeff() <= 1.0);
  Matrix<double> scorers(made.params.integer("n_classes"), made.x.rows());
  Rng structure = stream(kContext, Stream::structure);
  for (double& value : scorers.reshaped()) value = structure.normal();
  const Matrix<double> scores = scorers * made.x;
  for (Index sample = 0; sample < made.count(); ++sample)
    CHECK(scores(made.label(sample), sample) >= scores.col(sample).maxCoeff() - 1e-9);
}

/// Mean of a Poisson number that is drawn again outside [least, most].
double mean_of_poisson(double mean, std::int64_t least, std::int64_t most) {
  double weight = std::exp(-mean);
  double all = 0.0;
  double sum = 0.0;
  for (std::int64_t number = 0; number <= most; ++number) {
    if (number >= least) all += weight;
    if (number >= least) sum += weight * static_cast<double>(number);
    weight *= mean / static_cast<double>(number + 1);
  }
  return sum / all;
}

void check_multilabel(const Made& made) {
  const Eigen::MatrixXd& labels = made.raw.train.targets;
  const Index topics = made.params.integer("n_classes");
  const bool may_be_empty = made.params.flag("allow_unlabeled");
  CHECK(labels.rows() == topics);
  CHECK(((labels.array() == 0.0) || (labels.array() == 1.0)).all());
  CHECK((made.x.array() == made.x.array().floor()).all());
  CHECK(made.x.colwise().sum().minCoeff() >= 1.0);
  CHECK(made.x.colwise().sum().mean() == doctest::Approx(made.params.number("length")).epsilon(0.05).scale(0.0));
  CHECK((labels.colwise().sum().minCoeff() == 0.0) == may_be_empty);
  CHECK(labels.colwise().sum().mean() ==
        doctest::Approx(mean_of_poisson(made.params.number("n_labels"), may_be_empty ? 0 : 1, topics))
            .epsilon(0.1)
            .scale(0.0));
  // What the topics are, and how much a word is used in each, comes from the seed.
  Rng structure = stream(kContext, Stream::structure);
  Eigen::VectorXd frequency(topics);
  for (double& one : frequency) one = structure.uniform();
  Matrix<double> use(made.x.rows(), topics);
  for (double& one : use.reshaped()) one = structure.uniform();
  for (Index topic = 0; topic < topics; ++topic) use.col(topic) /= use.col(topic).sum();
  Index often = 0;
  Index seldom = 0;
  CHECK(frequency.maxCoeff(&often) > 1.5 * frequency.minCoeff(&seldom));
  CHECK(labels.row(often).sum() > labels.row(seldom).sum());
  // Pearson's statistic of the counts, against their mean.
  double statistic = 0.0;
  for (Index sample = 0; sample < made.count(); ++sample) {
    Eigen::VectorXd share = use * labels.col(sample);
    if (share.sum() == 0.0) share.setOnes();
    const Eigen::VectorXd expected = share / share.sum() * made.x.col(sample).sum();
    statistic += ((made.x.col(sample) - expected).array().square() / expected.array()).sum();
  }
  CHECK(statistic / static_cast<double>(made.count() * (made.x.rows() - 1)) == doctest::Approx(1.0).epsilon(0.1));
}

const std::map<std::string, void (*)(const Made&)> kDefinitions = {{"moons", check_moons},
                                                                   {"circles", check_circles},
                                                                   {"blobs", check_blobs},
                                                                   {"spirals", check_spirals},
                                                                   {"xor", check_xor},
                                                                   {"classification", check_classification},
                                                                   {"parity", check_parity},
                                                                   {"sparse", check_sparse},
                                                                   {"multilabel", check_multilabel},
                                                                   {"regression", check_regression},
                                                                   {"friedman1", check_friedman1},
                                                                   {"abs", check_abs},
                                                                   {"sin", check_sin},
                                                                   {"teacher_student", check_teacher_student}};

/// The variants of an entry, large enough to measure, and so that each is allowed.
std::vector<Choice> variants_to_check(SourceEntry entry) {
  for (Param& param : entry.params) {
    if (param.name == "n_samples") param.fallback = std::int64_t{500};
    if (entry.name == "classification" && param.name == "n_informative") param.fallback = std::int64_t{4};
  }
  return test::variants_of(entry);
}

bool has_noise(const SourceEntry& entry) {
  return std::any_of(entry.params.begin(), entry.params.end(),
                     [](const Param& param) { return param.name == "noise"; });
}

}  // namespace

TEST_CASE("every generator makes what its definition says, for every one of its parameters") {
  for (const auto& generators : {plane_generators(), class_generators(), label_generators(), regression_generators()})
    for (const SourceEntry& entry : generators) {
      CAPTURE(entry.name);
      REQUIRE_MESSAGE(kDefinitions.count(entry.name) == 1, "no definition here for the data " << entry.name);
      for (const Choice& choice : variants_to_check(entry)) {
        ParamValues clean = choice.params;
        if (has_noise(entry)) clean.set("noise", 0.0);
        const RawData raw = entry.load(clean, kContext);
        const Made made{clean, raw, as_double(raw.train)};
        CHECK(made.count() == clean.integer("n_samples"));
        kDefinitions.at(entry.name)(made);
        if (!has_noise(entry)) continue;
        // Noise comes on top, on the features of classes and on the targets of a regression.
        const RawData noisy = entry.load(choice.params, kContext);
        const bool classes = raw.task == Task::classification;
        const Matrix<double> difference =
            classes ? as_double(noisy.train) - made.x : Matrix<double>(noisy.train.targets - raw.train.targets);
        CHECK(std::sqrt(difference.array().square().mean()) ==
              doctest::Approx(choice.params.number("noise")).epsilon(0.1).scale(0.01));
        CHECK((classes ? noisy.train.labels == raw.train.labels : as_double(noisy.train) == made.x));
      }
    }
}
