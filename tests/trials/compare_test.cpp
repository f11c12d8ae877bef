// Comparisons: variants, their jobs, what is judged, and the journal that they go on from.
#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <map>

#include "config/load.hpp"
#include "trials/compare.hpp"
#include "trials/place.hpp"
#include "trials/results.hpp"
#include "util/error.hpp"

using namespace reluscope;
using namespace reluscope::test;

TEST_CASE("variations: every combination, the first values first; commas within braces do not separate") {
  const std::vector<std::string> words = {R"(a=1,{"name":"elu","alpha":2},"x,y")", "b=u,v"};
  const Variation variation = parse_variation(words);
  REQUIRE(variation.variants.size() == 6);
  CHECK(variation.keys == std::vector<std::string>{"a", "b"});
  CHECK(variation.variants[0].overrides == std::vector<std::string>{"a=1", "b=u"});
  CHECK(variation.variants[3].overrides == std::vector<std::string>{R"(a={"name":"elu","alpha":2})", "b=v"});
  CHECK(variation.variants[5].name == "a=\"x,y\", b=v");
  const std::vector<std::string> wrong = {"a="};
  CHECK_THROWS_AS(parse_variation(wrong), UsageError);
}

TEST_CASE("a job is named by its resolved config: by what it is, not by how it was said") {
  const ConfigSource source = source_of(kConfig);
  std::vector<Job> jobs(3);
  jobs[0].overrides = {"train.optimizer.lr=0.1"};
  jobs[1].overrides = {};
  jobs[2].overrides = {"train.optimizer.lr=0.2"};
  for (Job& job : jobs) job.seed = 5;
  identify(source, jobs);
  CHECK(jobs[0].id == jobs[1].id);
  CHECK(jobs[0].id != jobs[2].id);
  ExperimentSpec spec = source.parse({});
  set_seed(spec, 5);
  const std::vector<std::string> same = {"seed=5"};
  CHECK(spec.resolved_json == source.parse(same).resolved_json);
}

TEST_CASE("pairs of one seed have the same data and the same initial weights: only what is varied differs") {
  const ConfigSource source = source_of(kConfig);
  const std::vector<std::string> words = {"network.layers.0.activation=relu,relu"};
  const Variation variation = parse_variation(words);
  const std::vector<Job> jobs = comparison_jobs(source, variation, {}, 3, 4);
  REQUIRE(jobs.size() == 8);
  std::vector<std::vector<Trial>> trials(2, std::vector<Trial>(4));
  run_fleet(source, jobs, 2, nullptr, [&](const Job& job, const Trial& trial) {
    trials[static_cast<std::size_t>(job.number % 2)][static_cast<std::size_t>(job.number / 2)] = trial;
  });
  for (std::size_t seed = 0; seed < 4; ++seed)
    CHECK(*trials[0][seed].record.test_loss == *trials[1][seed].record.test_loss);
  CHECK(*trials[0][0].record.test_loss != *trials[0][1].record.test_loss);
  for (const Comparison& row : compare({variation.variants, {3, 4, 5, 6}, trials}))
    if (row.variant == "relu" && row.difference.count > 0) {
      CHECK(row.difference.low == 0.0);
      CHECK(row.difference.high == 0.0);
    }
}

TEST_CASE("a run that failed has the figures that it has: none of what is counted until the end") {
  const ConfigSource source = source_of(kConfig);
  std::vector<Job> jobs(3);
  jobs[0].overrides = {"train.optimizer.lr=1e30", "network.layers.0.activation=elu", "record.census=1"};
  jobs[1].overrides = {"network.layers.1.units=3"};  // of 2 classes
  jobs[2].overrides = {"data.n_samples=0"};          // no config at all
  std::map<std::int64_t, TrialRecord> ended;
  for (std::size_t at = 0; at < jobs.size(); ++at) jobs[at].number = static_cast<std::int64_t>(at);
  run_fleet(source, jobs, 1, nullptr, [&](const Job& job, const Trial& trial) {
    ended[job.number] = trial.record;
    CHECK_FALSE(job.id.empty());
    CHECK(std::isnan(trial.steps_per_second()));
  });
  REQUIRE(ended.size() == 3);
  for (const auto& [number, record] : ended) {
    CAPTURE(number);
    CHECK(record.failed());
    CHECK(record.failure.has_value());
    CHECK_FALSE(record.train_loss.has_value());
    CHECK_FALSE(record.dead_fraction.has_value());
    CHECK_FALSE(record.peak_dead_fraction.has_value());
    CHECK_FALSE(record.deaths.has_value());
    CHECK_FALSE(record.revivals.has_value());
    CHECK_FALSE(record.locked.has_value());
    CHECK_FALSE(record.collapsed.has_value());
    CHECK(record.born_dead_fraction.has_value() == (number == 0));
    CHECK(record.first_loss.has_value() == (number == 0));
    CHECK(record.grad_norm_first.has_value() == (number == 0));
  }
}

