// A census of given parameters, held against the definition and against planted deaths.
#include "experiment/network_census.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "config/load.hpp"
#include "experiment/initial_network.hpp"
#include "experiment/run.hpp"
#include "experiment/setup.hpp"
#include "probe/census.hpp"
#include "probe/sample_runner.hpp"
#include "support/command.hpp"
#include "support/random_experiment.hpp"
#include "trace/weights.hpp"

using namespace reluscope;

namespace {

struct Plant {
  std::size_t site;
  Index unit;
  float bias;
};

/// A drawn network of three layers, some of whose units get another bias, by way of a file.
class Planted {
 public:
  explicit Planted(const std::vector<Plant>& plants, const std::string& precision = "float32")
      : spec_(parse_experiment(R"({
          "data": {"kind": "moons", "n_samples": 300, "noise": 0.1, "normalize": "standard"},
          "precision": ")" + precision +
                                   R"(",
          "network": {"layers": [{"units": 12, "activation": "relu"}, {"units": 9, "activation": "relu6"},
                                 {"units": 2}]},
          "record": {"probe": 50}})",
                               "test", ".")),
        data_(load_dataset(spec_.data, spec_.seed)) {
    Network<float> network(spec_.network, data_.features(), spec_.seed);
    for (const Plant& plant : plants)
      network.node(network.sites()[plant.site]).parameter(ParameterRole::bias)->value(plant.unit, 0) = plant.bias;
    write_safetensors(place_.path() / "w.safetensors", export_weights(network));
    spec_.network.init_from = place_.path() / "w.safetensors";
  }

  NetworkCensus take(DataPart part = DataPart::train) {
    ThreadPool pool(2);
    return take_network_census(spec_, data_, part, pool);
  }
  template <class T>
  CensusResult brute() {
    ThreadPool pool(1);
    const Network<T> network = initial_network<T>(spec_, data_.shape(), spec_.seed);
    LazyExtent<T> extent(data_, pool);
    return make_brute_census(network, data_, extent, pool)->take(network, nullptr);
  }
  [[nodiscard]] const ExperimentSpec& spec() const { return spec_; }
  Dataset& data() { return data_; }

 private:
  test::Workplace place_;
  ExperimentSpec spec_;
  Dataset data_;
};

void check_equal(const NetworkCensus& census, const CensusResult& brute) {
  REQUIRE(census.sites.size() == brute.layers.size());
  CHECK(census.collapsed == brute.collapsed);
  for (std::size_t at = 0; at < brute.layers.size(); ++at) {
    CHECK(census.sites[at].row.dead == brute.layers[at].dead());
    for (std::size_t unit = 0; unit < brute.layers[at].units.size(); ++unit) {
      const UnitCensus& expected = brute.layers[at].units[unit];
      const UnitRecord& found = census.sites[at].units[unit];
      CAPTURE(at);
      CAPTURE(unit);
      CHECK((found.state == "dead") == expected.dead);
      CHECK(found.margin.value_or(-std::numeric_limits<double>::infinity()) == expected.margin);
      CHECK(census.sites[at].dead_on_domain[unit] == expected.dead_on_domain);
    }
  }
}

/// Rates of each unit of the relu sites by their outputs, counted one by one: how many units were compared, and with
/// what cover, is added up.
template <class T>
void check_rates(const ExperimentSpec& spec, const Dataset& dataset, const NetworkCensus& census, std::int64_t& units,
                 double& cover) {
  const Network<T> network = initial_network<T>(spec, dataset.shape(), spec.seed);
  ThreadPool pool(1);
  const Index samples = dataset.train.count();
  SampleRunner<T> runner(network, dataset, pool, samples);
  std::vector<Index> all(static_cast<std::size_t>(samples));
  std::iota(all.begin(), all.end(), Index{0});
  runner.run(network, all, Measure::nothing);
  for (std::size_t at = 0; at < census.sites.size(); ++at) {
    const Node<T>& site = network.site(at);
    if (site.activation()->entry().name != "relu" || site.positions() == 1) continue;
    const Matrix<T>& output = runner.state().node(network.sites()[at]).output;
    for (Index unit = 0; unit < site.units(); ++unit) {
      std::int64_t live = 0;
      std::set<Index> live_samples;
      std::set<Index> live_positions;
      for (Index sample = 0; sample < samples; ++sample)
        for (Index position = 0; position < site.positions(); ++position)
          if (output(position * site.units() + unit, sample) > T(0)) {
            ++live;
            live_samples.insert(sample);
            live_positions.insert(position);
          }
      const auto share = [](auto part, Index whole) { return static_cast<double>(part) / static_cast<double>(whole); };
      const UnitRecord& found = census.sites[at].units[static_cast<std::size_t>(unit)];
      CHECK(found.activation_rate == share(live, samples * site.positions()));
      CHECK(found.sample_rate == share(live_samples.size(), samples));
      CHECK(found.cover == share(live_positions.size(), site.positions()));
      ++units;
      cover += *found.cover;
    }
  }
}

