// Which channels leave a network, and what its outputs are without them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "experiment/prune_check.hpp"
#include "experiment/prune_plan.hpp"
#include "probe/reach.hpp"
#include "support/random_experiment.hpp"
#include "support/test_nodes.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

/// Of each site's units: whether every position of every training sample is in the dead region.
template <class T>
std::vector<std::vector<bool>> dead_units(const Network<T>& network, const Dataset& dataset) {
  const Index samples = dataset.train.count();
  NetworkState<T> state(network, samples);
  std::vector<Index> order(static_cast<std::size_t>(samples));
  for (Index sample = 0; sample < samples; ++sample) order[static_cast<std::size_t>(sample)] = sample;
  gather<T>(dataset, dataset.train, order, state.input().leftCols(samples));
  Pass pass;
  pass.measure = Measure::census;
  for (const Shard& shard : cut_into_shards(samples)) state.forward(network, shard, pass);
  std::vector<std::vector<bool>> dead;
  for (const std::size_t at : network.sites()) {
    std::vector<bool>& mine = dead.emplace_back(static_cast<std::size_t>(network.node(at).units()), true);
    for (const ShardSums<T>& sums : state.node(at).shards)
      for (std::size_t unit = 0; unit < mine.size(); ++unit)
        mine[unit] = mine[unit] && sums.census.margin[static_cast<Index>(unit)] >= T(0);
  }
  dead.back().assign(dead.back().size(), false);
  return dead;
}

template <class T>
struct Pruned {
  std::vector<std::vector<bool>> dead;
  PrunePlan<T> plan;
  Network<T> smaller;
  OutputCheck check;

  const PrunedLayer& layer(const std::string& name) const {
    return *std::find_if(plan.layers.begin(), plan.layers.end(), [&](const auto& one) { return one.name == name; });
  }
  [[nodiscard]] std::int64_t kept(const std::string& name, Obstacle why) const {
    return layer(name).kept[static_cast<std::size_t>(why)];
  }
};

const TargetPlan kClasses{TargetCoding::classes};

template <class T>
Pruned<T> prune_it(const Network<T>& network, const Dataset& dataset) {
  ThreadPool pool(1);
  const std::vector<std::vector<bool>> dead = dead_units(network, dataset);
  PrunePlan<T> plan = plan_pruning(network, dead, measure_ranges(network, dataset, pool));
  std::optional<Network<T>> smaller = plan.masked.select_channels(plan.kept);
  REQUIRE(smaller.has_value());
  const OutputCheck check = check_outputs(network, plan, *smaller, dataset, dataset.train, kClasses, pool);
  return {dead, std::move(plan), std::move(*smaller), check};
}

/// 24 samples of two channels, 6 × 6 positions.
Dataset some_images() {
  const Shape shape(2, 6, 6);
  Rng rng(3, Purpose::generator, 12);
  Matrix<double> points(shape.size(), 24);
  for (double& value : points.reshaped()) value = rng.normal();
  Dataset dataset = dataset_of(points);
  dataset.image = shape;
  return dataset;
}

const Settings kSame = {{"padding", std::string("same")}};
LayerSpec relu_conv(const std::string& name, Index channels, const Settings& settings = kSame) {
  return conv2d(name, channels, 3, settings, activation("relu"), weights("he_normal"), biases("zeros"));
}

Network<float> network_of(std::vector<LayerSpec> layers) {
  NetworkSpec spec;
  spec.layers = std::move(layers);
  spec.layers.push_back(dense("out", 2));
  return Network<float>(spec, Shape(2, 6, 6), 1);
}

/// The node of this name that has the parameter.
Matrix<float>& parameter_of(Network<float>& network, const std::string& name, ParameterRole role) {
  for (std::size_t at = 0; at < network.depth(); ++at)
    if (network.node(at).name() == name && network.node(at).parameter(role) != nullptr)
      return network.node(at).parameter(role)->value;
  FAIL("no such parameter");
  return network.parameters()[0]->value;
}

/// The unit's own pre-activation is this, whatever it reads.
void set_constant(Network<float>& network, const std::string& name, Index unit, float z) {
  parameter_of(network, name, ParameterRole::weight).row(unit).setZero();
  parameter_of(network, name, ParameterRole::bias)(unit, 0) = z;
}

/// Both networks say the same, as exactly as they must, and most of it by proof.
void check_same(const OutputCheck& check) {
  CHECK(check.samples == 24);
  REQUIRE(check.bound.has_value());
  CHECK(*check.bound < 1e-2);
  CHECK(check.largest_difference <= *check.bound);
  CHECK(check.beyond_bound == 0);
  CHECK(check.same_predictions == 24);
  CHECK(check.proved_predictions > 18);
}

}  // namespace

