// Sweep files: what is run, in which order, and what is refused.
#include <doctest/doctest.h>

#include <fstream>
#include <set>

#include "config/config_error.hpp"
#include "trials/place.hpp"
#include "trials/sweep.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

/// A sweep over kConfig with these members.
Sweep sweep_of(const Place& place, const std::string& members) {
  std::ofstream(place.path / "sweep.json") << R"({"config": )" << kConfig << ", " << members << "}";
  return load_sweep(place.path / "sweep.json");
}

std::string refusal(const Place& place, const std::string& members) {
  try {
    (void)sweep_of(place, members);
  } catch (const ConfigError& error) { return error.what(); }
  return "";
}

}  // namespace

TEST_CASE("a sweep's grid: alphabetical keys, the last fastest, seeds within; run_cap cuts it off") {
  const Place place;
  const std::string members =
      R"("parameters": {"train.batch_size": {"values": [8, 16]}, "train.optimizer.lr": {"values": [0.1, 0.2, 0.3]}}, "seeds": 2)";
  const Sweep sweep = sweep_of(place, members);
  REQUIRE(sweep.runs == 12);
  CHECK(sweep.job(0).settings == std::vector<std::string>{"8", "0.1"});
  CHECK(sweep.job(1).seed == 4);
  CHECK(sweep.job(2).settings == std::vector<std::string>{"8", "0.2"});
  CHECK(sweep.job(11).settings == std::vector<std::string>{"16", "0.3"});
  CHECK(sweep_of(place, members + R"(, "run_cap": 5)").runs == 5);
  CHECK(sweep_of(place, members + R"(, "run_cap": 5)").id != sweep.id);
}

TEST_CASE("random sweeps: seeded, within their bounds, and a larger cap only adds") {
  const Place place;
  const std::string members = R"("method": "random", "seed": 11, "parameters": {
    "train.optimizer.lr": {"distribution": "log_uniform_values", "min": 0.001, "max": 1.0},
    "train.batch_size": {"min": 4, "max": 40},
    "network.layers.0.activation": {"values": ["relu", "elu"]},
    "train.optimizer.momentum": {"distribution": "q_uniform", "min": 0.0, "max": 0.9, "q": 0.3}}, )";
  const Sweep small = sweep_of(place, members + R"("run_cap": 20)");
  const Sweep large = sweep_of(place, members + R"("run_cap": 200)");
  REQUIRE(large.runs == 200);
  std::set<std::string> momenta;
  double smallest = 1.0;
  for (std::int64_t at = 0; at < large.runs; ++at) {
    const std::vector<std::string> settings = large.job(at).settings;
    if (at < small.runs) CHECK(small.job(at).overrides == large.job(at).overrides);
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
  const Sweep sweep = sweep_of(place, R"("runs": [{"train.optimizer.lr": 0.5}, {"train.batch_size": 8}])");
  REQUIRE(sweep.runs == 2);
  CHECK(sweep.job(0).settings == std::vector<std::string>{"0.5", ""});
  CHECK(sweep.job(1).settings == std::vector<std::string>{"", "8"});
  CHECK(sweep.job(1).overrides == std::vector<std::string>{"train.batch_size=8"});
}

TEST_CASE("sweep files: what is wrong is named with its place") {
  const Place place;
  const auto says = [&](const std::string& members, const std::string& part) {
    const std::string message = refusal(place, members);
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

TEST_CASE("what a sweep is follows from its runs, not from its name or its comments") {
  const Place place;
  const std::string members = R"("parameters": {"train.optimizer.lr": {"values": [0.1, 0.2]}})";
  const std::string id = sweep_of(place, members).id;
  CHECK(sweep_of(place, members + R"(, "name": "other" /* said otherwise */)").id == id);
  CHECK(sweep_of(place, members + R"(, "seeds": 2)").id != id);
  CHECK(sweep_of(place, R"("parameters": {"train.optimizer.lr": {"values": [0.2, 0.1]}})").id != id);
}

TEST_CASE("ten thousand million combinations are counted, not made; run_cap takes the first of them") {
  const Place place;
  std::string values = "0.001";
  for (int value = 2; value <= 100'000; ++value) values += ", " + std::to_string(value) + "e-6";
  const std::string members = R"("parameters": {"train.optimizer.lr": {"values": [)" + values +
                              R"(]}, "train.optimizer.momentum": {"values": [)" + values + "]}}";
  CHECK(refusal(place, members).find("10000000000 runs") != std::string::npos);
  const Sweep capped = sweep_of(place, members + R"(, "run_cap": 3)");
  CHECK(capped.runs == 3);
  CHECK(capped.job(2).settings == std::vector<std::string>{"0.001", "3e-06"});
  CHECK(saturated_product(std::int64_t{1} << 40, std::int64_t{1} << 40) == INT64_MAX);
}

TEST_CASE("of a sweep with many settings every value of a grid is looked at once") {
  const Place place;
  std::string values = "0.1";
  for (int value = 2; value <= 200; ++value) values += ", " + std::to_string(value) + "e-3";
  const std::string rates = R"("train.optimizer.lr": {"values": [)" + values + R"(]})";
  const std::string decay = R"("train.optimizer.weight_decay": {"values": [)" + values + R"(]})";
  const auto with = [&](const std::string& units) {
    return R"("parameters": {"network.layers.0.units": {"values": [8, )" + units + "]}, " + rates + ", " + decay + "}";
  };
  CHECK(sweep_of(place, with("9")).runs == 2 * 200 * 200);
  CHECK(refusal(place, with("-9")).find("/network/layers/0/units") != std::string::npos);
}
