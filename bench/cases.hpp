#pragma once
// What the benchmark's measurements share: the networks' shapes, the data they train on, and how times are taken.

#include <chrono>
#include <string>
#include <vector>

#include "config/spec.hpp"
#include "data/dataset.hpp"

namespace reluscope::bench {

/// What the command line asks for; each measurement reads what concerns it.
struct Options {
  std::vector<Index> net = {784, 256, 256, 10};  ///< inputs, then the units of each layer
  Index batch = 128;
  int threads = 1;
  double seconds = 2.0;
  std::string data;  ///< directory of MNIST's IDX files; without it a stand-in of the same shape and sparsity
  std::string activation = "relu";
  std::string task = "born-dead";
  std::string way = "pack";
  std::int64_t nets = 1000;
  std::string config;                  ///< of a whole run
  std::vector<std::string> overrides;  ///< KEY=VALUE
  bool brute = false;
  Index points = 3000;  ///< samples of synthetic data
};

std::string net_text(const Options& options);

/// Training data for the net: images for 784 inputs, else points of the plane to be mapped to |x₁| + |x₂| + ….
Dataset make_data(const Options& options);

/// The experiment that trains this net for so many steps: relu, he_normal, SGD with momentum, recording every
/// `record_every` steps, no census.
ExperimentSpec make_experiment(const Options& options, std::int64_t steps, std::int64_t record_every);

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values);

/// Seconds per call of `work`, for each of `runs` runs that last about seconds/runs each.
template <class Work>
std::vector<double> time_calls(Work&& work, double seconds, int runs = 7) {
  work();
  std::int64_t calls = 0;
  const double start = now();
  do {
    work();
    ++calls;
  } while (now() - start < seconds / (runs + 1));
  std::vector<double> times;
  for (int run = 0; run < runs; ++run) {
    const double begin = now();
    for (std::int64_t call = 0; call < calls; ++call) work();
    times.push_back((now() - begin) / static_cast<double>(calls));
  }
  return times;
}

void measure_steps(const Options& options);
void measure_products(const Options& options);
/// Of options.config; prints nothing in a build without oneDNN's convolutions.
void measure_primitives(const Options& options);
void measure_forward(const Options& options);
void measure_activations(const Options& options);
void measure_packs(const Options& options);
/// One whole run of options.config: seconds up to its last step, and what its censuses did.
void measure_census(const Options& options);

}  // namespace reluscope::bench
