// Networks that are no chain: fan-outs, sums, barriers, and what is fused.
#include "nn/graph.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>

#include "nn/dense.hpp"
#include "nn/training_pass.hpp"
#include "support/central_differences.hpp"
#include "support/specs.hpp"
#include "support/test_nodes.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

constexpr Index kFeatures = 4;
constexpr Index kColumns = 70;  // two shards
constexpr double kPenalty = 0.03;

template <class T>
class GraphBuilder {
 public:
  /// An affine map of its own.
  std::size_t map(Index units, std::size_t input) {
    const Index width = input == kNetworkInput ? kFeatures : nodes_[input].node->outputs();
    return add(std::make_unique<Dense<T>>(dense("map", units), width, 5, nodes_.size()), {input});
  }
  std::size_t phi(const Choice& activation, std::size_t input) {
    return add(std::make_unique<ActivationNode<T>>("phi", activation, nodes_[input].node->output_shape(), 9), {input});
  }
  std::size_t sum(const std::vector<std::size_t>& inputs) {
    return add(std::make_unique<Sum<T>>("sum", nodes_[inputs[0]].node->output_shape()), inputs);
  }
  std::size_t centre(std::size_t input) {
    return add(std::make_unique<Centre<T>>("centre", nodes_[input].node->output_shape()), {input});
  }
  Network<T> network() { return Network<T>(std::move(nodes_), kFeatures); }

 private:
  std::size_t add(std::unique_ptr<Node<T>> node, std::vector<std::size_t> inputs) {
    nodes_.push_back({std::move(node), std::move(inputs)});
    return nodes_.size() - 1;
  }
  std::vector<GraphNode<T>> nodes_;
};

/// ½ Σ a² over the outputs, and a penalty on the activations of hidden sites.
template <class T>
class GraphBench {
 public:
  GraphBench(Network<T> built, int threads) : network(std::move(built)), state(network, kColumns), pool_(threads) {
    Rng rng(3, Purpose::generator);
    input_ = Matrix<T>(kFeatures, kColumns);
    for (T& value : input_.reshaped()) value = static_cast<T>(rng.normal());
  }

  double loss() {
    network.parameters_changed();
    std::vector<double> squares(shards_.size());
    const Pass pass{true, Measure::batch, 1, 2};
    run_training_pass(
        network, state, std::span<const Shard>(shards_), pass, kPenalty, pool_,
        [&](const Shard& shard) {
          state.input().middleCols(shard.first, shard.count) = input_.middleCols(shard.first, shard.count);
        },
        [&](const Shard& shard) {
          NodeState<T>& last = state.node(network.depth() - 1);
          last.delta.middleCols(shard.first, shard.count) = last.output.middleCols(shard.first, shard.count);
          squares[static_cast<std::size_t>(shard.index)] =
              static_cast<double>(last.output.middleCols(shard.first, shard.count).squaredNorm());
        });
    double sum = 0.0;
    for (const double square : squares) sum += 0.5 * square;
    for (std::size_t at = 0; at + 1 < network.sites().size(); ++at)
      sum += kPenalty * static_cast<double>(state.node(network.sites()[at]).output.leftCols(kColumns).cwiseAbs().sum());
    return sum / static_cast<double>(kColumns);
  }

  std::vector<Matrix<T>> gradients() {
    loss();
    std::vector<Matrix<T>> all;
    for (std::size_t node = 0; node < network.depth(); ++node) {
      std::vector<Tile> tiles;
      network.node(node).append_tiles(node, tiles);
      for (const Tile& tile : tiles) {
        const Parameter<T>& parameter = *network.node(node).parameter(tile.role);
        all.emplace_back(parameter.value.rows(), parameter.value.cols());
        network.node(node).gradient(state.inputs_of(node), state.node(node), kColumns, std::ssize(shards_), tile,
                                    all.back().data());
      }
    }
    return all;
  }

  double worst_relative_error() {
    const std::vector<Matrix<T>> analytic = gradients();
    REQUIRE(analytic.size() == network.parameters().size());
    return test::worst_relative_error(network.parameters(), analytic, 1e-4, [&] { return loss(); });
  }

  Network<T> network;
  NetworkState<T> state;

 private:
  ThreadPool pool_;
  std::vector<Shard> shards_ = cut_into_shards(kColumns);
  Matrix<T> input_;
};

