// Every back end of convolutions: against loops in float64, against each other, and each sample by itself.
#include "nn/convolution.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "nn/gemm.hpp"
#include "util/random.hpp"
#include "util/thread_pool.hpp"

using namespace reluscope;

namespace {

struct ConvolutionCase {
  Shape input;
  Index units = 1;
  Index kernel = 1;
  Index stride = 1;
  Index low = 0;
  Index high = 0;
};
/// One and several channels, whole vectors of them and rests, windows that do not fit a whole number of times, padding
/// on one side alone, one position, and what the networks of the benchmark have.
const std::vector<ConvolutionCase> kConvolutionCases = {
    {{1, 28, 28}, 16, 3, 1, 1, 1}, {{16, 14, 14}, 32, 3, 1, 1, 1}, {{3, 9, 7}, 5, 3, 2, 1, 1},
    {{7, 5, 6}, 33, 1, 1, 0, 0},   {{4, 8, 8}, 17, 1, 2, 0, 0},    {{2, 6, 6}, 4, 4, 1, 1, 2},
    {{1, 1, 1}, 3, 1, 1, 0, 0},    {{5, 3, 3}, 2, 3, 3, 2, 2},     {{8, 12, 12}, 8, 5, 1, 2, 2}};

Window window_of(const ConvolutionCase& one) { return {one.input, one.kernel, one.stride, one.low, one.high}; }

/// What a convolution's products are of, and what they give.
template <class T>
struct Products {
  Window window;
  Index units;
  Index count;
  Matrix<T> weights, samples, deltas;
  Matrix<T> z, back, gradient;

  Products(const ConvolutionCase& one, Index samples_count)
      : window(window_of(one)), units(one.units), count(samples_count) {
    // Beyond the batch there is room for whole groups of columns.
    const Index columns = whole_groups(count);
    weights = random_numbers(units, window.channels * window.size(), 1);
    samples = random_numbers(one.input.size(), columns, 2);
    deltas = random_numbers(units * window.places(), columns, 3);
    z.setZero(deltas.rows(), columns);
    back.setZero(samples.rows(), columns);
  }

  /// Those that a float has, whatever T is.
  static Matrix<T> random_numbers(Index rows, Index columns, std::uint64_t seed) {
    Rng rng(seed, Purpose::generator);
    Matrix<T> values(rows, columns);
    for (T& value : values.reshaped()) value = static_cast<T>(static_cast<float>(rng.normal()));
    return values;
  }

  /// Beside the results of the first samples nothing is touched.
  [[nodiscard]] bool is_clean_behind(Index some) const {
    const Index behind = whole_groups(some);
    return (z.rightCols(z.cols() - behind).array() == T(0)).all() &&
           (back.rightCols(back.cols() - some).array() == T(0)).all();
  }

