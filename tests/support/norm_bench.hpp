#pragma once
// What norms are tested on.

#include <span>
#include <type_traits>
#include <vector>

#include "nn/training_pass.hpp"
#include "support/central_differences.hpp"
#include "util/random.hpp"

namespace reluscope::test {

inline constexpr Index kNormSamples = 70;  // two shards

/// Batches whose statistics are far from 0 and 1, and a loss that is not symmetric in the batch: Σ c a² / 2 with
/// another c for each output of each sample.
template <class T>
struct NormBench {
  Network<T> network;
  NetworkState<T> state;
  std::vector<Shard> shards = cut_into_shards(kNormSamples);
  Matrix<T> input;
  Matrix<T> weights;
  ThreadPool pool;

  NormBench(const NetworkSpec& spec, const Shape& shape, int threads = 1, std::uint64_t seed = 5)
      : network(spec, shape, seed),
        state(network, kNormSamples),
        input(shape.size(), kNormSamples),
        weights(network.outputs(), kNormSamples),
        pool(threads) {
    Rng rng(3, Purpose::generator);
    for (T& value : input.reshaped()) value = static_cast<T>(3.0 + 2.0 * rng.normal());
    for (T& value : weights.reshaped()) value = static_cast<T>(rng.uniform(0.2, 3.0));
    // Away from the ones and zeros that they start with.
    for (Parameter<T>* parameter : network.parameters())
      if (parameter->role == ParameterRole::scale || parameter->role == ParameterRole::shift)
        for (T& value : parameter->value.reshaped()) value = static_cast<T>(rng.uniform(-1.5, 2.0));
    network.parameters_changed();
  }

  double loss() {
    std::vector<double> sums(shards.size());
    run_training_pass(
        network, state, std::span<const Shard>(shards), {true, Measure::batch, 1, 2}, 0.0, pool,
        [&](const Shard& shard) {
          state.input().middleCols(shard.first, shard.count) = input.middleCols(shard.first, shard.count);
        },
        [&](const Shard& shard) {
          NodeState<T>& last = state.node(network.depth() - 1);
          const auto output = last.output.middleCols(shard.first, shard.count);
          const auto factors = weights.middleCols(shard.first, shard.count);
          last.delta.middleCols(shard.first, shard.count) = output.cwiseProduct(factors);
          sums[static_cast<std::size_t>(shard.index)] =
              0.5 * static_cast<double>(output.cwiseAbs2().cwiseProduct(factors).sum());
        });
    double sum = 0.0;
    for (const double one : sums) sum += one;
    return sum / static_cast<double>(kNormSamples);
  }

  std::vector<Matrix<T>> gradients() {
    loss();
    std::vector<Tile> tiles;
    for (std::size_t node = 0; node < network.depth(); ++node) network.node(node).append_tiles(node, tiles);
    std::vector<Matrix<T>> all;
    for (const Parameter<T>* parameter : network.parameters())
      all.emplace_back(parameter->value.rows(), parameter->value.cols());
    const std::vector<ByRole<std::size_t>> places = parameter_places(network);
    for (const Tile& tile : tiles)
      network.node(tile.node).gradient(state.inputs_of(tile.node), state.node(tile.node), kNormSamples,
                                       std::ssize(shards), tile,
                                       all[places[tile.node][place_of(tile.role)]].data() + tile.begin);
    return all;
  }

  double worst_gradient_error() requires std::is_same_v<T, double> {
    return worst_relative_error(network.parameters(), gradients(), 1e-3, [&] {
      network.parameters_changed();
      return loss();
    });
  }
};

}  // namespace reluscope::test