TEST_CASE("a dead channel leaves a convolution, with what reads it before pools and a dense layer") {
  const Dataset dataset = some_images();
  for (const char* between : {"max_pool", "avg_pool"}) {
    CAPTURE(between);
    Network<float> network = network_of({relu_conv("a", 5), pool("pool", between, 3, {{"padding", std::int64_t{1}}}),
                                         relu_conv("b", 4), dropout("drop", 0.3), dense("c", 6, activation("relu"))});
    set_constant(network, "a", 1, -1.0F);
    set_constant(network, "b", 0, -2.0F);
    set_constant(network, "b", 3, 0.0F);
    const Pruned<float> pruned = prune_it(network, dataset);
    CHECK(pruned.layer("a").removed == 1);
    CHECK(pruned.layer("b").removed == 2);
    CHECK(pruned.plan.kept[network.sites()[0]] == std::vector<Index>{0, 2, 3, 4});
    check_same(pruned.check);
    // 6 × 6 positions; the pool leaves 2 × 2, at which the second convolution makes what the dense layer reads.
    const Network<float>& smaller = pruned.smaller;
    CHECK(smaller.site(0).affine()->array_shape(ParameterRole::weight) == std::vector<Index>{4, 2, 3, 3});
    CHECK(smaller.site(1).affine()->array_shape(ParameterRole::weight) == std::vector<Index>{2, 4, 3, 3});
    CHECK(smaller.site(2).affine()->array_shape(ParameterRole::weight) == std::vector<Index>{6, 2 * 4});
    // The dense layer reads channel by channel: those of channels 1 and 2 are left.
    const Matrix<float> before = parameter_of(network, "c", ParameterRole::weight);
    CHECK(smaller.site(2).affine()->weights() == before.middleCols(4, 8));
  }
}

TEST_CASE("a channel dead behind a norm leaves with its scale, shift and statistics") {
  const Dataset dataset = some_images();
  Network<float> network = network_of({with_norm(relu_conv("a", 4)), plain("all", "global_avg_pool")});
  parameter_of(network, "a", ParameterRole::scale)(1, 0) = 0.0F;
  parameter_of(network, "a", ParameterRole::shift)(1, 0) = -0.5F;
  network.node(2).buffers()[0]->value << 0.0F, 0.0F, 1e4F, 0.25F;  // a mean that nothing comes near to
  network.node(2).buffers()[1]->value << 1.0F, 1.0F, 1.0F, 2.0F;
  network.parameters_changed();
  const Pruned<float> pruned = prune_it(network, dataset);
  CHECK(pruned.dead[0] == std::vector<bool>{false, true, true, false});
  CHECK(pruned.layer("a").removed == 2);
  check_same(pruned.check);
  const Node<float>& norm = pruned.smaller.node(2);
  CHECK(norm.buffers()[0]->value == Matrix<float>(Vector<float>{{0.0F, 0.25F}}));
  CHECK(norm.buffers()[1]->value == Matrix<float>(Vector<float>{{1.0F, 2.0F}}));
  CHECK(norm.parameter(ParameterRole::scale)->value.size() == 2);
  CHECK(pruned.smaller.site(0).units() == 2);
}

TEST_CASE("slopes of a prelu leave with their channels") {
  const Dataset dataset = some_images();
  Network<float> network = network_of({conv2d("a", 3, 3, kSame, activation("prelu")), relu_conv("b", 2)});
  set_constant(network, "a", 0, -1.0F);
  parameter_of(network, "a", ParameterRole::slope) << 0.0F, 0.5F, 0.25F;
  network.parameters_changed();
  const Pruned<float> pruned = prune_it(network, dataset);
  CHECK(pruned.layer("a").removed == 1);
  CHECK(pruned.smaller.site(0).parameter(ParameterRole::slope)->value == Matrix<float>(Vector<float>{{0.5F, 0.25F}}));
  check_same(pruned.check);
}

