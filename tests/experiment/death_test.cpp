// What a run tells of deaths: the same dead units by either engine, dates that hold, causes and locks in the records.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "config/config_error.hpp"
#include "config/load.hpp"
#include "experiment/run.hpp"
#include "experiment/setup.hpp"

using namespace reluscope;

namespace {

/// The moons at a rate that kills.
ExperimentSpec dying(const std::vector<std::string>& overrides) {
  return parse_experiment(R"({
    "data": {"kind": "moons", "n_samples": 300, "noise": 0.1, "normalize": "standard"},
    "network": {"layers": [
      {"units": 24, "activation": "relu", "init": {"weights": "he_normal"}, "repeat": 2},
      {"units": 2, "init": {"weights": "he_normal"}}]},
    "train": {"epochs": 12, "batch_size": 30, "optimizer": {"lr": 2.0}},
    "record": {"every": 1, "census": "epoch"}})",
                          "test", ".", overrides);
}

struct Lives {
  RunSummary summary;
  RecordMemory records;
};

void run(const ExperimentSpec& spec, Lives& out, bool brute = false) {
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  ThreadPool pool(1);
  RunControl control;
  control.brute_census = brute;
  out.summary = run_experiment(spec, dataset, out.records, pool, control);
}

using Place = std::tuple<std::int64_t, std::int64_t>;  // layer, unit

}  // namespace

TEST_CASE("either engine finds the same units dead, at every census") {
  for (const std::vector<std::string>& overrides :
       {std::vector<std::string>{},
        {"record.census=7"},
        {"train.optimizer.momentum=0.8", "train.optimizer.lr=0.6"},
        {"train.optimizer.name=adam", "train.optimizer.lr=0.3", "record.census=step"}}) {
    const ExperimentSpec spec = dying(overrides);
    Lives exact;
    Lives brute;
    run(spec, exact);
    run(spec, brute, true);
    REQUIRE(exact.records.census_rows.size() == brute.records.census_rows.size());
    std::int64_t dead = 0;
    for (std::size_t at = 0; at < exact.records.census_rows.size(); ++at) {
      const CensusRecord& one = exact.records.census_rows[at];
      const CensusRecord& other = brute.records.census_rows[at];
      CHECK(one.dead == other.dead);
      CHECK(one.died == other.died);
      CHECK(one.revived == other.revived);
      CHECK(one.born_dead == other.born_dead);
      CHECK(one.dead_on_domain == other.dead_on_domain);
      CHECK(one.saturated == other.saturated);
      dead += one.dead;
    }
    CHECK(dead > 50);
    for (std::size_t at = 0; at < exact.records.unit_rows.size(); ++at) {
      CHECK(exact.records.unit_rows[at].state == brute.records.unit_rows[at].state);
      CHECK(exact.records.unit_rows[at].margin == brute.records.unit_rows[at].margin);
    }
    // Bounds: equal to the count at a census, around what the next one finds otherwise.
    for (const LayerRecord& row : exact.records.layer_rows) {
      REQUIRE(row.dead_min.has_value());
      CHECK(*row.dead_min <= *row.dead_max);
      CHECK(*row.dead_max <= row.units);
    }
  }
}

TEST_CASE("a death's date holds against a census at every step, and is exact where the unit stands still") {
  Lives sparse;
  Lives dense;
  run(dying({}), sparse);
  run(dying({"record.census=step"}), dense);
  std::map<Place, std::vector<std::int64_t>> steps;  // of deaths, as the census at every step saw them
  for (const EventRecord& event : dense.records.events)
    if (event.event == "died") {
      steps[{*event.layer, *event.unit}].push_back(event.step);
      CHECK(event.dated == "exact");
      CHECK(event.by == event.step);
    }
  int exact = 0;
  int ranges = 0;
  for (const EventRecord& event : sparse.records.events) {
    if (event.event != "died") continue;
    REQUIRE(event.after.has_value());
    CHECK(*event.after < *event.by);
    CHECK(*event.by <= event.step);
    CHECK((event.dated == "exact") == (*event.by == *event.after + 1));
    // The last death up to that census.
    std::int64_t died = -1;
    for (const std::int64_t step : steps[{*event.layer, *event.unit}])
      if (step <= event.step) died = step;
    CHECK(died > *event.after);
    CHECK(died <= *event.by);
    (event.dated == "exact" ? exact : ranges) += 1;
    if (*event.layer == 1) CHECK(event.dated == "exact");
  }
  CHECK(exact > 5);
  CHECK(ranges > 5);
}