const std::vector<Plant> kPlants = {{0, 3, -50.0F}, {0, 7, -1.5F}, {1, 0, -60.0F}, {1, 4, 90.0F}};

}  // namespace

TEST_CASE("the census of given parameters is that of brute force, with planted deaths and in both precisions") {
  Planted single(kPlants);
  check_equal(single.take(), single.brute<float>());
  Planted both(kPlants, "float64");
  check_equal(both.take(), both.brute<double>());
}

TEST_CASE("the census of what random runs have come to is their last one, to the last digit, convolutions included") {
  const test::Workplace place;
  std::int64_t compared = 0;
  std::int64_t dead = 0;
  std::int64_t with_positions = 0;
  std::int64_t counted = 0;
  double covered = 0.0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    test::RandomExperiment one = test::draw_experiment(seed);
    const bool classify = one.dataset.task == Task::classification;
    ExperimentSpec spec = parse_experiment(
        R"({"data": {"kind": "moons"}, "network": {"layers": [{"units": 2}]}, "train": {"steps": 12}})", "test", ".");
    spec.seed = seed;
    spec.precision = seed % 2 == 0 ? Precision::float32 : Precision::float64;
    spec.network = one.network;
    spec.loss = test::loss(classify ? "cross_entropy" : "mse");
    spec.train.optimizer = one.optimizer;
    spec.train.optimizer.params.set("lr", one.lr);
    spec.train.batch_size = one.batch;
    spec.train.penalty = one.penalty;
    spec.record.probe = seed % 3 == 0 ? 0 : 20;
    RecordMemory records;
    Tensors weights;
    RunControl control;
    control.weights = &weights;
    ThreadPool pool(1);
    const RunSummary summary = run_experiment(spec, one.dataset, records, pool, control);
    if (summary.failed) continue;
    write_safetensors(place.path() / "w.safetensors", weights);
    spec.network.init_from = place.path() / "w.safetensors";
    const NetworkCensus census = take_network_census(spec, one.dataset, DataPart::train, pool);
    CHECK(census.collapsed == summary.collapsed);
    CHECK(census.evaluation.loss == summary.train->loss);
    const std::size_t layers = census.sites.size();
    auto unit = records.unit_rows.begin();
    for (std::size_t at = 0; at < layers; ++at) {
      CAPTURE(at);
      const CensusRecord& last = records.census_rows[records.census_rows.size() - layers + at];
      const CensusRecord& found = census.sites[at].row;
      CHECK(found.layer == last.layer);
      CHECK(found.units == last.units);
      CHECK(found.dead == last.dead);
      CHECK(found.dead_on_domain == last.dead_on_domain);
      CHECK(found.saturated == last.saturated);
      CHECK(found.dormant == last.dormant);
      CHECK(found.effective_rank == last.effective_rank);
      CHECK(found.samples == last.samples);
      CHECK(found.positions == last.positions);
      for (const UnitRecord& row : census.sites[at].units) {
        CHECK(row.state == unit->state);
        CHECK(row.margin == unit->margin);
        CHECK(row.activation_rate == unit->activation_rate);
        CHECK(row.sample_rate == unit->sample_rate);
        CHECK(row.cover == unit->cover);
        CHECK(row.a_mean == unit->a_mean);
        CHECK(row.slope == unit->slope);
        ++unit;
        ++compared;
        with_positions += row.sample_rate ? 1 : 0;
      }
      dead += found.dead;
    }
    if (spec.precision == Precision::float32) {
      check_rates<float>(spec, one.dataset, census, counted, covered);
    } else {
      check_rates<double>(spec, one.dataset, census, counted, covered);
    }
  }
  CHECK(counted > 20);
  CHECK(covered > 1.0);
  CHECK(covered < static_cast<double>(counted) - 1.0);
  CHECK(compared > 1000);  // or it shows little
  CHECK(dead > 100);
  CHECK(with_positions > 50);
}