TEST_CASE("inside a residual block channels leave, and what is summed up leaves by agreement alone") {
  const Dataset dataset = some_images();
  const auto block = [](const std::string& name) {
    return residual(name, {relu_conv(name + "1", 3), bare(relu_conv(name + "2", 4))}, {}, activation("relu"));
  };
  Network<float> network = network_of({relu_conv("stem", 4), block("r"), block("s"), relu_conv("last", 3)});
  set_constant(network, "r1", 2, -1.0F);
  // Channel 0 is dead in the stem and behind both sums; channel 1 behind the second sum alone.
  set_constant(network, "stem", 0, -1.0F);
  set_constant(network, "r2", 0, -1.0F);
  set_constant(network, "s2", 0, -1.0F);
  set_constant(network, "s2", 1, -1e3F);
  const Pruned<float> pruned = prune_it(network, dataset);
  CHECK(pruned.layer("r1").removed == 1);
  for (const char* layer : {"stem", "r", "s"}) {
    CAPTURE(layer);
    CHECK(pruned.layer(layer).removed == 1);
  }
  CHECK(pruned.kept("s", Obstacle::coupled) == 1);
  CHECK(pruned.kept("stem", Obstacle::coupled) == 0);
  check_same(pruned.check);
}

TEST_CASE("a shortcut of its own ties the two branches alone") {
  const Dataset dataset = some_images();
  Network<float> network = network_of(
      {relu_conv("stem", 4), residual("r", {relu_conv("r1", 3), bare(relu_conv("r2", 5))},
                                      {bare(conv2d("short", 5, 1)), pool("pool", "avg_pool", 1)}, activation("relu"))});
  set_constant(network, "stem", 2, -1.0F);
  set_constant(network, "r2", 4, -1.0F);
  set_constant(network, "short", 4, 0.5F);
  const Pruned<float> pruned = prune_it(network, dataset);
  CHECK(pruned.layer("stem").removed == 1);
  CHECK(pruned.layer("r").removed == 1);
  check_same(pruned.check);
}

TEST_CASE("a constant other than 0 leaves where what reads it does not pad") {
  const Dataset dataset = some_images();
  const Choice relu6 = activation("relu6");
  const auto top = [&](std::vector<LayerSpec> readers) {
    readers.insert(readers.begin(), conv2d("a", 3, 3, kSame, relu6));
    Network<float> network = network_of(std::move(readers));
    set_constant(network, "a", 1, 30.0F);
    return prune_it(network, dataset);
  };
  const Pruned<float> padded = top({relu_conv("b", 2)});
  CHECK(padded.kept("a", Obstacle::padded) == 1);
  CHECK(padded.layer("a").removed == 0);
  const Pruned<float> folded = top({relu_conv("b", 2, {})});
  CHECK(folded.layer("a").removed == 1);
  CHECK(folded.plan.folded == 1);
  check_same(folded.check);
  LayerSpec reader = relu_conv("b", 2, {});
  reader.init->bias = biases("none");
  CHECK(top({reader}).kept("a", Obstacle::no_bias) == 1);
  // A mean with padded zeros is another number at the edge, which only a reader that knows the place can take in.
  const LayerSpec mean = pool("p", "avg_pool", 3, {{"stride", std::int64_t{1}}, {"padding", std::int64_t{1}}});
  CHECK(top({mean, relu_conv("b", 2, {})}).kept("a", Obstacle::varies) == 1);
  const Pruned<float> by_place = top({mean});
  CHECK(by_place.layer("a").removed == 1);
  check_same(by_place.check);
  // What is padded never is the largest value.
  const LayerSpec largest = pool("p", "max_pool", 3, {{"padding", std::int64_t{1}}});
  CHECK(top({largest, conv2d("b", 2, 1, {}, activation("relu"))}).layer("a").removed == 1);
}

TEST_CASE("a layer keeps one unit, and what a node that says nothing reads stays whole") {
  const Dataset dataset = some_images();
  Network<float> network = network_of({relu_conv("a", 3), relu_conv("b", 2)});
  for (Index unit = 0; unit < 3; ++unit) set_constant(network, "a", unit, -1.0F);
  const Pruned<float> one_left = prune_it(network, dataset);
  CHECK(one_left.layer("a").removed == 2);
  CHECK(one_left.kept("a", Obstacle::last) == 1);

  NetworkSpec spec;
  spec.layers = {relu_conv("a", 3), relu_conv("b", 2), dense("out", 2)};
  std::vector<GraphNode<float>> nodes = draw_nodes<float>(spec, Shape(2, 6, 6), 1);
  // Channels last, a's map and relu, b's map and relu, flatten, out: its activation: a mute node behind b's relu.
  nodes.insert(nodes.begin() + 5, {std::make_unique<Mute<float>>("mute", Shape(2, 6, 6)), {4}});
  nodes[6].inputs = {5};
  nodes[7].inputs = {6};
  nodes[8].inputs = {7};
  Network<float> mute(std::move(nodes), Shape(2, 6, 6));
  set_constant(mute, "a", 0, -1.0F);
  set_constant(mute, "b", 0, -1.0F);
  const Pruned<float> pruned = prune_it(mute, dataset);
  CHECK(pruned.layer("a").removed == 1);
  CHECK(pruned.layer("b").removed == 0);
  CHECK(pruned.kept("b", Obstacle::mixed) == 1);
  CHECK_FALSE(pruned.check.bound.has_value());
  CHECK(pruned.check.largest_difference < 1e-4);
}