TEST_CASE("causes, locks and the outlook are told once for every unit, and agree with each other") {
  Lives out;
  run(dying({}), out);
  std::int64_t causes = 0;
  for (const LayerSummary& layer : out.summary.layers)
    for (const auto& [cause, count] : layer.causes) causes += count;
  std::int64_t events = 0;
  std::map<Place, std::string> locked;
  for (const EventRecord& event : out.records.events) {
    if (event.event == "died") {
      ++events;
      REQUIRE(event.cause.has_value());
      CHECK((*event.cause == "own_weights" || *event.cause == "own_bias" || *event.cause == "upstream"));
      const double worst = std::min({*event.own_weights, *event.own_bias, *event.upstream});
      CHECK(worst < 0.0);
      CHECK(worst == (*event.cause == "own_weights"
                          ? *event.own_weights
                          : (*event.cause == "own_bias" ? *event.own_bias : *event.upstream)));
      if (*event.layer == 1) CHECK(*event.upstream == 0.0);
      CHECK(*event.lr == 2.0);
      CHECK(*event.grad_norm > 0.0);
    }
    if (event.event == "locked") {
      CHECK(locked.count({*event.layer, *event.unit}) == 0);
      locked[{*event.layer, *event.unit}] = *event.detail;
    }
  }
  CHECK(events == causes);
  CHECK(events > 10);
  std::int64_t outlooks = 0;
  for (const UnitRecord& unit : out.records.unit_rows) {
    const auto lock = locked.find({unit.layer, unit.unit});
    CHECK(unit.locked.has_value() == (lock != locked.end()));
    if (unit.locked) CHECK(*unit.locked == lock->second);
    // Plain sgd: whoever is dead in the first layer stays so.
    if (unit.layer == 1 && unit.state == "dead") CHECK(unit.locked.has_value());
    if (unit.locked) CHECK(unit.state == "dead");
    if (unit.min_steps_to_revive) {
      CHECK(unit.state == "dead");
      CHECK(*unit.min_steps_to_revive >= 1.0);
      ++outlooks;
    }
    if (unit.deaths > 0) CHECK(unit.died_by.has_value());
  }
  CHECK(outlooks > 0);
  const CensusRecord& last = out.records.census_rows[out.records.census_rows.size() - 3];
  CHECK(last.layer == 1);
  CHECK(last.locked == last.dead);
}

TEST_CASE("what needs the probe is measured when it is due, and at the end over everything") {
  Lives out;
  run(dying({"record.census=5", "record.probe_every=30", "record.probe=40"}), out);
  std::int64_t empty = 0;
  for (const CensusRecord& row : out.records.census_rows) {
    const bool due = row.step % 30 == 0 || row.step == out.summary.steps;
    CHECK(row.saturated.has_value() == due);
    CHECK(row.dormant.has_value() == due);
    CHECK(row.effective_rank.has_value() == due);
    empty += due ? 0 : 1;
  }
  CHECK(empty > 0);
}

TEST_CASE("where batches may say other than evaluation, the census counts the units that got no gradient") {
  // Behind dropout a bias far below 0 silences all units; behind a norm none can be silent that is centred on 0.
  const auto rows = [](const std::vector<std::string>& overrides) {
    Lives lives;
    run(dying(overrides), lives);
    return lives.records.census_rows;
  };
  const auto check = [](const std::vector<CensusRecord>& census, std::int64_t layer,
                        const std::optional<std::int64_t>& silent) {
    for (const CensusRecord& row : census)
      if (row.layer == layer) CHECK(row.silent == (row.step == 0 ? std::nullopt : silent));
  };
  const std::vector<CensusRecord> dropped = rows(
      {R"(network.layers=[{"type": "dropout", "p": 0.3}, {"units": 8, "activation": "relu", "init": {"bias": -100.0}},
               {"units": 2}])",
       "train.optimizer.lr=0.01"});
  check(dropped, 1, 8);
  check(dropped, 2, 0);  // what cannot die is never silent
  const std::vector<CensusRecord> normed =
      rows({R"(network.layers=[{"units": 8, "activation": "relu", "norm": "batch_norm"}, {"units": 2}])",
            "train.optimizer.lr=0.01"});
  check(normed, 1, 0);
  const std::vector<CensusRecord> plain = rows({});
  check(plain, 1, std::nullopt);
}

TEST_CASE("a batch of one sample is refused where a norm needs its variance") {
  const auto pointer_of = [](const std::vector<std::string>& overrides) -> std::string {
    std::vector<std::string> all = {R"(network.layers=[{"units": 4, "norm": "batch_norm"}, {"units": 2}])"};
    all.insert(all.end(), overrides.begin(), overrides.end());
    const ExperimentSpec spec = dying(all);
    try {
      load_for_training(spec);
    } catch (const ConfigError& error) { return error.issues()[0].pointer; }
    return "";
  };
  CHECK(pointer_of({}).empty());
  CHECK(pointer_of({"train.batch_size=239"}) == "/train/drop_last");  // of 240
  CHECK(pointer_of({"train.batch_size=239", "train.drop_last=true"}).empty());
  CHECK(pointer_of({"train.batch_size=1"}) == "/train/batch_size");
  CHECK(pointer_of({"train.batch_size=1", "network.layers.0.norm=layer_norm"}).empty());  // a sample is enough
}
