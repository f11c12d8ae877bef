#include "data/generator_support.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "data/input_file.hpp"
#include "data/targets.hpp"
#include "util/error.hpp"
#include "util/memory.hpp"

namespace reluscope {
namespace {

constexpr double kMostSamples = 1e9;
constexpr std::int64_t kPlane = 2;  ///< features of the generators that have no n_features

void add_noise(Matrix<double>& values, double deviation, const SourceContext& context) {
  if (deviation == 0) return;
  Rng rng = stream(context, Stream::noise);
  for (Index value = 0; value < values.size(); ++value) values.data()[value] += deviation * rng.normal();
}

}  // namespace

Param samples_param(std::int64_t fallback) {
  return integer("n_samples", fallback, "number of samples").at_least(1).at_most(kMostSamples);
}

Param features_param(std::int64_t fallback) {
  return integer("n_features", fallback, "number of features").at_least(1).at_most(kMostFeatures);
}

Param noise_param(const std::string& what) {
  return number("noise", 0.0, "standard deviation of the Gaussian noise added to " + what).at_least(0);
}

std::vector<Index> random_order(const SourceContext& context, Stream use, Index count) {
  std::vector<Index> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), Index{0});
  stream(context, use).shuffle(std::span<Index>(order));
  return order;
}

Index share_of(Index count, Index parts, Index part) { return count / parts + (part < count % parts ? 1 : 0); }

RawData empty_classification(Index features, Index samples, std::int64_t classes) {
  RawData data;
  data.task = Task::classification;
  data.train.features = Matrix<double>(Matrix<double>::Zero(features, samples));
  data.train.labels.assign(static_cast<std::size_t>(samples), 0);
  for (std::int64_t label = 0; label < classes; ++label) data.class_names.push_back(std::to_string(label));
  return data;
}

RawData empty_regression(Index features, Index samples, Index outputs) {
  RawData data;
  data.task = Task::regression;
  data.train.features = Matrix<double>(Matrix<double>::Zero(features, samples));
  data.train.targets.setZero(outputs, samples);
  return data;
}

Matrix<double>& features_of(RawData& data) { return std::get<Matrix<double>>(data.train.features); }

void add_feature_noise(RawData& data, const ParamValues& params, const SourceContext& context) {
  add_noise(features_of(data), params.number("noise"), context);
}

void add_target_noise(RawData& data, const ParamValues& params, const SourceContext& context) {
  add_noise(data.train.targets, params.number("noise"), context);
}

void fail_generator(const std::string& name, const std::string& message) {
  throw DataError("data of kind " + name + ": " + message);
}

void require_ordered(const ParamValues& params, const std::string& name, const char* low, const char* high) {
  if (params.number(low) > params.number(high))
    fail_generator(name, std::string(low) + " (" + number_text(params.number(low)) + ") is above " + high + " (" +
                             number_text(params.number(high)) + ")");
}

void add_product(const Matrix<double>& matrix, const Eigen::Ref<const Eigen::VectorXd>& vector,
                 Eigen::Ref<Eigen::VectorXd> out) {
  for (Index column = 0; column < matrix.cols(); ++column) out += matrix.col(column) * vector[column];
}

std::uint64_t estimate_generated(const ParamValues& params, const SourceContext&) {
  const auto value_of = [&](std::string_view name, std::int64_t otherwise) {
    for (const auto& [known, value] : params.all())
      if (known == name) return static_cast<std::uint64_t>(params.integer(name));
    return static_cast<std::uint64_t>(otherwise);
  };
  // One more: the order in which the test part is chosen.
  const std::uint64_t columns =
      saturating_sum(value_of("n_features", kPlane), saturating_sum(value_of("n_targets", 1), 1));
  std::uint64_t rows = 0;
  for (const char* name : {"n_samples", "hidden", "centers", "n_classes"})
    rows = saturating_sum(rows, value_of(name, 0));
  return saturating_product(saturating_product(rows, columns), sizeof(double));
}

SourceEntry generator(std::string name, std::vector<Param> params, std::string doc,
                      RawData (*load)(const ParamValues&, const SourceContext&),
                      std::uint64_t (*estimate)(const ParamValues&, const SourceContext&)) {
  SourceEntry entry;
  entry.name = std::move(name);
  entry.params = std::move(params);
  entry.doc = std::move(doc);
  entry.load = load;
  entry.estimate_bytes = estimate;
  return entry;
}

}  // namespace reluscope
