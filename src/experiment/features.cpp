#include "experiment/features.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace reluscope {

namespace {

/// Samples gathered at once.
constexpr Index kSamplesAtOnce = 256;

/// What is known of the features after some samples.
struct Features {
  Eigen::ArrayXd mean, squares, low, high, last;
  std::vector<std::vector<double>> values;  ///< of each feature, sorted, until there are too many
  std::vector<bool> rising;
  double count = 0.0;

  explicit Features(Index features)
      : mean(Eigen::ArrayXd::Zero(features)),
        squares(mean),
        low(Eigen::ArrayXd::Constant(features, std::numeric_limits<double>::infinity())),
        high(-low),
        last(-low),
        values(static_cast<std::size_t>(features)),
        rising(static_cast<std::size_t>(features), true) {}

  /// Welford 1962, all features side by side.
  void add(const Eigen::Ref<const Eigen::ArrayXd>& sample) {
    count += 1.0;
    const Eigen::ArrayXd before = sample - mean;
    mean += before / count;
    squares += before * (sample - mean);
    low = low.min(sample);
    high = high.max(sample);
    for (std::size_t feature = 0; feature < values.size(); ++feature) {
      const double value = sample[static_cast<Index>(feature)];
      if (rising[feature] && !(value > last[static_cast<Index>(feature)])) rising[feature] = false;
      if (values[feature].size() < static_cast<std::size_t>(FeatureRecord::kMostDistinct)) note(values[feature], value);
    }
    last = sample;
  }

 private:
  static void note(std::vector<double>& known, double value) {
    const auto place = std::lower_bound(known.begin(), known.end(), value);
    if (place == known.end() || *place != value) known.insert(place, value);
  }
};

}  // namespace

std::vector<FeatureRecord> describe_features(const Dataset& dataset) {
  Features seen(dataset.features());
  Matrix<double> columns(dataset.features(), kSamplesAtOnce);
  std::vector<Index> samples;
  for (Index first = 0; first < dataset.train.count(); first += kSamplesAtOnce) {
    samples.resize(static_cast<std::size_t>(std::min(kSamplesAtOnce, dataset.train.count() - first)));
    std::iota(samples.begin(), samples.end(), first);
    const auto count = static_cast<Index>(samples.size());
    gather<double>(dataset, dataset.train, samples, columns.leftCols(count));
    for (Index column = 0; column < count; ++column) seen.add(columns.col(column).array());
  }
  std::vector<FeatureRecord> rows;
  for (Index feature = 0; feature < dataset.features(); ++feature) {
    const auto at = static_cast<std::size_t>(feature);
    FeatureRecord& row = rows.emplace_back();
    row.feature = feature;
    if (at < dataset.feature_names.size()) row.source = dataset.feature_names[at];
    row.mean = seen.mean[feature];
    row.std = std::sqrt(std::max(0.0, seen.squares[feature] / seen.count));
    row.min = seen.low[feature];
    row.max = seen.high[feature];
    row.distinct = static_cast<std::int64_t>(seen.values[at].size());
    row.rising = seen.rising[at] && seen.count > 1.0;
    row.missing = at < dataset.missing.size() ? static_cast<std::int64_t>(dataset.missing[at]) : 0;
  }
  return rows;
}

ActivationShape output_shape(const ExperimentSpec& spec) {
  const Choice& activation = *spec.network.layers.back().activation;
  return find_entry(activation_table(), activation.name)->shape(activation.params);
}

std::optional<TargetFacts> describe_targets(const Dataset& dataset, const ActivationShape& output) {
  if (dataset.task != Task::regression) return std::nullopt;
  Eigen::ArrayXXd values = dataset.train.targets.array();
  if (dataset.target_scale.size() > 0)
    values = (values.colwise() - dataset.target_shift.array()).colwise() * dataset.target_scale.array();
  const double mean = values.mean();
  const auto outside = (values < output.lowest || values > output.highest).count();
  return TargetFacts{mean,
                     std::sqrt((values - mean).square().mean()),
                     values.minCoeff(),
                     values.maxCoeff(),
                     static_cast<double>(outside) / static_cast<double>(values.size()),
                     output.lowest,
                     output.highest};
}

std::vector<std::int64_t> class_counts(const Dataset& dataset, const Samples& part) {
  std::vector<std::int64_t> counts(dataset.class_names.size());
  for (const std::int32_t label : part.labels) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

std::optional<ClassShares> describe_classes(const Dataset& dataset, const Samples& part) {
  if (dataset.task != Task::classification || dataset.class_names.empty() || part.count() == 0) return std::nullopt;
  const std::vector<std::int64_t> counts = class_counts(dataset, part);
  const auto [fewest, most] = std::minmax_element(counts.begin(), counts.end());
  const auto share = [&](std::int64_t count) { return static_cast<double>(count) / static_cast<double>(part.count()); };
  const auto name = [&](auto place) { return dataset.class_names[static_cast<std::size_t>(place - counts.begin())]; };
  return ClassShares{static_cast<std::int64_t>(counts.size()), share(*most), name(most), share(*fewest), name(fewest)};
}

}  // namespace reluscope
