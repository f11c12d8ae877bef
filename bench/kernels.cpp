// Activation kernels on their own, and the forward pass over a whole training set.

#include <cstdio>

#include "cases.hpp"
#include "nn/activation.hpp"
#include "nn/network.hpp"
#include "probe/census.hpp"

namespace reluscope::bench {

void measure_activations(const Options& options) {
  constexpr Index kUnits = 256;
  constexpr Index kColumns = 64;
  const double seconds = options.seconds / static_cast<double>(2 * activation_table().size());
  for (const ActivationEntry& entry : activation_table()) {
    if (entry.coupled) continue;  // of an output's few units
    const auto kernel = entry.make<float>(default_choice(activation_table(), entry.name).params);
    const Matrix<float> z = 2.0F * Matrix<float>::Random(kUnits, kColumns);
    Matrix<float> saved = z;
    Matrix<float> output(kUnits, kColumns);
    Matrix<float> delta(kUnits, kColumns);
    const Vector<float> bias = Vector<float>::Zero(kUnits);
    const Vector<float> slopes = Vector<float>::Constant(kUnits, 0.25F);
    Vector<float> delta_sum(kUnits);
    Vector<float> slope_sum(kUnits);
    ForwardCall<float> forward;
    forward.units = kUnits;
    forward.columns = kColumns;
    forward.z = saved.data();
    forward.a = output.data();
    forward.stride = kUnits;
    forward.bias = bias.data();
    forward.slopes = slopes.data();
    forward.random.sampling = true;
    BackwardCall<float> backward;
    backward.units = kUnits;
    backward.columns = kColumns;
    backward.saved = z.data();
    backward.delta = delta.data();
    backward.stride = kUnits;
    backward.delta_sum = delta_sum.data();
    backward.slopes = slopes.data();
    backward.slope_sum = slope_sum.data();
    const double elements = kUnits * kColumns;
    const double copy = median(time_calls([&] { saved = z; }, seconds / 4));
    const double both = median(time_calls(
        [&] {
          saved = z;
          kernel->forward(forward);
        },
        seconds));
    const double back = median(time_calls(
        [&] {
          delta = z;
          kernel->backward(backward);
        },
        seconds));
    std::printf("{\"what\":\"activation\",\"activation\":\"%s\",\"forward_ns\":%.4f,\"backward_ns\":%.4f}\n",
                entry.name.c_str(), 1e9 * (both - copy) / elements, 1e9 * (back - copy) / elements);
  }
}

void measure_forward(const Options& options) {
  const Dataset data = make_data(options);
  const ExperimentSpec spec = make_experiment(options, 1, 1);
  const Network<float> network(spec.network, data.features(), 0);
  ThreadPool pool(options.threads);
  LazyExtent<float> extent(data, pool);
  const auto census = make_brute_census(network, data, extent, pool);
  std::vector<double> times;
  for (int run = 0; run < 5; ++run) {
    const double start = now();
    census->take(network, nullptr);
    times.push_back(now() - start);
  }
  std::printf("{\"what\":\"forward\",\"net\":\"%s\",\"threads\":%d,\"seconds\":%.4f}\n", net_text(options).c_str(),
              options.threads, median(times));
}

}  // namespace reluscope::bench
