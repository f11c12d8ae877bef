// Compare, sweep files, remedies: what they are made of.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "config/config_error.hpp"
#include "config/load.hpp"
#include "diagnose/diagnosis.hpp"
#include "experiment/setup.hpp"
#include "trials/compare.hpp"
#include "trials/prescribe.hpp"
#include "trials/remedies.hpp"
#include "trials/results.hpp"
#include "trials/sweep.hpp"
#include "trials/sweep_file.hpp"
#include "util/error.hpp"

using namespace reluscope;

namespace {

const char* const kConfig = R"({"name": "t", "seed": 3,
  "data": {"kind": "moons", "n_samples": 120, "noise": 0.1, "normalize": "standard"},
  "network": {"layers": [{"units": 8, "activation": "relu", "init": {"weights": "he_normal", "bias": 0}, "repeat": 2},
                         {"units": 2}]},
  "train": {"steps": 30, "batch_size": 16, "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9}}})";

ConfigSource source_of(const std::string& text) { return {text, "test", "."}; }

class Place {
 public:
  Place() : path(std::filesystem::temp_directory_path() / ("reluscope-trials-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { std::filesystem::remove_all(path); }
  /// A sweep over kConfig with these members.
  Sweep sweep(const std::string& members) const {
    std::ofstream(path / "sweep.json") << R"({"config": )" << kConfig << ", " << members << "}";
    return load_sweep(path / "sweep.json");
  }
  std::string refusal(const std::string& members) const {
    try {
      (void)sweep(members);
    } catch (const ConfigError& error) { return error.what(); }
    return "";
  }
  std::filesystem::path path;
};

}  // namespace

TEST_CASE("variations: every combination, the first values first; commas within braces do not separate") {
  const std::vector<std::string> words = {R"(a=1,{"name":"elu","alpha":2},"x,y")", "b=u,v"};
  const Variation variation = parse_variation(words);
  REQUIRE(variation.variants.size() == 6);
  CHECK(variation.keys == std::vector<std::string>{"a", "b"});
  CHECK(variation.variants[0].overrides == std::vector<std::string>{"a=1", "b=u"});
  CHECK(variation.variants[3].overrides == std::vector<std::string>{R"(a={"name":"elu","alpha":2})", "b=v"});
  CHECK(variation.variants[5].name == "\"x,y\", v");
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
    CHECK(*trials[0][seed].figures.test_loss == *trials[1][seed].figures.test_loss);
  CHECK(*trials[0][0].figures.test_loss != *trials[0][1].figures.test_loss);
  for (const Comparison& row : compare(variation.variants, trials))
    if (row.variant == "relu" && row.difference.count > 0 && row.metric != "steps/s") {
      CHECK(row.difference.low == 0.0);
      CHECK(row.difference.high == 0.0);
    }
}

TEST_CASE("a sweep's grid: alphabetical keys, the last fastest, seeds within; run_cap cuts it off") {
  const Place place;
  const std::string members =
      R"("parameters": {"train.batch_size": {"values": [8, 16]}, "train.optimizer.lr": {"values": [0.1, 0.2, 0.3]}}, "seeds": 2)";
  const Sweep sweep = place.sweep(members);
  REQUIRE(sweep.jobs.size() == 12);
  CHECK(sweep.jobs[0].settings == std::vector<std::string>{"8", "0.1"});
  CHECK(sweep.jobs[1].seed == 4);
  CHECK(sweep.jobs[2].settings == std::vector<std::string>{"8", "0.2"});
  CHECK(sweep.jobs[11].settings == std::vector<std::string>{"16", "0.3"});
  CHECK(place.sweep(members + R"(, "run_cap": 5)").jobs.size() == 5);
  CHECK(place.sweep(members + R"(, "run_cap": 5)").id != sweep.id);
}

TEST_CASE("random sweeps: seeded, within their bounds, and a larger cap only adds") {
  const Place place;
  const std::string members = R"("method": "random", "seed": 11, "parameters": {
    "train.optimizer.lr": {"distribution": "log_uniform_values", "min": 0.001, "max": 1.0},
    "train.batch_size": {"min": 4, "max": 40},
    "network.layers.0.activation": {"values": ["relu", "elu"]},
    "train.optimizer.momentum": {"distribution": "q_uniform", "min": 0.0, "max": 0.9, "q": 0.3}}, )";
  const Sweep small = place.sweep(members + R"("run_cap": 20)");
  const Sweep large = place.sweep(members + R"("run_cap": 200)");
  REQUIRE(large.jobs.size() == 200);
  std::set<std::string> momenta;
  double smallest = 1.0;
  for (std::size_t at = 0; at < large.jobs.size(); ++at) {
    const std::vector<std::string>& settings = large.jobs[at].settings;
    if (at < small.jobs.size()) CHECK(small.jobs[at].id == large.jobs[at].id);
    CHECK((settings[0] == "relu" || settings[0] == "elu"));
    const int batch = std::stoi(settings[1]);
    CHECK(batch >= 4);
    CHECK(batch <= 40);
    const double lr = std::stod(settings[2]);
    CHECK(lr >= 0.001);
    CHECK(lr <= 1.0);
    smallest = std::min(smallest, lr);
    momenta.insert(settings[3].substr(0, 3));
  }
  CHECK(smallest < 0.01);
  CHECK(momenta.size() == 4);
}

TEST_CASE("a list of runs: what a run does not name stays as the config has it") {
  const Place place;
  const Sweep sweep = place.sweep(R"("runs": [{"train.optimizer.lr": 0.5}, {"train.batch_size": 8}])");
  REQUIRE(sweep.jobs.size() == 2);
  CHECK(sweep.jobs[0].settings == std::vector<std::string>{"0.5", ""});
  CHECK(sweep.jobs[1].settings == std::vector<std::string>{"", "8"});
  CHECK(sweep.jobs[1].overrides == std::vector<std::string>{"train.batch_size=8"});
}

TEST_CASE("sweep files: what is wrong is named with its place") {
  const Place place;
  const auto says = [&](const std::string& members, const std::string& part) {
    const std::string message = place.refusal(members);
    CAPTURE(message);
    CHECK(message.find(part) != std::string::npos);
  };
  says(R"("paramters": {})", "did you mean 'parameters'?");
  says(R"("method": "bayes")", "grid, random or list");
  says(R"("parameters": {"seed": {"values": []}})", "/parameters/seed/values");
  says(R"("parameters": {"a": {"distribution": "unifrom", "min": 0, "max": 1}})", "did you mean 'uniform'?");
  says(R"("parameters": {"a": {"distribution": "uniform", "min": 0, "max": 1}})", "for method grid");
  says(R"("method": "random", "parameters": {"a": {"min": 2, "max": 1}}, "run_cap": 2)", "min ≤ max");
  says(
      R"("method": "random", "parameters": {"a": {"distribution": "log_uniform_values", "min": 0, "max": 1}}, "run_cap": 2)",
      "above 0");
  says(R"("method": "random", "parameters": {"train.optimizer.lr": {"values": [1]}})", "/run_cap");
  says(R"("seeds": 0)", "/seeds");
  says(R"("run_cap": -1)", "/run_cap");
  says(R"("parameters": {"train.optimizer.lrr": {"values": [1]}})", "did you mean");
}

TEST_CASE("results: half a row at the end is left out, a foreign line is refused") {
  CHECK(read_results("job,id\n0,ab,x\n1,cd,y\n2,e", "f").size() == 2);
  CHECK(read_results("job,id", "f").empty());
  CHECK_THROWS_AS(read_results("job,id\nzero,ab,x\n", "f"), DataError);
  CHECK_THROWS_AS(parse_shard("3/2"), UsageError);
  CHECK_THROWS_AS(parse_shard("0/2"), UsageError);
  CHECK_THROWS_AS(parse_shard("1"), UsageError);
  CHECK(parse_shard("2/8").count == 8);
}

TEST_CASE("every remedy that a rule names exists, and each changes a config that can take it") {
  for (const RuleEntry& rule : rule_table())
    for (const std::string& name : rule.remedies) {
      CAPTURE(rule.name);
      CHECK(find_entry(remedy_table(), name) != nullptr);
    }
  const ConfigSource source = source_of(kConfig);
  const ExperimentSpec spec = source.parse({});
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  for (const RemedyEntry& remedy : remedy_table()) {
    CAPTURE(remedy.name);
    const std::vector<std::string> changes = remedy.changes(spec, dataset);
    if (changes.empty()) {
      // What the config has already.
      CHECK((remedy.name == "relu" || remedy.name == "he_normal" || remedy.name == "zero_bias"));
      continue;
    }
    const ExperimentSpec changed = source.parse(changes);
    CHECK(changed.resolved_json != spec.resolved_json);
    // Twice is once, where it is not a factor.
    const bool factor = remedy.name.ends_with("_lr") || remedy.name == "wider" || remedy.name == "larger_batch";
    if (!factor) CHECK(remedy.changes(changed, dataset).empty());
  }
}

TEST_CASE("treatments combine unless they change the same thing") {
  const Treatment rate{{"smaller_lr"}, {"train.optimizer.lr=0.1"}};
  const Treatment rule{{"adam"}, {R"(train.optimizer={"name":"adam"})"}};
  const Treatment clip{{"clip_norm"}, {"train.clip_norm=1"}};
  CHECK_FALSE(combine(rate, rule).has_value());
  REQUIRE(combine(rate, clip).has_value());
  CHECK(combine(rate, clip)->name() == "smaller_lr + clip_norm");
  CHECK(combine(rate, clip)->changes.size() == 2);
}

TEST_CASE("a change to a config comes as JSON Patch that makes the one of the other") {
  const std::vector<std::string> changes = {"network.layers.0.activation=elu", "train.clip_norm=1"};
  const std::string text = std::string("// a comment\n") + kConfig;
  const ChangedConfig changed = change_config(text, "test", changes);
  const auto before = nlohmann::json::parse(text, nullptr, true, true);
  const auto after = nlohmann::json::parse(changed.document);
  CHECK(before.patch(nlohmann::json::parse(changed.patch)) == after);
  CHECK(after["network"]["layers"][0]["activation"] == "elu");
  CHECK(changed.document.find("\"name\"") < changed.document.find("\"data\""));  // the order of the file
  CHECK_THROWS_AS(change_config(text, "test", std::vector<std::string>{"network.layers.9.units=1"}), ConfigError);
}