TEST_CASE("the bound on how far outputs are apart is sharp where nothing cancels") {
  // Nothing is negative anywhere, so that what a bias adds goes up through every node, and all bounds add up to it.
  NetworkSpec spec;
  spec.layers = {with_norm(relu_conv("a", 3)),
                 pool("largest", "max_pool", 2),
                 pool("mean", "avg_pool", 3, {{"stride", std::int64_t{1}}, {"padding", std::int64_t{1}}}),
                 residual("r", {relu_conv("b", 2), bare(relu_conv("c", 3))}, {}, activation("relu")),
                 dropout("drop", 0.2),
                 dense("out", 2)};
  Network<double> network(spec, Shape(2, 6, 6), 1);
  for (Parameter<double>* parameter : network.parameters()) parameter->value = parameter->value.cwiseAbs().eval();
  Network<double> other = network;
  other.node(1).parameter(ParameterRole::bias)->value.array() += 0.01;
  const Matrix<double> input = Matrix<double>::Random(network.inputs(), 5).cwiseAbs();
  const auto outputs = [&](const Network<double>& one, NetworkState<double>& state) {
    state.input().leftCols(5) = input;
    state.forward(one, {0, 0, 5}, {});
    return Matrix<double>(state.output().leftCols(5));
  };
  NetworkState<double> state(network, 5);
  NetworkState<double> other_state(other, 5);
  const Matrix<double> moved = outputs(other, other_state) - outputs(network, state);
  const std::optional<Matrix<double>> apart = outputs_apart(network, other, state, 5);
  REQUIRE(apart.has_value());
  CHECK(moved.minCoeff() > 0.01);
  CHECK((moved.array() <= apart->array()).all());
  CHECK((apart->array() <= moved.array() * (1.0 + 1e-6)).all());

  // Of one map: both sums may be off by γ of n products and a bias (Higham 2002, section 3.1).
  NetworkSpec map;
  map.layers = {dense("out", 1)};
  const Network<double> sum(map, 72, 1);
  NetworkState<double> sum_state(sum, 5);
  outputs(sum, sum_state);
  const Affine<double>& affine = *sum.site(0).affine();
  const Matrix<double> sizes = (affine.weights().cwiseAbs() * input).array() + std::abs(affine.bias_of(0));
  CHECK((outputs_apart(sum, sum, sum_state, 5)->array() >= 2.0 * 73.0 * 0x1p-53 * sizes.array()).all());
}

TEST_CASE("random networks without their dead units say what they said, and no live unit leaves") {
  std::int64_t removed = 0;
  std::int64_t bounded = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    const RandomExperiment one = draw_experiment(seed);
    if (!one.dataset.image) continue;
    const Network<float> network(one.network, one.dataset.shape(), seed);
    const Pruned<float> pruned = prune_it(network, one.dataset);
    for (std::size_t site = 0; site + 1 < network.sites().size(); ++site) {
      const std::vector<Index>& kept = pruned.plan.kept[network.sites()[site]];
      for (Index unit = 0; unit < network.site(site).units(); ++unit) {
        if (std::binary_search(kept.begin(), kept.end(), unit)) continue;
        ++removed;
        CHECK(pruned.dead[site][static_cast<std::size_t>(unit)]);
      }
    }
    if (adds_in_order(network)) {
      if (pruned.plan.folded == 0) CHECK(pruned.check.differing == 0);
      continue;
    }
    CHECK(pruned.check.beyond_bound == 0);
    if (!pruned.check.bound) continue;
    ++bounded;
    // What leaves costs rounding alone: the bound is about what it is between the network and itself.
    const PrunePlan<float> nothing{network, {}, {}, 0};
    ThreadPool pool(1);
    const OutputCheck itself = check_outputs(network, nothing, network, one.dataset, one.dataset.train, kClasses, pool);
    REQUIRE(itself.bound.has_value());
    CHECK(itself.largest_difference == 0.0);
    CHECK(*pruned.check.bound <= 3.0 * *itself.bound);
  }
  CHECK(removed > 200);
  CHECK(bounded > 50);
}
