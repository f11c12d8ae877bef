// Histograms of pre-activations against a naive count of W h + b, sample by sample.
#include "probe/z_histogram.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "config/load.hpp"
#include "experiment/initial_network.hpp"
#include "experiment/setup.hpp"

using namespace reluscope;

namespace {

struct Example {
  ExperimentSpec spec;
  Dataset dataset;
  Network<double> network;
  explicit Example(std::int64_t samples)
      : spec(parse_experiment(R"({"seed": 4, "precision": "float64",
          "data": {"kind": "moons", "n_samples": )" +
                                  std::to_string(samples) + R"(, "test_fraction": 0},
          "network": {"layers": [{"units": 5, "activation": "relu"}, {"type": "dropout"},
                                 {"units": 3, "activation": {"name": "elu", "alpha": 1.5}}, {"units": 2}]}})",
                              "c.json", ".")),
        dataset(load_dataset(spec.data, spec.seed)),
        network(initial_network<double>(spec, dataset.features(), spec.seed)) {}

  /// z of each layer with units, [layer][unit], for one sample.
  [[nodiscard]] std::vector<Eigen::VectorXd> pre_activations(const Network<double>& net, Index sample) const {
    Eigen::MatrixXd input(dataset.features(), 1);
    const std::vector<Index> one = {sample};
    gather<double>(dataset, dataset.train, one, input);
    Eigen::VectorXd h = input.col(0);
    std::vector<Eigen::VectorXd> all;
    for (std::size_t layer = 0; layer < net.depth(); ++layer) {
      if (net.node(layer).activation() == nullptr) continue;
      Eigen::VectorXd z = net.node(layer).affine()->weights() * h;
      for (Index unit = 0; unit < z.size(); ++unit) z[unit] += net.node(layer).affine()->bias_of(unit);
      all.push_back(z);
      Matrix<double> a = z;
      net.node(layer).activation()->respond(a);
      h = a.col(0);
    }
    return all;
  }
};

/// The same counts by looking at each value and each bin.
void check_counts(const Histogram& histogram, std::vector<double> values) {
  REQUIRE_FALSE(values.empty());
  const auto [least, greatest] = std::minmax_element(values.begin(), values.end());
  CHECK(histogram.low == doctest::Approx(*least).epsilon(1e-12));
  CHECK(histogram.high == doctest::Approx(*greatest).epsilon(1e-12));
  CHECK(std::accumulate(histogram.counts.begin(), histogram.counts.end(), std::int64_t{0}) == std::ssize(values));
  std::int64_t below = 0;
  for (std::size_t bin = 0; bin < histogram.counts.size(); ++bin) {
    below += histogram.counts[bin];
    const double edge = histogram.edge(bin + 1);
    const double slack = 1e-9 * (histogram.high - histogram.low);
    const auto under = [&](double bound) {
      return std::count_if(values.begin(), values.end(), [bound](double value) { return value < bound; });
    };
    CHECK(below >= under(edge - slack));
    if (bin + 1 < histogram.counts.size()) CHECK(below <= under(edge + slack));
  }
}

}  // namespace

TEST_CASE("a layer's histogram counts the pre-activations of all its units over the samples") {
  const Example example(700);  // more than one piece of a pass
  ThreadPool pool(2);
  const std::vector<Histogram> histograms = layer_histograms(example.network, example.dataset, pool);
  REQUIRE(histograms.size() == 3);
  for (std::size_t layer = 0; layer < 3; ++layer) {
    std::vector<double> values;
    for (Index sample = 0; sample < 700; ++sample) {
      const std::vector<Eigen::VectorXd> all = example.pre_activations(example.network, sample);
      for (const double z : all[layer]) values.push_back(z);
    }
    CHECK(histograms[layer].counts.size() == kLayerBins);
    check_counts(histograms[layer], values);
  }
}

TEST_CASE("of a large set every so-manieth sample counts, the same each time") {
  const Example example(2 * kHistogramSamples + 10);
  ThreadPool pool(1);
  const std::vector<Histogram> histograms = layer_histograms(example.network, example.dataset, pool);
  const Index looked_at = (2 * kHistogramSamples + 10 + 2) / 3;
  CHECK(std::accumulate(histograms[0].counts.begin(), histograms[0].counts.end(), std::int64_t{0}) == 5 * looked_at);
}

TEST_CASE("a portrait has the unit's pre-activations in both networks, and its witness wherever it stands") {
  const Example example(kPortraitSamples + 500);
  Network<double> later = example.network;
  for (Parameter<double>* parameter : later.parameters()) parameter->value.array() -= 0.25;
  later.parameters_changed();
  const std::vector<Death> deaths = {{0, 3, 1}, {1, 2, 5001}};  // every second sample is looked at, and these
  ThreadPool pool(2);
  const std::vector<Portrait> portraits = portray(example.network, later, example.dataset, deaths, pool);
  REQUIRE(portraits.size() == 2);
  std::vector<Index> samples = {1, 5001};
  for (Index sample = 0; sample < kPortraitSamples + 500; sample += 2) samples.push_back(sample);
  for (std::size_t at = 0; at < 2; ++at) {
    std::vector<double> before;
    std::vector<double> after;
    for (const Index sample : samples) {
      const auto unit = static_cast<Index>(deaths[at].unit);
      before.push_back(example.pre_activations(example.network, sample)[deaths[at].layer][unit]);
      after.push_back(example.pre_activations(later, sample)[deaths[at].layer][unit]);
    }
    CHECK(portraits[at].before.counts.size() == kPortraitBins);
    check_counts(portraits[at].before, before);
    check_counts(portraits[at].after, after);
  }
}

TEST_CASE("values that are all the same have one bin, and what is not finite has none") {
  Example example(20);
  for (Parameter<double>* parameter : example.network.parameters()) parameter->value.setZero();
  ThreadPool pool(1);
  const std::vector<Histogram> zeros = layer_histograms(example.network, example.dataset, pool);
  CHECK(zeros[0].counts == std::vector<std::int64_t>{100});
  CHECK(zeros[0].edge(0) == 0.0);
  CHECK(zeros[0].edge(1) == 0.0);
  for (Parameter<double>* parameter : example.network.parameters())
    parameter->value.setConstant(std::numeric_limits<double>::quiet_NaN());
  CHECK(layer_histograms(example.network, example.dataset, pool)[0].counts.empty());
}
