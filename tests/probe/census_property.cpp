#include "probe/census_property.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "experiment/training_step.hpp"
#include "nn/layer_norm.hpp"
#include "optim/schedule.hpp"
#include "probe/coroner.hpp"
#include "probe/exact_census.hpp"
#include "probe/prognosis.hpp"
#include "support/random_graph.hpp"

namespace reluscope::test {

namespace {

/// Every tenth experiment trains long: locks are for good.
constexpr std::int64_t kSteps = 60;
constexpr std::int64_t kManySteps = 800;

/// What all experiments together have shown, so that a test that shows nothing fails.
struct Tally {
  std::int64_t experiments = 0, graphs = 0, mute_deaths = 0, dead = 0, deaths = 0, revivals = 0, bounds = 0, tight = 0,
               autopsies = 0, image_deaths = 0, norm_deaths = 0, norm_locks = 0;
  std::array<std::int64_t, 4> locks{};
  std::array<std::int64_t, kDeviceNames.size()> settled{};
  std::int64_t evaluated = 0, brute = 0;
};

/// Units that were alive in the first census, if there was one, and are dead in the second.
std::vector<Death> deaths_between(const CensusResult& before, const CensusResult& now) {
  std::vector<Death> deaths;
  for (std::size_t layer = 0; layer < before.layers.size(); ++layer)
    for (std::size_t unit = 0; unit < now.layers[layer].units.size(); ++unit)
      if (now.layers[layer].units[unit].dead && !before.layers[layer].units[unit].dead)
        deaths.push_back({layer, unit, before.layers[layer].units[unit].witness});
  return deaths;
}

/// Of each site: whether a layer norm feeds it, with nothing between but an affine map.
template <class T>
std::vector<bool> stands_on_layer_norm(const Network<T>& network) {
  const auto is_norm = [&](std::size_t node) {
    return node != kNetworkInput && dynamic_cast<const LayerNorm<T>*>(&network.node(node)) != nullptr;
  };
  std::vector<bool> sites;
  for (const std::size_t site : network.sites()) sites.push_back(is_norm(network.graph().inputs_of(site)[0]));
  return sites;
}

/// Half of the layer norms start with scales and shifts that kill.
template <class T>
void plant_deaths(Network<T>& network, std::uint64_t seed) {
  Rng rng(seed, Purpose::generator, 82);
  for (std::size_t at = 0; at < network.depth(); ++at) {
    if (!network.node(at).normal_reach() || !network.node(at).has_parameters() || rng.uniform() < 0.5) continue;
    for (T& scale : network.node(at).parameter(ParameterRole::scale)->value.reshaped())
      scale = static_cast<T>(rng.uniform(0.0, 1.2));
    for (T& shift : network.node(at).parameter(ParameterRole::shift)->value.reshaped())
      shift = static_cast<T>(rng.uniform(-3.0, 1.0));
  }
  network.parameters_changed();
}

template <class T>
void run(const RandomExperiment& one, std::uint64_t seed, Tally& tally) {
  INFO("experiment " << seed << (std::is_same_v<T, float> ? " in float32" : " in float64"));
  Rng rng(seed, Purpose::generator, 78);
  ThreadPool pool(static_cast<int>(1 + rng.below(2)));
  // A third are graphs.
  const bool is_graph = seed % 3 == 2;
  Network<T> network = is_graph ? random_graph<T>(one, seed) : Network<T>(one.network, one.dataset.shape(), seed);
  plant_deaths(network, seed);
  const std::vector<bool> on_mute = stands_on_mute(network);
  const std::vector<bool> on_norm = stands_on_layer_norm(network);
  const std::string loss_name = one.dataset.task == Task::classification ? "cross_entropy" : "mse";
  const Choice chosen = loss(loss_name);
  const LossEntry& entry = *find_entry(loss_table(), loss_name);
  Optimizer<T> optimizer(one.optimizer, one.clipping, one.penalty, network.parameters());
  const Choice& output = *one.network.layers.back().activation;
  TrainingStep<T> step(
      network, one.dataset,
      {entry, chosen.params, plan_targets(chosen, output, one.dataset, network.outputs()), one.penalty}, optimizer,
      one.batch, pool);
  LazyExtent<T> extent(one.dataset, pool);
  const auto exact = make_exact_census(network, one.dataset, extent, pool, seed);
  const auto brute = make_brute_census(network, one.dataset, extent, pool);
  Prognosis<T> prognosis(network, optimizer, one.penalty, extent);
  // Rates may change on the way.
  const Schedule schedule(choose(schedule_table(), rng.uniform() < 0.5 ? "constant" : "cosine"),
                          static_cast<std::int64_t>(rng.below(10)), 0.1);
  const std::int64_t steps = seed % 10 == 9 ? kManySteps : kSteps;
  const RateHorizon horizon(schedule, one.lr, steps, 10);
  const auto every = static_cast<std::int64_t>(1 + rng.below(rng.uniform() < 0.5 ? 1 : 12));
  CensusResult last;
  for (std::int64_t at = 0; at < steps; ++at) {
    std::vector<Index> batch(static_cast<std::size_t>(one.batch));
    for (Index& sample : batch)
      sample = static_cast<Index>(rng.below(static_cast<std::uint64_t>(one.dataset.train.count())));
    Pass pass{true, Measure::activity, seed, static_cast<std::uint64_t>(at)};
    if (rng.uniform() < 0.5) pass.measure = Measure::batch;
    step.compute(batch, pass);
    const CensusResult truth = brute->take(network, nullptr);
    const bool due = at % every == 0;
    CensusResult found;
    std::vector<DeadBounds> bounds;
    std::vector<Death> deaths;
    std::vector<Autopsy> autopsies;
    if (due) {
      found = exact->take(network, &step.activity(), [&](const CensusResult& result) {
        deaths = deaths_between(last, result);
        for (const Death& death : deaths) REQUIRE(death.witness >= 0);
        autopsies = examine(exact->last(), network, one.dataset, deaths);
      });
      REQUIRE(found.collapsed == truth.collapsed);
    } else {
      bounds = exact->bounds(network, step.activity());
    }
    for (std::size_t layer = 0; layer < truth.layers.size(); ++layer) {
      const auto& units = truth.layers[layer].units;
      if (due) {
        for (std::size_t unit = 0; unit < units.size(); ++unit) {
          const UnitCensus& seen = found.layers[layer].units[unit];
          INFO("step " << at << ", layer " << layer << ", unit " << unit << ", by "
                       << kDeviceNames[static_cast<std::size_t>(seen.device)] << ", margin " << units[unit].margin);
          REQUIRE(seen.dead == units[unit].dead);
          REQUIRE(seen.dead_on_domain == units[unit].dead_on_domain);
          if (seen.dead) REQUIRE(seen.margin <= units[unit].margin);
          if (seen.dead) ++tally.dead;
          if (seen.dead && network.site(layer).positions() > 1) ++tally.image_deaths;
          if (seen.dead_on_domain && on_norm[layer]) ++tally.norm_deaths;
          if (seen.dead && on_mute[layer]) {  // nothing is known of what feeds it
            REQUIRE_FALSE(seen.dead_on_domain);
            REQUIRE(seen.device == Device::scan);
            ++tally.mute_deaths;
          }
          if (!last.layers.empty() && seen.dead != last.layers[layer].units[unit].dead)
            ++(seen.dead ? tally.deaths : tally.revivals);
        }
      } else {
        const std::int64_t dead = truth.layers[layer].dead();
        INFO("step " << at << ", layer " << layer << ": " << bounds[layer].dead_min << " <= " << dead
                     << " <= " << bounds[layer].dead_max);
        REQUIRE(bounds[layer].dead_min <= dead);
        REQUIRE(bounds[layer].dead_max >= dead);
        for (const std::size_t unit : bounds[layer].dead) REQUIRE(units[unit].dead);
        ++tally.bounds;
        if (bounds[layer].dead_min == bounds[layer].dead_max) ++tally.tight;
      }
      for (std::size_t unit = 0; unit < units.size(); ++unit) {
        INFO("step " << at << ", layer " << layer << ", unit " << unit << ": "
                     << lock_name(prognosis.locks()[layer][unit]) << ", margin " << units[unit].margin);
        if (prognosis.locks()[layer][unit] == Lock::none) continue;
        REQUIRE(units[unit].dead);
        // A layer norm answers for itself, whatever feeds it.
        REQUIRE((!on_mute[layer] || (on_norm[layer] && network.site(layer).affine() == nullptr)));
      }
    }
    if (due) {
      for (const Autopsy& autopsy : autopsies) {
        const double total = autopsy.own_weights + autopsy.own_bias + autopsy.norm + autopsy.skip + autopsy.upstream;
        if (!std::isfinite(autopsy.rounding)) continue;  // a run on its way to infinity
        REQUIRE(std::abs(total - (autopsy.z_now - autopsy.z_before)) <= autopsy.rounding);
        ++tally.autopsies;
      }
      prognosis.judge(at, found, horizon.from(at));
      last = found;
    }
    step.apply(one.lr * schedule.factor({at, steps, 10}));
    if (!std::isfinite(step.result().loss) || !std::isfinite(step.result().total.gradient_square)) break;
  }
  for (std::size_t layer = 0; layer < on_norm.size(); ++layer)
    for (const Lock lock : prognosis.locks()[layer]) {
      ++tally.locks[static_cast<std::size_t>(lock)];
      if (lock == Lock::domain && on_norm[layer] && network.site(layer).affine() == nullptr) ++tally.norm_locks;
    }
  for (std::size_t device = 0; device < kDeviceNames.size(); ++device)
    tally.settled[device] += exact->work().settled[device];
  tally.evaluated += exact->work().samples;
  tally.brute += exact->work().censuses * one.dataset.train.count();
  ++tally.experiments;
  if (is_graph) ++tally.graphs;
}

}  // namespace

void hold_experiments(std::int64_t first, std::int64_t end) {
  Tally tally;
  for (std::int64_t seed = first; seed < end; ++seed) {
    const RandomExperiment one = draw_experiment(static_cast<std::uint64_t>(seed));
    if (seed % 4 == 0) {
      run<double>(one, static_cast<std::uint64_t>(seed), tally);
    } else {
      run<float>(one, static_cast<std::uint64_t>(seed), tally);
    }
  }
  MESSAGE(tally.experiments << " experiments, " << tally.graphs << " graphs, " << tally.mute_deaths
                            << " dead behind mute nodes, " << tally.image_deaths << " of several positions, "
                            << tally.norm_deaths << " by a layer norm (" << tally.norm_locks
                            << " locked): " << tally.dead << " dead at censuses, " << tally.deaths << " deaths, "
                            << tally.revivals << " revivals, " << tally.autopsies << " autopsies; " << tally.bounds
                            << " bounds, " << tally.tight << " of them tight; " << tally.evaluated << " of "
                            << tally.brute << " samples run");
  for (std::size_t device = 0; device < kDeviceNames.size(); ++device)
    MESSAGE(std::string(kDeviceNames[device]) << ": " << tally.settled[device]);
  for (const Lock lock : {Lock::domain, Lock::sign, Lock::frozen})
    MESSAGE(std::string(lock_name(lock)) << ": " << tally.locks[static_cast<std::size_t>(lock)]);
  // The corpus must be able to show what it is held against.
  CHECK(tally.mute_deaths > tally.graphs);
  CHECK(tally.image_deaths > 5 * tally.experiments);
  CHECK(tally.norm_deaths > tally.experiments / 2);
  CHECK(tally.norm_locks > tally.experiments / 20);
  CHECK(tally.deaths > 5 * tally.experiments);
  CHECK(tally.revivals > 5 * tally.experiments);
  CHECK(tally.tight > tally.bounds / 4);
  for (const std::int64_t settled : tally.settled) CHECK(settled > 20 * tally.experiments);
  for (const Lock lock : {Lock::domain, Lock::sign, Lock::frozen})
    CHECK(tally.locks[static_cast<std::size_t>(lock)] > tally.experiments / 3);
}

}  // namespace reluscope::test
