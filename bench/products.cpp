// The matrix products of a training step and nothing else, in the step's own order and layout: the bound that a step is
// compared with.

#include <cstdio>

#include "cases.hpp"
#include "nn/gemm.hpp"
#include "util/thread_pool.hpp"

namespace reluscope::bench {

namespace {

/// The operands of one layer. Results are not fed back, so that the values stay bounded however often it runs.
struct Operands {
  Matrix<float> weight, gradient, input, output, delta, input_delta;
  Operands(Index inputs, Index units, Index batch)
      : weight(Matrix<float>::Random(units, inputs)),
        gradient(units, inputs),
        input(Matrix<float>::Random(inputs, batch)),
        output(units, batch),
        delta(Matrix<float>::Random(units, batch)),
        input_delta(inputs, batch) {}
};

/// With several threads each takes its share of the columns, and of the weights' columns for the gradients.
void run_step(const GemmBackend& backend, std::vector<Operands>& layers, ThreadPool& pool) {
  const auto parts = pool.threads();
  const auto cut = [parts](Index size, std::int64_t part) { return size * part / parts; };
  pool.for_each(parts, [&](std::int64_t part) {
    const Index batch = layers.front().input.cols();
    const Index first = cut(batch, part);
    const Index count = cut(batch, part + 1) - first;
    for (Operands& layer : layers)
      backend.product_float(Transposed::none, 1.0F, layer.weight, layer.input.middleCols(first, count),
                            layer.output.middleCols(first, count));
    for (std::size_t at = layers.size(); at-- > 1;)
      backend.product_float(Transposed::left, 1.0F, layers[at].weight, layers[at].delta.middleCols(first, count),
                            layers[at].input_delta.middleCols(first, count));
  });
  pool.for_each(parts, [&](std::int64_t part) {
    for (Operands& layer : layers) {
      const Index first = cut(layer.weight.cols(), part);
      const Index count = cut(layer.weight.cols(), part + 1) - first;
      backend.product_float(Transposed::right, 1.0F, layer.delta, layer.input.middleRows(first, count),
                            layer.gradient.middleCols(first, count));
    }
  });
}

}  // namespace

void measure_products(const Options& options) {
  ThreadPool pool(options.threads);
  std::vector<Operands> layers;
  for (std::size_t at = 1; at < options.net.size(); ++at)
    layers.emplace_back(options.net[at - 1], options.net[at], options.batch);
  for (const GemmBackend& backend : gemm_backends()) {
    const auto times = time_calls([&] { run_step(backend, layers, pool); }, options.seconds);
    std::printf(
        "{\"what\":\"products\",\"backend\":\"%s\",\"net\":\"%s\",\"batch\":%td,\"threads\":%d,\"us_per_step\":%.3f}\n",
        backend.name.c_str(), net_text(options).c_str(), options.batch, options.threads, 1e6 * median(times));
  }
}

}  // namespace reluscope::bench