  void forward(const Convolution<T>& convolution, Index first, Index some) {
    ShardRoom<T> room;
    convolution.prepare(room);
    convolution.forward(weights, samples.col(first).data(), some, z.col(first).data(), room);
  }
  void backward(const Convolution<T>& convolution, Index first, Index some) {
    ShardRoom<T> room;
    convolution.prepare(room);
    convolution.backward(weights, samples.col(first).data(), deltas.col(first).data(), some, back.col(first).data(),
                         room);
    gradient = room.weight_sum;
  }
};

/// From the definition, in float64: z, ∂L/∂input and Σ ∂L/∂W.
template <class T>
Products<double> by_loops(const ConvolutionCase& one, const Products<T>& from) {
  Products<double> result(one, from.count);
  result.gradient.setZero(from.units, from.weights.cols());
  const Window& window = from.window;
  for (Index sample = 0; sample < from.count; ++sample)
    for (Index place = 0; place < window.places(); ++place)
      window.look(place, [&](Index position, Index in_window) {
        for (Index channel = 0; channel < window.channels; ++channel)
          for (Index unit = 0; unit < from.units; ++unit) {
            const Index tap = channel * window.size() + in_window;
            const Index input = position * window.channels + channel;
            const Index output = place * from.units + unit;
            const auto weight = static_cast<double>(from.weights(unit, tap));
            const auto value = static_cast<double>(from.samples(input, sample));
            const auto delta = static_cast<double>(from.deltas(output, sample));
            result.z(output, sample) += weight * value;
            result.back(input, sample) += weight * delta;
            result.gradient(unit, tap) += delta * value;
          }
      });
  return result;
}

/// The largest difference, as a share of the root mean square.
template <class T>
double apart(const Matrix<T>& computed, const Matrix<double>& exact, Index columns) {
  const Matrix<double> right = exact.leftCols(columns);
  const double size = std::sqrt(right.squaredNorm() / static_cast<double>(right.size()));
  return (computed.leftCols(columns).template cast<double>() - right).cwiseAbs().maxCoeff() / std::max(size, 1e-30);
}

template <class T, class Make>
void hold_to_loops(Make make, double tolerance) {
  for (const ConvolutionCase& one : kConvolutionCases) {
    Products<T> products(one, 6);
    const auto convolution = make(products.window, one.units);
    products.forward(*convolution, 0, products.count);
    products.backward(*convolution, 0, products.count);
    Products<T> fewer(one, products.count);
    fewer.forward(*convolution, 0, 4);
    fewer.backward(*convolution, 0, 4);
    CHECK(fewer.is_clean_behind(4));
    const Products<double> exact = by_loops(one, products);
    CAPTURE(one.kernel);
    CAPTURE(one.units);
    CHECK(apart(products.z, exact.z, products.count) < tolerance);
    CHECK(apart(products.back, exact.back, products.count) < tolerance);
    CHECK(apart(products.gradient, exact.gradient, products.gradient.cols()) < tolerance);
  }
}

/// Every sample has the same bits in batches of 1 to 64, and every shard on each of some threads.
template <class T, class Make>
void hold_apart(Make make) {
  constexpr Index kSamples = 64;
  for (const ConvolutionCase& one : kConvolutionCases) {
    Products<T> whole(one, kSamples);
    const auto convolution = make(whole.window, one.units);
    whole.forward(*convolution, 0, kSamples);
    CAPTURE(one.kernel);
    CAPTURE(one.units);
    for (Index count = 1; count < kSamples; count += count < 9 ? 1 : 7) {
      const Index first = (kSamples - count) / kColumnGroup * kColumnGroup;
      Products<T> part = whole;
      part.z.setZero();
      part.forward(*convolution, first, count);
      CHECK(part.z.middleCols(first, count) == whole.z.middleCols(first, count));
    }
    for (const int threads : {2, 7}) {
      // A new one: its threads meet while it still compiles and packs.
      const auto fresh = make(whole.window, one.units);
      constexpr Index kShard = 8;
      std::vector<Products<T>> parts(kSamples / kShard, whole);
      ThreadPool pool(threads);
      pool.for_each(std::ssize(parts), [&](std::int64_t at) {
        parts[static_cast<std::size_t>(at)].forward(*fresh, at * kShard, kShard);
        parts[static_cast<std::size_t>(at)].backward(*fresh, at * kShard, kShard);
      });
      Products<T> alone = whole;
      for (std::size_t at = 0; at < parts.size(); ++at) {
        const Index first = static_cast<Index>(at) * kShard;
        CHECK(parts[at].z.middleCols(first, kShard) == whole.z.middleCols(first, kShard));
        alone.backward(*convolution, first, kShard);
        CHECK(parts[at].back.middleCols(first, kShard) == alone.back.middleCols(first, kShard));
        CHECK(parts[at].gradient == alone.gradient);
      }
    }
  }
}

}  // namespace

TEST_CASE("every back end of convolutions gives what the definition gives, and each sample by itself") {
  for (const ConvolutionBackend& backend : convolution_backends()) {
    CAPTURE(backend.name);
    hold_to_loops<float>(backend.make_float, 1e-5);
    hold_apart<float>(backend.make_float);
    if (backend.make_double == nullptr) continue;
    hold_to_loops<double>(backend.make_double, 1e-13);
    hold_apart<double>(backend.make_double);
  }
}

TEST_CASE("a convolution works with the weights that it was told of last, and a copy with its own") {
  for (const ConvolutionBackend& backend : convolution_backends()) {
    CAPTURE(backend.name);
    const ConvolutionCase& one = kConvolutionCases[1];
    Products<float> products(one, 4);
    const auto convolution = backend.make_float(products.window, one.units);
    products.forward(*convolution, 0, 4);
    products.backward(*convolution, 0, 4);
    const auto copy = convolution->clone();
    products.weights *= 2.0F;  // exact
    convolution->weights_changed();
    Products<float> doubled = products;
    doubled.forward(*convolution, 0, 4);
    doubled.backward(*convolution, 0, 4);
    CHECK(doubled.z == 2.0F * products.z);
    CHECK(doubled.back == 2.0F * products.back);
    Products<float> copied = products;
    copied.forward(*copy, 0, 4);
    CHECK(copied.z == doubled.z);
  }
}

// oneDNN 2.6 damages the heap here: its kernel for the gradient writes 150 kB behind its scratchpad.
TEST_CASE("the gradient of a strided 1 x 1 convolution on a large picture touches nothing but its own") {
  const ConvolutionCase large{{4, 116, 116}, 26, 1, 2, 0, 0};
  Products<float> products(large, 11);
  for (const ConvolutionBackend& backend : convolution_backends()) {
    CAPTURE(backend.name);
    const auto convolution = backend.make_float(products.window, large.units);
    CHECK(dynamic_cast<const PatchConvolution<float>*>(convolution.get()) != nullptr);
    products.backward(*convolution, 0, products.count);
    const Products<double> exact = by_loops(large, products);
    CHECK(apart(products.back, exact.back, products.count) < 1e-5);
    CHECK(apart(products.gradient, exact.gradient, products.gradient.cols()) < 1e-5);
  }
}
