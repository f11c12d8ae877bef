// Depth 10, width 512: sampled signal and gradient sizes within 5 % of the mean-field prediction at every layer.
#include <doctest/doctest.h>

#include <cmath>

#include "config/load.hpp"
#include "experiment/theory.hpp"

using namespace reluscope;

TEST_CASE("deep wide networks measure what mean-field theory predicts") {
  for (const std::string activation : {"relu", "tanh", "elu"}) {
    const ExperimentSpec spec = parse_experiment(R"({
      "seed": 1,
      "data": {"kind": "blobs", "n_samples": 64, "n_features": 64, "centers": 16, "normalize": "per_feature",
               "test_fraction": 0},
      "network": {"layers": [
        {"units": 512, "activation": ")" + activation +
                                                     R"(", "init": {"weights": "he_normal"}, "repeat": 10},
        {"units": 16, "init": {"weights": "lecun_normal"}}]},
      "loss": "cross_entropy", "train": {"steps": 1}
    })",
                                                 "deep", ".");
    ThreadPool pool(default_thread_count());
    // One relu network's q scatters by 32 % at the top (exp(5·10/512) − 1 is its relative variance), the others' less.
    const std::int64_t networks = activation == "relu" ? 160 : 40;
    const Theory theory = predict_and_sample(spec, load_dataset(spec.data, 1), networks, pool);
    for (std::size_t layer = 0; layer < theory.layers.size(); ++layer) {
      CAPTURE(activation);
      CAPTURE(layer);
      const TheoryLayer& row = theory.layers[layer];
      CHECK(std::abs(row.q_sampled->value / *row.q - 1.0) <= 0.05);
      CHECK(std::abs(row.delta_rms_sampled->value / *row.delta_rms - 1.0) <= 0.05);
    }
  }
}