/// Two branches of different depth from one site, one of which is read once more past both, and an input that is read
/// twice.
Network<double> branched() {
  GraphBuilder<double> build;
  const std::size_t first = build.phi(activation("tanh"), build.map(6, kNetworkInput));
  const std::size_t left = build.phi(activation("elu"), build.map(5, first));
  const std::size_t deep = build.phi(activation("gelu"), build.map(7, first));
  const std::size_t right = build.phi(activation("prelu"), build.map(5, deep));
  const std::size_t both = build.sum({left, right, left});
  const std::size_t after = build.phi(activation("softplus"), both);  // no map of its own
  const std::size_t map = build.map(5, after);                        // read twice: stays on its own
  build.phi(activation("identity"), build.map(3, build.sum({build.phi(activation("tanh"), map), map, left})));
  return build.network();
}

Network<double> with_barriers() {
  GraphBuilder<double> build;
  const std::size_t first = build.phi(activation("tanh"), build.centre(build.map(6, kNetworkInput)));
  const std::size_t left = build.phi(activation("elu"), build.centre(build.map(6, first)));
  const std::size_t joined = build.phi(activation("tanh"), build.sum({left, first}));
  build.phi(activation("identity"), build.map(2, joined));
  return build.network();
}

}  // namespace

TEST_CASE("a fan-out adds up what comes back: gradients of two branches agree with central differences") {
  GraphBench<double> bench(branched(), 1);
  CHECK_FALSE(bench.network.graph().is_chain(bench.network.depth()));
  CHECK(bench.network.stages().size() == 1);
  CHECK(bench.worst_relative_error() <= 1e-6);
}

TEST_CASE("gradients through barriers agree with central differences, with the same bits on every number of threads") {
  GraphBench<double> bench(with_barriers(), 1);
  REQUIRE(bench.network.stages().size() == 3);
  CHECK(bench.worst_relative_error() <= 1e-6);
  const std::vector<Matrix<double>> alone = bench.gradients();
  GraphBench<double> shared(with_barriers(), 3);
  const std::vector<Matrix<double>> together = shared.gradients();
  for (std::size_t which = 0; which < alone.size(); ++which) CHECK(alone[which] == together[which]);
}

TEST_CASE("an activation that alone reads a map becomes one node with it, and computes the same bits") {
  GraphBuilder<float> build;
  build.phi(activation("identity"), build.map(3, build.phi(activation("prelu"), build.map(6, kNetworkInput))));
  GraphBench<float> fused(build.network(), 1);
  REQUIRE(fused.network.depth() == 2);
  REQUIRE(fused.network.graph().is_chain(2));

  GraphBuilder<float>
      apart;  // a sum of one input stands between; the maps' random streams are those of the first network
  std::size_t at = apart.sum({apart.map(6, kNetworkInput)});
  at = apart.phi(activation("prelu"), at);
  at = apart.sum({apart.map(3, at)});
  apart.phi(activation("identity"), at);
  GraphBench<float> split(apart.network(), 1);
  REQUIRE(split.network.depth() == 6);
  split.network.copy_parameters(fused.network);

  const std::vector<Matrix<float>> one = fused.gradients();
  const std::vector<Matrix<float>> two = split.gradients();
  CHECK(fused.state.output() == split.state.output());
  REQUIRE(one.size() == two.size());
  for (std::size_t which = 0; which < one.size(); ++which)
    CHECK((one[which] - two[which]).norm() <= 1e-5F * one[which].norm());
}

TEST_CASE("a graph knows its ways") {
  //   0 → 1 → 3 → 4, 0 → 2 → 3
  const Graph graph({{kNetworkInput}, {0}, {0}, {1, 2}, {3}});
  CHECK(graph.is_chain(2));
  CHECK_FALSE(graph.is_chain(3));
  using Marks = std::vector<bool>;
  CHECK(graph.reach({false, false, false, false, true}, {false, true, false, false, false}) ==
        Marks{true, false, true, true, true});
  CHECK(graph.reach({false, false, false, false, true}, {false, true, true, false, false}) ==
        Marks{false, false, false, true, true});
  // What is blocked can still be an end.
  CHECK(graph.reach({false, true, false, false, false}, {true, true, false, false, false}) ==
        Marks{false, true, false, false, false});
  CHECK(graph.input_reaches_output({false, true, false, false, false}));
  CHECK_FALSE(graph.input_reaches_output({false, true, true, false, false}));
  CHECK_FALSE(graph.input_reaches_output({false, false, false, false, true}));
  CHECK_THROWS_AS(Graph({{kNetworkInput}, {}}), std::logic_error);
  CHECK_THROWS_AS(Graph({{1}, {kNetworkInput}}), std::logic_error);
  CHECK_THROWS_AS(Graph({{kNetworkInput}, {kNetworkInput}}), std::logic_error);  // 0 feeds nothing
}