TEST_CASE("what is judged is called by the data it was judged on") {
  const std::vector<Variant> variants(2);
  Trial held_out;
  held_out.record.status = "done";
  held_out.record.train_loss = 1.0;
  held_out.record.test_loss = 2.0;
  Trial training = held_out;
  training.record.test_loss.reset();
  const auto data = [&](const Trial& first, const Trial& second) {
    const std::vector<Comparison> rows = compare({variants, {0}, {{first}, {second}}});
    REQUIRE(rows.front().metric == "loss");
    return rows.front().data;
  };
  CHECK(data(held_out, held_out) == "held-out");
  CHECK(data(training, training) == "training");
  CHECK(data(held_out, training) == "held-out or training");
  Trial failed;
  failed.record = failed_record("reason");
  CHECK(data(training, failed) == "training");
}

TEST_CASE("a comparison goes on from its journal with the same rows and figures") {
  const Place place;
  const ConfigSource source = source_of(kConfig);
  const std::vector<std::string> words = {"train.optimizer.lr=0.1,1e30"};
  const Variation variation = parse_variation(words);
  const std::vector<Job> jobs = comparison_jobs(source, variation, {}, 3, 3);
  const auto journal = place.path / "compare.part.csv";
  std::int64_t there = 0;
  std::atomic<int> stop = 0;
  int made = 0;
  const auto run = [&](int most) {
    made = 0;
    stop = 0;
    return run_comparison(
        source, variation, jobs, {1, journal, &stop, {}},
        [&](std::int64_t before, const std::string& damage) {
          there = before;
          CHECK(damage.empty());
        },
        [&](const Trial&) { stop = ++made == most ? 15 : 0; });
  };
  CHECK_FALSE(run(2));
  CHECK_FALSE(run(1));
  CHECK(there == 2);
  const std::optional<ComparisonRuns> parts = run(-1);
  REQUIRE(parts);
  CHECK(there == 3);
  CHECK(made == 3);
  CHECK(parts->failed == 3);
  const auto whole = run_comparison(
      source, variation, jobs, {}, [](std::int64_t, const std::string&) {}, [](const Trial&) {});
  REQUIRE(whole);
  CHECK(parts->rows == whole->rows);
  CHECK_FALSE(whole->journal.has_value());
  for (std::size_t variant = 0; variant < 2; ++variant)
    for (std::size_t seed = 0; seed < 3; ++seed) CHECK(parts->compared.trials[variant][seed].seconds > 0.0);
  const auto left = compare(parts->compared);
  const auto right = compare(whole->compared);
  REQUIRE(left.size() == right.size());
  for (std::size_t row = 0; row < left.size(); ++row)
    if (left[row].runs > 0) CHECK(left[row].median == right[row].median);
}

TEST_CASE("of two comparisons at once into one file one has the journal, and both come to their end") {
  const Place place;
  const ConfigSource source = source_of(kConfig);
  const std::vector<std::string> words = {"train.optimizer.lr=0.1,0.2"};
  const Variation variation = parse_variation(words);
  const std::vector<Job> jobs = comparison_jobs(source, variation, {}, 3, 1);
  const auto journal = place.path / "compare.part.csv";
  const auto nothing = [](const Trial&) {};
  const auto first = run_comparison(
      source, variation, jobs, {1, journal, nullptr, {}}, [](std::int64_t, const std::string&) {}, nothing);
  REQUIRE(first);
  CHECK(first->journal.has_value());
  std::string said;
  const auto second = run_comparison(
      source, variation, jobs, {1, journal, nullptr, {}},
      [&](std::int64_t, const std::string& warning) { said = warning; }, nothing);
  REQUIRE(second);
  CHECK_FALSE(second->journal.has_value());
  CHECK(said.find("in use by another process") != std::string::npos);
  CHECK(second->rows == first->rows);
}

TEST_CASE("more runs than a comparison can keep are refused before they are made") {
  std::string values = "k=0";
  for (int value = 1; value < 2000; ++value) values += "," + std::to_string(value);
  const std::vector<std::string> words = {values, values};
  CHECK_THROWS_AS(parse_variation(words), UsageError);
  const std::vector<std::string> once = {values};
  CHECK_THROWS_AS(comparison_jobs(source_of(kConfig), parse_variation(once), {}, 0, 100'000), UsageError);
}
