#include "experiment/linear_fit.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

namespace reluscope {

namespace {

constexpr Index kFewestSamples = 20;
constexpr Index kMostSamples = 2048;
constexpr Index kMostFeatures = 1024;
constexpr Index kMostOutputs = 64;

struct Sampled {
  Eigen::MatrixXd features;  ///< features × samples, as the network gets them
  Eigen::MatrixXd targets;   ///< outputs × samples, in the data's units
};

Sampled sample(const Criterion& criterion, const Dataset& dataset) {
  const Samples& part = dataset.train;
  const Index every = (part.count() + kMostSamples - 1) / kMostSamples;
  std::vector<Index> chosen;
  for (Index at = 0; at < part.count(); at += every) chosen.push_back(at);
  const auto count = static_cast<Index>(chosen.size());
  TargetPlan plan = in_units_of_data(criterion.targets);
  if (plan.coding == TargetCoding::classes) plan.coding = TargetCoding::one_hot;
  Matrix<double> inputs(dataset.features(), count);
  gather<double>(dataset, part, chosen, inputs);
  TargetBatch<double> batch(plan, outputs_of(plan, dataset), count);
  batch.gather(part, chosen, 0, inputs);
  return {inputs, batch.columns(0, count).values};
}

/// The columns at even places, or at odd ones.
Eigen::MatrixXd half_of(const Eigen::MatrixXd& columns, Index which) {
  return columns(Eigen::all, Eigen::seq(which, Eigen::last, 2));
}

/// A linear fit of one half of the samples.
class Fit {
 public:
  Fit(const Eigen::MatrixXd& features, const Eigen::MatrixXd& targets)
      : mean_(features.rowwise().mean()), target_mean_(targets.rowwise().mean()) {
    const Eigen::MatrixXd centred = features.colwise() - mean_;
    const Eigen::VectorXd spread = (centred.rowwise().squaredNorm() / static_cast<double>(features.cols())).cwiseSqrt();
    scale_ = spread.unaryExpr([](double one) { return one > 0.0 ? 1.0 / one : 0.0; });
    const Eigen::MatrixXd x = scale_.asDiagonal() * centred;
    Eigen::MatrixXd normal = x * x.transpose();
    normal.diagonal().array() += static_cast<double>(features.rows());
    weights_ = normal.llt().solve(x * (targets.colwise() - target_mean_).transpose());
  }

  /// For each sample: the squared error of the mean minus that of the fit.
  [[nodiscard]] Eigen::VectorXd gains(const Eigen::MatrixXd& features, const Eigen::MatrixXd& targets) const {
    const Eigen::MatrixXd x = scale_.asDiagonal() * (features.colwise() - mean_);
    const Eigen::MatrixXd of_mean = targets.colwise() - target_mean_;
    const Eigen::MatrixXd of_fit = of_mean - weights_.transpose() * x;
    return (of_mean.colwise().squaredNorm() - of_fit.colwise().squaredNorm()).transpose();
  }

 private:
  Eigen::VectorXd mean_, scale_, target_mean_;
  Eigen::MatrixXd weights_;  ///< features × outputs
};

}  // namespace

std::optional<LinearGain> gain_of_linear_fit(const Criterion& criterion, const Dataset& dataset) {
  if (dataset.train.count() < kFewestSamples || dataset.features() > kMostFeatures || dataset.outputs() > kMostOutputs)
    return std::nullopt;
  const Sampled all = sample(criterion, dataset);
  Eigen::VectorXd gains(all.features.cols());
  for (const Index half : {0, 1}) {
    const Fit fit(half_of(all.features, 1 - half), half_of(all.targets, 1 - half));
    gains(Eigen::seq(half, Eigen::last, 2)) = fit.gains(half_of(all.features, half), half_of(all.targets, half));
  }
  const auto count = static_cast<double>(gains.size());
  const double mean = gains.mean();
  const double error = std::sqrt((gains.array() - mean).square().sum() / (count - 1.0) / count);
  if (!std::isfinite(mean) || !std::isfinite(error)) return std::nullopt;
  return LinearGain{mean, error};
}

}  // namespace reluscope
