// A training step allocates nothing once it has run.
#include <doctest/doctest.h>

#include <cmath>

#include "experiment/training_step.hpp"
#include "support/heap.hpp"
#include "support/naive.hpp"
#include "support/specs.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

template <class T>
std::int64_t allocations_of_later_steps(const NetworkSpec& spec, const Clipping& clipping, int threads) {
  Matrix<double> points(20, 300);
  Rng rng(1, Purpose::generator);
  for (double& value : points.reshaped()) value = rng.normal();
  const Dataset dataset = dataset_of(points);
  Network<T> network(spec, 20, 1);
  const Penalty penalty{1e-4, 1e-4, 1e-4};
  Optimizer<T> adam(optimizer("adam"), clipping, penalty, network.parameters());
  ThreadPool pool(threads);
  const Choice ce = loss("cross_entropy");
  TrainingStep<T> step(network, dataset,
                       {*find_entry(loss_table(), ce.name), ce.params, {TargetCoding::classes, 0.0}, penalty}, adam,
                       200, pool);
  std::vector<Index> samples(200);
  for (std::size_t at = 0; at < samples.size(); ++at) samples[at] = static_cast<Index>(at);
  double measured = 0.0;
  const auto run = [&](std::uint64_t number) {
    step.compute(samples, {true, Measure::batch, 0, number});
    step.apply(1e-3);
    for (const std::size_t layer : network.sites()) measured += step.statistics(layer).z_std + step.noise()->scale();
  };
  run(0);
  const std::int64_t before = heap_allocations.load();
  for (std::uint64_t number = 1; number < 6; ++number) run(number);
  const std::int64_t counted = heap_allocations.load() - before;
  CHECK(measured > 0.0);
  return counted;
}

}  // namespace

TEST_CASE("after the first, a step with every statistic allocates nothing") {
  NetworkSpec small;
  small.layers = {dense("a", 16, activation("relu")), dropout("drop", 0.2), dense("b", 7, activation("prelu")),
                  dense("out", 2)};
  NetworkSpec large;
  large.layers = {dense("a", 300, activation("elu")), dense("b", 300, activation("gelu")), dense("out", 2)};
  std::int64_t counted = heap_allocations.load();
  ::operator delete(::operator new(3));  // in words that no optimiser may leave out
  REQUIRE(heap_allocations.load() == counted + 1);
  for (const NetworkSpec& spec : {small, large})
    for (const int threads : {1, 2})
      for (const Clipping& clipping : {Clipping{}, Clipping{1.0, std::nullopt}}) {
        CHECK(allocations_of_later_steps<float>(spec, clipping, threads) == 0);
        CHECK(allocations_of_later_steps<double>(spec, clipping, threads) == 0);
      }
}
