#include <algorithm>
#include <set>
#include <utility>

#include "data/generator_support.hpp"
#include "data/generators.hpp"
#include "data/input_file.hpp"
#include "util/memory.hpp"

namespace reluscope {
namespace {

constexpr std::int64_t kMostClasses = 65536;

/// The parameters of `classification`, and where each kind of feature starts: informative, redundant (mixtures of
/// those), repeated (copies of those two), and noise for the rest.
struct ClassificationShape {
  Index samples, features, informative, redundant, repeated, classes, clusters_per_class;

  explicit ClassificationShape(const ParamValues& params)
      : samples(params.integer("n_samples")),
        features(params.integer("n_features")),
        informative(params.integer("n_informative")),
        redundant(params.integer("n_redundant")),
        repeated(params.integer("n_repeated")),
        classes(params.integer("n_classes")),
        clusters_per_class(params.integer("n_clusters_per_class")) {
    if (informative + redundant + repeated > features)
      fail_generator("classification", "n_informative + n_redundant + n_repeated is " +
                                           std::to_string(informative + redundant + repeated) +
                                           ", more than n_features = " + std::to_string(features));
    if (informative < 62 && clusters() > Index{1} << informative)
      fail_generator("classification", "n_classes * n_clusters_per_class is " + std::to_string(clusters()) +
                                           ", more than the 2^n_informative = " +
                                           std::to_string(Index{1} << informative) + " corners of the hypercube");
  }
  [[nodiscard]] Index clusters() const { return classes * clusters_per_class; }
};

/// `count` different numbers below `bound`, each set equally likely (Floyd's algorithm, Bentley and Floyd 1987), in
/// random order.
std::vector<std::uint64_t> distinct_below(Rng& rng, std::uint64_t bound, std::uint64_t count) {
  std::set<std::uint64_t> taken;
  std::vector<std::uint64_t> result;
  for (std::uint64_t last = bound - count; last < bound; ++last) {
    const std::uint64_t candidate = rng.below(last + 1);
    result.push_back(taken.insert(candidate).second ? candidate : last);
    taken.insert(result.back());
  }
  rng.shuffle(std::span<std::uint64_t>(result));
  return result;
}

/// Corners of a hypercube with sides 2·class_sep around 0: n_informative × clusters.
Matrix<double> draw_centroids(Rng& rng, const ClassificationShape& shape, const ParamValues& params) {
  constexpr Index kMostBits = 62;  // corners differ within these dimensions; the others are drawn freely
  const double separation = params.number("class_sep");
  const Index bits = std::min(shape.informative, kMostBits);
  const auto corners = distinct_below(rng, std::uint64_t{1} << bits, static_cast<std::uint64_t>(shape.clusters()));
  Matrix<double> centroids(shape.informative, shape.clusters());
  for (Index cluster = 0; cluster < shape.clusters(); ++cluster) {
    for (Index dimension = 0; dimension < shape.informative; ++dimension) {
      const std::uint64_t bit =
          dimension < bits ? corners[static_cast<std::size_t>(cluster)] >> dimension & 1U : rng.below(2);
      centroids(dimension, cluster) = bit == 1 ? separation : -separation;
    }
  }
  if (!params.flag("hypercube")) {
    for (Index cluster = 0; cluster < shape.clusters(); ++cluster) centroids.col(cluster) *= rng.uniform();
    for (Index dimension = 0; dimension < shape.informative; ++dimension) centroids.row(dimension) *= rng.uniform();
  }
  return centroids;
}

Matrix<double> draw_mixture(Rng& rng, Index rows, Index columns) {
  Matrix<double> mixture(rows, columns);
  for (Index value = 0; value < mixture.size(); ++value) mixture.data()[value] = rng.uniform(-1.0, 1.0);
  return mixture;
}

/// Fills one sample: x, in the order informative, redundant, repeated, noise.
void fill_sample(Rng& rng, const ClassificationShape& shape, const Matrix<double>& covariance,
                 const Matrix<double>& mixture, const std::vector<Index>& copied, const Eigen::VectorXd& centroid,
                 Eigen::VectorXd& x) {
  Eigen::VectorXd normal(shape.informative);
  for (Index feature = 0; feature < shape.informative; ++feature) normal[feature] = rng.normal();
  x.head(shape.informative) = centroid;
  add_product(covariance, normal, x.head(shape.informative));
  const Eigen::VectorXd informative = x.head(shape.informative);
  x.segment(shape.informative, shape.redundant).setZero();
  add_product(mixture, informative, x.segment(shape.informative, shape.redundant));
  Index next = shape.informative + shape.redundant;
  for (const Index source : copied) x[next++] = x[source];
  for (; next < shape.features; ++next) x[next] = rng.normal();
}

/// Random labels for a share flip_y of the samples; the true one may come up again, as in scikit-learn.
void flip_labels(RawData& data, const ParamValues& params, const SourceContext& context) {
  Rng rng = stream(context, Stream::labels);
  const auto classes = static_cast<std::uint64_t>(params.integer("n_classes"));
  for (std::int32_t& label : data.train.labels) {
    if (rng.uniform() < params.number("flip_y")) label = static_cast<std::int32_t>(rng.below(classes));
  }
}

/// x' = (x + shift) · scale with one number each, or random ones per feature where the parameter is null.
void shift_and_scale(RawData& data, const ParamValues& params, Rng& rng) {
  Matrix<double>& features = features_of(data);
  for (Index feature = 0; feature < features.rows(); ++feature) {
    const double separation = params.number("class_sep");
    const auto shift = params.maybe_number("shift");
    const auto scale = params.maybe_number("scale");
    const double offset = shift ? *shift : rng.uniform(-separation, separation);
    const double factor = scale ? *scale : rng.uniform(1.0, 101.0);
    features.row(feature) = (features.row(feature).array() + offset) * factor;
  }
}

RawData load_classification(const ParamValues& params, const SourceContext& context) {
  const ClassificationShape shape(params);
  Rng structure = stream(context, Stream::structure);
  const Matrix<double> centroids = draw_centroids(structure, shape, params);
  const Matrix<double> mixture = draw_mixture(structure, shape.redundant, shape.informative);
  std::vector<Index> copied;
  for (Index copy = 0; copy < shape.repeated; ++copy)
    copied.push_back(
        static_cast<Index>(structure.below(static_cast<std::uint64_t>(shape.informative + shape.redundant))));

  RawData data = empty_classification(shape.features, shape.samples, shape.classes);
  const std::vector<Index> sample_order = random_order(context, Stream::sample_order, shape.samples);
  const std::vector<Index> feature_order = random_order(context, Stream::feature_order, shape.features);
  Rng points = stream(context, Stream::points);
  Eigen::VectorXd x(shape.features);
  std::size_t next = 0;
  for (Index cluster = 0; cluster < shape.clusters(); ++cluster) {
    const Matrix<double> covariance = draw_mixture(structure, shape.informative, shape.informative);
    for (Index point = share_of(shape.samples, shape.clusters(), cluster); point > 0; --point) {
      fill_sample(points, shape, covariance, mixture, copied, centroids.col(cluster), x);
      const Index column = sample_order[next++];
      for (Index feature = 0; feature < shape.features; ++feature)
        features_of(data)(feature_order[static_cast<std::size_t>(feature)], column) = x[feature];
      data.train.labels[static_cast<std::size_t>(column)] = static_cast<std::int32_t>(cluster % shape.classes);
    }
  }
  flip_labels(data, params, context);
  shift_and_scale(data, params, structure);
  return data;
}

RawData load_parity(const ParamValues& params, const SourceContext& context) {
  const Index features = params.integer("n_features");
  const Index bits = params.integer("n_bits");
  if (bits > features)
    fail_generator("parity",
                   "n_bits = " + std::to_string(bits) + " is more than n_features = " + std::to_string(features));
  RawData data = empty_classification(features, params.integer("n_samples"), 2);
  Rng rng = stream(context, Stream::points);
  Matrix<double>& x = features_of(data);
  for (Index sample = 0; sample < x.cols(); ++sample) {
    bool odd = false;
    for (Index feature = 0; feature < features; ++feature) {
      const bool negative = rng.below(2) == 1;
      x(feature, sample) = negative ? -1.0 : 1.0;
      if (feature < bits) odd = odd != negative;
    }
    data.train.labels[static_cast<std::size_t>(sample)] = odd ? 1 : 0;
  }
  return data;
}

RawData load_sparse(const ParamValues& params, const SourceContext& context) {
  const Index features = params.integer("n_features");
  const Index classes = params.integer("n_classes");
  Matrix<double> scorers(classes, features);
  Rng structure = stream(context, Stream::structure);
  for (Index value = 0; value < scorers.size(); ++value) scorers.data()[value] = structure.normal();

  RawData data = empty_classification(features, params.integer("n_samples"), classes);
  Rng rng = stream(context, Stream::points);
  Matrix<double>& x = features_of(data);
  Eigen::VectorXd scores(classes);
  for (Index sample = 0; sample < x.cols(); ++sample) {
    scores.setZero();
    for (Index feature = 0; feature < features; ++feature) {
      if (rng.uniform() >= params.number("density")) continue;
      x(feature, sample) = 1.0 - rng.uniform();  // in (0, 1]
      scores += scorers.col(feature) * x(feature, sample);
    }
    Index best = 0;
    scores.maxCoeff(&best);
    data.train.labels[static_cast<std::size_t>(sample)] = static_cast<std::int32_t>(best);
  }
  return data;
}

/// Beside the samples: the clusters' centroids and a square mixing matrix.
std::uint64_t estimate_classification(const ParamValues& params, const SourceContext& context) {
  const auto value = [&](const char* name) { return static_cast<std::uint64_t>(params.integer(name)); };
  const std::uint64_t columns =
      saturating_sum(value("n_informative"), saturating_product(value("n_classes"), value("n_clusters_per_class")));
  return saturating_sum(estimate_generated(params, context),
                        saturating_product(saturating_product(value("n_informative"), columns), sizeof(double)));
}

std::vector<Param> classification_params() {
  return {samples_param(100),
          features_param(20),
          integer("n_informative", 2, "features in which the clusters lie").at_least(1).at_most(kMostFeatures),
          integer("n_redundant", 2, "random mixtures of the informative ones").at_least(0).at_most(kMostFeatures),
          integer("n_repeated", 0, "copies of informative or redundant ones").at_least(0).at_most(kMostFeatures),
          integer("n_classes", 2, "number of classes").at_least(2).at_most(kMostClasses),
          integer("n_clusters_per_class", 2, "clusters a class has").at_least(1).at_most(kMostClasses),
          number("flip_y", 0.01, "share of the samples whose label is drawn at random").at_least(0).at_most(1),
          number("class_sep", 1.0, "half the side of the hypercube: larger is easier").at_least(0),
          boolean("hypercube", true, "clusters at corners of a hypercube; false: of a random box"),
          number("shift", 0.0, "added to the features; null: drawn for each").or_null(),
          number("scale", 1.0, "multiplies the shifted features; null: drawn from 1 to 101 for each").or_null()};
}

}  // namespace

std::vector<SourceEntry> class_generators() {
  return {generator("classification", classification_params(),
                    "Gaussian clusters at the corners of a hypercube, with redundant features and noise "
                    "(scikit-learn, make_classification; Guyon 2003)",
                    load_classification, estimate_classification),
          generator("parity",
                    {samples_param(1000), features_param(20),
                     integer("n_bits", 3, "the class is the parity of the -1s among the first n_bits features")
                         .at_least(1)
                         .at_most(kMostFeatures)},
                    "sparse parity of inputs -1 and 1 (Barak et al. 2022)", load_parity),
          generator("sparse",
                    {samples_param(1000), features_param(100),
                     number("density", 0.1, "probability that a feature is not 0").at_least(0).at_most(1),
                     integer("n_classes", 2, "number of classes").at_least(2).at_most(kMostClasses)},
                    "features mostly 0, else uniform in (0, 1]; the class is the best of random linear scores",
                    load_sparse)};
}

}  // namespace reluscope
