#include "data/normalization.hpp"

#include <cmath>
#include <string>
#include <type_traits>

#include "util/error.hpp"

namespace reluscope {
namespace {

using Eigen::ArrayXd;

struct FeatureMoments {
  ArrayXd mean;      ///< of each feature
  ArrayXd variance;  ///< population variance of each feature
};

/// Two passes, each along the features of one sample after the other. The first sums differences from the first
/// sample, so that a constant feature comes out with exactly its value as the mean and exactly 0 as the variance.
template <class Kept>
FeatureMoments moments(const Matrix<Kept>& features) {
  const auto samples = static_cast<double>(features.cols());
  const ArrayXd origin = features.col(0).template cast<double>();
  ArrayXd sum = ArrayXd::Zero(features.rows());
  for (Index sample = 0; sample < features.cols(); ++sample)
    sum += features.col(sample).template cast<double>().array() - origin;
  FeatureMoments result{origin + sum / samples, ArrayXd::Zero(features.rows())};

  // Chan, Golub, LeVeque 1983: the sum of deviations would be 0 in exact arithmetic and corrects the rounded mean.
  ArrayXd deviation(features.rows());
  ArrayXd deviations = ArrayXd::Zero(features.rows());
  for (Index sample = 0; sample < features.cols(); ++sample) {
    deviation = features.col(sample).template cast<double>().array() - result.mean;
    deviations += deviation;
    result.variance += deviation.square();
  }
  result.variance = ((result.variance - deviations.square() / samples) / samples).max(0.0);
  return result;
}

/// 1/spread, or 1 where there is no spread to speak of.
double scale_of(double spread) {
  const double scale = 1.0 / spread;
  return spread > 0 && std::isfinite(scale) ? scale : 1.0;
}

void require_finite_statistics(double value, const char* what = "features") {
  if (!std::isfinite(value))
    throw DataError(std::string("the ") + what +
                    " are too large to normalise: their spread exceeds the largest number; rescale them");
}

void set_all(Dataset& dataset, double shift, double scale) {
  dataset.shift.setConstant(dataset.features(), shift);
  dataset.scale.setConstant(dataset.features(), scale);
}

template <class Kept>
void set_unit(Dataset& dataset, const Matrix<Kept>& features) {
  if constexpr (std::is_same_v<Kept, std::uint8_t>) {
    set_all(dataset, 0.0, 1.0 / 255.0);
  } else {
    const auto low = static_cast<double>(features.minCoeff());
    const double range = static_cast<double>(features.maxCoeff()) - low;
    require_finite_statistics(range);
    set_all(dataset, low, scale_of(range));
  }
}

/// One mean and standard deviation for every `together` features that follow each other.
void set_grouped(Dataset& dataset, const FeatureMoments& features, Index together) {
  for (Index first = 0; first < dataset.features(); first += together) {
    // Every feature has the same number of values: variance = mean of the variances + variance of the means.
    const auto means = features.mean.segment(first, together);
    const double origin = means[0];
    const double mean = origin + (means - origin).mean();
    const double variance = features.variance.segment(first, together).mean() + (means - mean).square().mean();
    require_finite_statistics(variance);
    dataset.shift.segment(first, together).setConstant(mean);
    dataset.scale.segment(first, together).setConstant(scale_of(std::sqrt(variance)));
  }
}

void set_per_feature(Dataset& dataset, const FeatureMoments& features) {
  require_finite_statistics(features.variance.sum());
  dataset.shift = features.mean.matrix();
  dataset.scale = features.variance.sqrt().unaryExpr(&scale_of).matrix();
}

}  // namespace

void set_normalization(Dataset& dataset, Normalization kind) {
  set_all(dataset, 0.0, 1.0);
  if (kind == Normalization::none || dataset.train.count() == 0 || dataset.features() == 0) return;
  std::visit(
      [&](const auto& features) {
        if (kind == Normalization::unit) {
          set_unit(dataset, features);
        } else if (kind == Normalization::standard) {
          set_grouped(dataset, moments(features), dataset.features());
        } else if (kind == Normalization::per_channel && dataset.shape().positions() > 1) {
          set_grouped(dataset, moments(features), dataset.shape().positions());
        } else {
          set_per_feature(dataset, moments(features));
        }
      },
      dataset.train.features);
}

void set_target_normalization(Dataset& dataset) {
  if (dataset.train.count() == 0 || dataset.train.targets.size() == 0) return;
  const FeatureMoments targets = moments(dataset.train.targets);
  require_finite_statistics(targets.variance.sum(), "targets");
  dataset.target_shift = targets.mean.matrix();
  dataset.target_scale = targets.variance.sqrt().unaryExpr(&scale_of).matrix();
}

}  // namespace reluscope
