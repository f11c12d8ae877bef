// Convolutions, pools and the order of values against loops that follow the definitions.
#include "nn/conv2d.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "nn/network.hpp"
#include "support/specs.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

/// A sample: channel by channel, as data have it.
struct Image {
  Shape shape;
  std::vector<double> values;
  [[nodiscard]] double at(Index channel, Index row, Index column) const {
    if (row < 0 || row >= shape.height || column < 0 || column >= shape.width) return 0.0;
    return values[static_cast<std::size_t>((channel * shape.height + row) * shape.width + column)];
  }
  double& set(Index channel, Index row, Index column) {
    return values[static_cast<std::size_t>((channel * shape.height + row) * shape.width + column)];
  }
};

Image random_image(const Shape& shape, Rng& rng) {
  Image image{shape, std::vector<double>(static_cast<std::size_t>(shape.size()))};
  for (double& value : image.values) value = static_cast<double>(static_cast<float>(rng.normal()));
  return image;
}

struct Setting {
  Shape input;
  Index units;
  Index kernel;
  Index stride;
  Index padding;  ///< −1: same
};
const std::vector<Setting> kSettings = {{{1, 5, 5}, 3, 3, 1, 0},  {{2, 6, 4}, 5, 3, 2, 1}, {{3, 7, 7}, 4, 1, 1, 0},
                                        {{2, 5, 6}, 3, 4, 1, -1}, {{1, 1, 1}, 2, 1, 1, 0}, {{2, 3, 3}, 17, 3, 3, 2},
                                        {{4, 20, 20}, 6, 2, 2, 0}};

LayerSpec layer_of(const Setting& one) {
  const ParamValue padding = one.padding < 0 ? ParamValue(std::string("same")) : ParamValue(std::int64_t{one.padding});
  return conv2d("c", one.units, one.kernel, {{"stride", std::int64_t{one.stride}}, {"padding", padding}});
}

/// Σ over channels and window of w·x, and the bias, in float64.
template <class T>
Image convolve(const Setting& one, const Affine<T>& map, const Image& input) {
  const Index low = one.padding < 0 ? (one.kernel - 1) / 2 : one.padding;
  const Index both = one.padding < 0 ? one.kernel - 1 : 2 * one.padding;
  const Shape shape(one.units, (one.input.height + both - one.kernel) / one.stride + 1,
                    (one.input.width + both - one.kernel) / one.stride + 1);
  Image output{shape, std::vector<double>(static_cast<std::size_t>(shape.size()))};
  for (Index unit = 0; unit < one.units; ++unit)
    for (Index row = 0; row < shape.height; ++row)
      for (Index column = 0; column < shape.width; ++column) {
        double sum = static_cast<double>(map.bias_of(unit));
        for (Index channel = 0; channel < one.input.channels; ++channel)
          for (Index y = 0; y < one.kernel; ++y)
            for (Index x = 0; x < one.kernel; ++x)
              sum += static_cast<double>(map.weights()(unit, (channel * one.kernel + y) * one.kernel + x)) *
                     input.at(channel, row * one.stride + y - low, column * one.stride + x - low);
        output.set(unit, row, column) = sum;
      }
  return output;
}

/// A network's output for some images, one column each, as a vector of channels in the order of the data.
template <class T>
Matrix<T> run(const Network<T>& network, const std::vector<Image>& images) {
  NetworkState<T> state(network, std::ssize(images));
  for (std::size_t at = 0; at < images.size(); ++at)
    for (std::size_t value = 0; value < images[at].values.size(); ++value)
      state.input()(static_cast<Index>(value), static_cast<Index>(at)) = static_cast<T>(images[at].values[value]);
  for (const Shard& shard : cut_into_shards(std::ssize(images))) state.forward(network, shard, {});
  return state.output().leftCols(std::ssize(images));
}

std::vector<Image> random_images(const Shape& shape, std::size_t count) {
  Rng rng(7, Purpose::generator);
  std::vector<Image> images;
  for (std::size_t at = 0; at < count; ++at) images.push_back(random_image(shape, rng));
  return images;
}

template <class T>
void hold_against_loops(double tolerance) {
  for (const Setting& one : kSettings) {
    NetworkSpec spec;
    spec.layers = {layer_of(one), plain("flat", "flatten")};
    const Network<T> network(spec, one.input, 3);
    const std::vector<Image> images = random_images(one.input, 70);  // two shards
    const Matrix<T> output = run(network, images);
    const Affine<T>& map = *network.site(0).affine();
    for (std::size_t at = 0; at < images.size(); ++at) {
      const Image expected = convolve(one, map, images[at]);
      REQUIRE(expected.shape == network.site(0).output_shape());
      for (std::size_t value = 0; value < expected.values.size(); ++value)
        REQUIRE(static_cast<double>(output(static_cast<Index>(value), static_cast<Index>(at))) ==
                doctest::Approx(expected.values[value]).epsilon(tolerance));
    }
  }
}

}  // namespace

