#include <cmath>
#include <numbers>

#include "data/generator_support.hpp"
#include "data/generators.hpp"
#include "data/input_file.hpp"
#include "util/memory.hpp"

namespace reluscope {
namespace {

constexpr std::int64_t kMostTargets = 1'000'000;

Param targets_param() { return integer("n_targets", 1, "target values a sample").at_least(1).at_most(kMostTargets); }

void fill_normal(Matrix<double>& values, Rng rng, double deviation) {
  for (Index value = 0; value < values.size(); ++value) values.data()[value] = deviation * rng.normal();
}

void fill_uniform(Matrix<double>& values, Rng rng, double low, double high) {
  for (Index value = 0; value < values.size(); ++value) values.data()[value] = rng.uniform(low, high);
}

/// Independent samples and features: shuffling them, as scikit-learn does, means choosing at random which features
/// are informative.
RawData load_regression(const ParamValues& params, const SourceContext& context) {
  const Index features = params.integer("n_features");
  const Index informative = params.integer("n_informative");
  if (informative > features)
    fail_generator("regression", "n_informative = " + std::to_string(informative) +
                                     " is more than n_features = " + std::to_string(features));
  const Index outputs = params.integer("n_targets");
  RawData data = empty_regression(features, params.integer("n_samples"), outputs);
  fill_normal(features_of(data), stream(context, Stream::points), 1.0);

  Matrix<double> coefficients(outputs, informative);
  fill_uniform(coefficients, stream(context, Stream::structure), 0.0, 100.0);
  const std::vector<Index> order = random_order(context, Stream::feature_order, features);
  Eigen::VectorXd chosen(informative);
  for (Index sample = 0; sample < data.train.count(); ++sample) {
    for (Index feature = 0; feature < informative; ++feature)
      chosen[feature] = features_of(data)(order[static_cast<std::size_t>(feature)], sample);
    data.train.targets.col(sample).setConstant(params.number("bias"));
    add_product(coefficients, chosen, data.train.targets.col(sample));
  }
  add_target_noise(data, params, context);
  return data;
}

std::uint64_t estimate_regression(const ParamValues& params, const SourceContext& context) {
  const std::uint64_t coefficients = saturating_product(static_cast<std::uint64_t>(params.integer("n_informative")),
                                                        static_cast<std::uint64_t>(params.integer("n_targets")));
  return saturating_sum(estimate_generated(params, context), saturating_product(coefficients, sizeof(double)));
}

RawData load_friedman1(const ParamValues& params, const SourceContext& context) {
  RawData data = empty_regression(params.integer("n_features"), params.integer("n_samples"), 1);
  Matrix<double>& features = features_of(data);
  fill_uniform(features, stream(context, Stream::points), 0.0, 1.0);
  for (Index sample = 0; sample < features.cols(); ++sample) {
    const auto x = features.col(sample);
    data.train.targets(0, sample) =
        10.0 * std::sin(std::numbers::pi * x[0] * x[1]) + 20.0 * (x[2] - 0.5) * (x[2] - 0.5) + 10.0 * x[3] + 5.0 * x[4];
  }
  add_target_noise(data, params, context);
  return data;
}

RawData load_abs(const ParamValues& params, const SourceContext& context) {
  require_ordered(params, "abs", "low", "high");
  RawData data = empty_regression(params.integer("n_features"), params.integer("n_samples"), 1);
  Matrix<double>& features = features_of(data);
  fill_uniform(features, stream(context, Stream::points), params.number("low"), params.number("high"));
  for (Index sample = 0; sample < features.cols(); ++sample)
    for (Index feature = 0; feature < features.rows(); ++feature)
      data.train.targets(0, sample) += std::abs(features(feature, sample));
  add_target_noise(data, params, context);
  return data;
}

RawData load_sin(const ParamValues& params, const SourceContext& context) {
  require_ordered(params, "sin", "low", "high");
  RawData data = empty_regression(1, params.integer("n_samples"), 1);
  Matrix<double>& features = features_of(data);
  fill_uniform(features, stream(context, Stream::points), params.number("low"), params.number("high"));
  for (Index sample = 0; sample < features.cols(); ++sample)
    data.train.targets(0, sample) = std::sin(params.number("frequency") * features(0, sample));
  add_target_noise(data, params, context);
  return data;
}

/// y = V relu(W x) with x ~ N(0, 1), W ~ N(0, 2 / n_features), V ~ N(0, 1 / hidden): targets of order 1 at any size.
RawData load_teacher_student(const ParamValues& params, const SourceContext& context) {
  const Index features = params.integer("n_features");
  const Index hidden = params.integer("hidden");
  const Index outputs = params.integer("n_targets");
  Rng structure = stream(context, Stream::structure);
  Matrix<double> first(hidden, features);
  for (Index value = 0; value < first.size(); ++value)
    first.data()[value] = std::sqrt(2.0 / static_cast<double>(features)) * structure.normal();
  Matrix<double> second(outputs, hidden);
  for (Index value = 0; value < second.size(); ++value)
    second.data()[value] = std::sqrt(1.0 / static_cast<double>(hidden)) * structure.normal();

  RawData data = empty_regression(features, params.integer("n_samples"), outputs);
  fill_normal(features_of(data), stream(context, Stream::points), 1.0);
  Eigen::VectorXd activation(hidden);
  for (Index sample = 0; sample < data.train.count(); ++sample) {
    activation.setZero();
    add_product(first, features_of(data).col(sample), activation);
    activation = activation.cwiseMax(0.0);
    add_product(second, activation, data.train.targets.col(sample));
  }
  add_target_noise(data, params, context);
  return data;
}

}  // namespace

std::vector<SourceEntry> regression_generators() {
  constexpr double kRootOfThree = std::numbers::sqrt3;
  return {
      generator("regression",
                {samples_param(100), features_param(100),
                 integer("n_informative", 10, "features that the targets depend on").at_least(1).at_most(kMostFeatures),
                 targets_param(), number("bias", 0.0, "added to every target"), noise_param("the targets")},
                "a random linear model (scikit-learn, make_regression)", load_regression, estimate_regression),
      generator("friedman1", {samples_param(100), features_param(10).at_least(5), noise_param("the targets")},
                "10 sin(pi x0 x1) + 20 (x2 - 0.5)^2 + 10 x3 + 5 x4, uniform inputs (Friedman 1991; scikit-learn, "
                "make_friedman1)",
                load_friedman1),
      generator("abs",
                {samples_param(3000), features_param(1), number("low", -kRootOfThree, "least input"),
                 number("high", kRootOfThree, "greatest input"), noise_param("the targets")},
                "y = sum of |x_j| of uniform inputs: the task on which narrow deep ReLU networks die (Lu et al. 2019)",
                load_abs),
      generator("sin",
                {samples_param(1000), number("frequency", 1.0, "y = sin(frequency x)"),
                 number("low", -std::numbers::pi, "least input"), number("high", std::numbers::pi, "greatest input"),
                 noise_param("the targets")},
                "y = sin(frequency x) of one uniform input", load_sin),
      generator("teacher_student",
                {samples_param(1000), features_param(10),
                 integer("hidden", 5, "hidden units of the teacher").at_least(1).at_most(kMostFeatures),
                 targets_param(), noise_param("the targets")},
                "targets from a random one-layer ReLU network, the teacher (Saad and Solla 1995)",
                load_teacher_student)};
}

}  // namespace reluscope
