#include <cmath>
#include <numbers>
#include <utility>

#include "data/generator_support.hpp"
#include "data/generators.hpp"

namespace reluscope {
namespace {

constexpr double kPi = std::numbers::pi;

/// Point `index` of `count` that divide [0, last] evenly, both ends included.
double evenly(Index index, Index count, double last) {
  return count > 1 ? last * static_cast<double>(index) / static_cast<double>(count - 1) : 0.0;
}

/// Puts points with their labels into the plane, one after the other, each at a place drawn beforehand.
class PlaneFiller {
 public:
  PlaneFiller(const ParamValues& params, const SourceContext& context, std::int64_t classes)
      : data_(empty_classification(2, params.integer("n_samples"), classes)),
        order_(random_order(context, Stream::sample_order, data_.train.count())) {}

  void add(double x, double y, Index label) {
    const Index column = order_[next_++];
    features_of(data_).col(column) << x, y;
    data_.train.labels[static_cast<std::size_t>(column)] = static_cast<std::int32_t>(label);
  }

  RawData finish(const ParamValues& params, const SourceContext& context) {
    add_feature_noise(data_, params, context);
    return std::move(data_);
  }

 private:
  RawData data_;
  std::vector<Index> order_;
  std::size_t next_ = 0;
};

RawData load_moons(const ParamValues& params, const SourceContext& context) {
  PlaneFiller plane(params, context, 2);
  const Index outer = params.integer("n_samples") / 2;
  const Index inner = params.integer("n_samples") - outer;
  for (Index point = 0; point < outer; ++point) {
    const double angle = evenly(point, outer, kPi);
    plane.add(std::cos(angle), std::sin(angle), 0);
  }
  for (Index point = 0; point < inner; ++point) {
    const double angle = evenly(point, inner, kPi);
    plane.add(1.0 - std::cos(angle), 0.5 - std::sin(angle), 1);
  }
  return plane.finish(params, context);
}

RawData load_circles(const ParamValues& params, const SourceContext& context) {
  PlaneFiller plane(params, context, 2);
  const Index samples = params.integer("n_samples");
  const Index counts[2] = {samples / 2, samples - samples / 2};
  const double radii[2] = {1.0, params.number("factor")};
  for (Index circle = 0; circle < 2; ++circle) {
    for (Index point = 0; point < counts[circle]; ++point) {
      const double angle = 2.0 * kPi * static_cast<double>(point) / static_cast<double>(counts[circle]);
      plane.add(radii[circle] * std::cos(angle), radii[circle] * std::sin(angle), circle);
    }
  }
  return plane.finish(params, context);
}

RawData load_spirals(const ParamValues& params, const SourceContext& context) {
  const Index classes = params.integer("n_classes");
  PlaneFiller plane(params, context, classes);
  for (Index arm = 0; arm < classes; ++arm) {
    const Index points = share_of(params.integer("n_samples"), classes, arm);
    for (Index point = 0; point < points; ++point) {
      // The radius starts above 0: at the origin all arms would meet.
      const double radius = static_cast<double>(point + 1) / static_cast<double>(points);
      const double turn = params.number("turns") * radius + static_cast<double>(arm) / static_cast<double>(classes);
      plane.add(radius * std::cos(2.0 * kPi * turn), radius * std::sin(2.0 * kPi * turn), arm);
    }
  }
  return plane.finish(params, context);
}

RawData load_xor(const ParamValues& params, const SourceContext& context) {
  PlaneFiller plane(params, context, 2);
  Rng rng = stream(context, Stream::points);
  for (std::int64_t sample = 0; sample < params.integer("n_samples"); ++sample) {
    const double x = rng.uniform(-1.0, 1.0);
    const double y = rng.uniform(-1.0, 1.0);
    plane.add(x, y, (x > 0) != (y > 0) ? 1 : 0);
  }
  return plane.finish(params, context);
}

RawData load_blobs(const ParamValues& params, const SourceContext& context) {
  const Index samples = params.integer("n_samples");
  const Index features = params.integer("n_features");
  const Index centers = params.integer("centers");
  const double low = params.numbers("center_box")[0];
  const double high = params.numbers("center_box")[1];
  if (low > high) fail_generator("blobs", "the first number of center_box is above the second");

  Matrix<double> center(features, centers);
  Rng structure = stream(context, Stream::structure);
  for (Index value = 0; value < center.size(); ++value) center.data()[value] = structure.uniform(low, high);

  RawData data = empty_classification(features, samples, centers);
  const std::vector<Index> order = random_order(context, Stream::sample_order, samples);
  Rng points = stream(context, Stream::points);
  std::size_t next = 0;
  for (Index blob = 0; blob < centers; ++blob) {
    for (Index point = share_of(samples, centers, blob); point > 0; --point) {
      const Index column = order[next++];
      for (Index feature = 0; feature < features; ++feature)
        features_of(data)(feature, column) = center(feature, blob) + params.number("cluster_std") * points.normal();
      data.train.labels[static_cast<std::size_t>(column)] = static_cast<std::int32_t>(blob);
    }
  }
  return data;
}

}  // namespace

std::vector<SourceEntry> plane_generators() {
  return {
      generator("moons", {samples_param(100), noise_param("both coordinates")},
                "two interleaving half circles (scikit-learn, make_moons)", load_moons),
      generator("circles",
                {samples_param(100), noise_param("both coordinates"),
                 number("factor", 0.8, "radius of the inner circle; the outer one has 1").at_least(0).below(1)},
                "a circle inside a circle (scikit-learn, make_circles)", load_circles),
      generator("blobs",
                {samples_param(100), features_param(2),
                 integer("centers", 3, "number of blobs, which is the number of classes").at_least(1).at_most(65536),
                 number("cluster_std", 1.0, "standard deviation of every blob").at_least(0),
                 numbers("center_box", {-10.0, 10.0}, "centres are uniform between these two").of_length(2)},
                "isotropic Gaussian blobs (scikit-learn, make_blobs)", load_blobs),
      generator(
          "spirals",
          {samples_param(1000),
           integer("n_classes", 2, "number of arms, which is the number of classes").at_least(2).at_most(65536),
           number("turns", 1.0, "full turns from the centre to the rim").at_least(0), noise_param("both coordinates")},
          "interleaving spiral arms in the unit disc (Lang and Witbrock 1988, two-spirals)", load_spirals),
      generator("xor", {samples_param(1000), noise_param("both coordinates, after the labels are given")},
                "uniform in [-1, 1]^2; class 1 where exactly one coordinate is positive (Minsky and Papert 1969)",
                load_xor)};
}

}  // namespace reluscope