TEST_CASE("what is planted is found, what rests on training is left empty") {
  Planted net(kPlants);
  const NetworkCensus census = net.take();
  CHECK(census.sites[0].units[3].state == "dead");
  CHECK(census.sites[0].dead_on_domain[3]);
  CHECK(*census.sites[0].units[3].margin > 40.0);
  CHECK(census.sites[0].units[3].activation_rate == 0.0);
  CHECK(census.sites[1].units[0].state == "dead");
  CHECK(census.sites[1].units[4].state == "dead");  // above 6 for every sample
  for (const SiteCensus& site : census.sites) {
    CHECK(site.row.inherited == site.row.dead);
    CHECK(site.row.born_dead == 0);
    CHECK(site.row.not_finite == 0);
    CHECK_FALSE(is_measured(site.row, &CensusRecord::locked));
    CHECK_FALSE(is_measured(site.row, &CensusRecord::died));
    CHECK_FALSE(is_measured(site.row, &CensusRecord::revived));
    for (const UnitRecord& unit : site.units) {
      CHECK_FALSE(is_measured(unit, &UnitRecord::deaths));
      CHECK_FALSE(unit.locked);
      CHECK_FALSE(unit.min_steps_to_revive);
    }
  }
}

TEST_CASE("the test part is looked at in place of the training part, and the data are afterwards as before") {
  Planted net(kPlants);
  const std::uint32_t before = net.data().checksum();
  const NetworkCensus census = net.take(DataPart::test);
  CHECK(net.data().checksum() == before);
  CHECK(census.sites[0].row.samples == net.data().test.count());
  std::swap(net.data().train, net.data().test);
  check_equal(census, net.brute<float>());
}

TEST_CASE("a comparison names planted deaths and revivals, and nothing else") {
  const NetworkCensus before = Planted({{0, 3, -50.0F}, {0, 5, -50.0F}}).take();
  const NetworkCensus after = Planted({{0, 5, -50.0F}, {0, 8, -50.0F}}).take();
  const std::vector<ChangeRecord> changes = changes_between(before, after);
  REQUIRE(changes.size() == 12 + 9 + 2);
  for (const ChangeRecord& row : changes) {
    CAPTURE(row.layer);
    CAPTURE(row.unit);
    const auto at = static_cast<std::size_t>(row.layer - 1);
    const auto unit = static_cast<std::size_t>(row.unit);
    CHECK(row.before == before.sites[at].units[unit].state);
    CHECK(row.after == after.sites[at].units[unit].state);
    CHECK(row.margin_before == before.sites[at].units[unit].margin);
    CHECK(row.margin_after == after.sites[at].units[unit].margin);
    if (row.layer != 1) continue;
    const bool was_dead = row.before == "dead";
    CHECK(row.change == (row.unit == 3   ? "revived"
                         : row.unit == 5 ? "kept_dead"
                         : row.unit == 8 ? "died"
                         : was_dead      ? "kept_dead"
                                         : "kept_alive"));
  }
}

TEST_CASE("a unit whose pre-activations are no numbers is neither dead nor alive") {
  Planted net({{0, 2, std::numeric_limits<float>::quiet_NaN()}});
  const NetworkCensus census = net.take();
  CHECK(census.sites[0].units[2].state == "not_finite");
  CHECK(census.sites[0].row.not_finite == 1);
  CHECK(census.sites[1].row.dead == 0);
  CHECK(census.sites[1].row.not_finite == 9);
}