TEST_CASE("a convolution is what its definition says, in either precision") {
  hold_against_loops<double>(1e-12);
  hold_against_loops<float>(1e-5);
}

TEST_CASE("a sample's bits do not depend on the batch around it") {
  for (const Setting& one : kSettings) {
    NetworkSpec spec;
    spec.layers = {layer_of(one), conv2d("d", 20, 1), pool("mean", "avg_pool", 1), dense("out", 9)};
    const Network<float> network(spec, one.input, 3);
    const std::vector<Image> images = random_images(one.input, 130);
    const Matrix<float> all = run(network, images);
    for (std::size_t count = 1; count <= 64; ++count) {
      const std::size_t first = count % 3;
      const std::vector<Image> some(images.begin() + static_cast<std::ptrdiff_t>(first),
                                    images.begin() + static_cast<std::ptrdiff_t>(first + count));
      const Matrix<float> part = run(network, some);
      REQUIRE((part.array() == all.middleCols(static_cast<Index>(first), static_cast<Index>(count)).array()).all());
    }
  }
}

TEST_CASE("pools take the largest and the mean of what their windows see") {
  const Shape shape(2, 5, 4);
  const std::vector<Image> images = random_images(shape, 3);
  for (const Index stride : {1, 2, 3})
    for (const Index padding : {0, 1}) {
      const Settings around = {{"stride", std::int64_t{stride}}, {"padding", std::int64_t{padding}}};
      const auto pooled = [&](const std::string& type, const Settings& more) {
        Settings settings = around;
        settings.insert(settings.end(), more.begin(), more.end());
        NetworkSpec spec;
        spec.layers = {pool("pool", type, 3, settings), plain("flat", "flatten")};
        return run(Network<double>(spec, shape, 1), images);
      };
      const Matrix<double> largest = pooled("max_pool", {});
      const Matrix<double> mean = pooled("avg_pool", {});
      const Matrix<double> seen_mean = pooled("avg_pool", {{"count_include_pad", false}});
      const Index rows = (shape.height + 2 * padding - 3) / stride + 1;
      const Index columns = (shape.width + 2 * padding - 3) / stride + 1;
      REQUIRE(largest.rows() == 2 * rows * columns);
      for (std::size_t at = 0; at < images.size(); ++at)
        for (Index value = 0; value < largest.rows(); ++value) {
          const Index channel = value / (rows * columns);
          const Index top = value % (rows * columns) / columns * stride - padding;
          const Index left = value % columns * stride - padding;
          double most = -std::numeric_limits<double>::infinity();
          double sum = 0.0;
          int seen = 0;
          for (Index y = top; y < top + 3; ++y)
            for (Index x = left; x < left + 3; ++x) {
              if (y < 0 || y >= shape.height || x < 0 || x >= shape.width) continue;
              most = std::max(most, images[at].at(channel, y, x));
              sum += images[at].at(channel, y, x);
              ++seen;
            }
          const auto column = static_cast<Index>(at);
          CHECK(largest(value, column) == most);
          CHECK(mean(value, column) == doctest::Approx(sum / 9.0).epsilon(1e-12));
          CHECK(seen_mean(value, column) == doctest::Approx(sum / seen).epsilon(1e-12));
        }
    }
}

TEST_CASE("a pool does not hide a value that is no number") {
  const Shape shape(1, 4, 4);
  std::vector<Image> images = random_images(shape, 1);
  images[0].set(0, 1, 1) = std::nan("");
  NetworkSpec spec;
  spec.layers = {pool("pool", "max_pool", 2), plain("flat", "flatten")};
  const Matrix<double> output = run(Network<double>(spec, shape, 1), images);
  CHECK(std::isnan(output(0, 0)));
  CHECK_FALSE(output.bottomRows(3).array().isNaN().any());
}

TEST_CASE("a dense layer on images reads them channel by channel, before and behind layers that do not") {
  const Shape shape(3, 2, 2);
  const std::vector<Image> images = random_images(shape, 5);
  NetworkSpec direct;
  direct.layers = {dense("out", 4)};
  NetworkSpec by_way_of_a_pool;
  by_way_of_a_pool.layers = {pool("pool", "max_pool", 1), dense("out", 4)};
  NetworkSpec dropped;
  dropped.layers = {dropout("drop", 0.5), plain("flat", "flatten"), dense("out", 4)};
  const Matrix<double> expected = run(Network<double>(direct, shape, 9), images);
  CHECK(run(Network<double>(by_way_of_a_pool, shape, 9), images) == expected);
  CHECK(run(Network<double>(dropped, shape, 9), images) == expected);
}
