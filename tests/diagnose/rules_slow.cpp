// False alarms and misses on real runs: no warning on healthy ones, the right rule on sick ones.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "config/load.hpp"
#include "diagnose/diagnosis.hpp"
#include "nn/activation.hpp"
#include "support/specs.hpp"
#include "support/tables.hpp"

using namespace reluscope;

namespace {

RunTables tables_of(const std::string& config, const std::vector<std::string>& overrides) {
  return test::run_tables(load_experiment("configs/" + config, overrides));
}

bool has(const Diagnosis& diagnosis, const std::string& rule, Severity at_least) {
  return std::any_of(diagnosis.findings.begin(), diagnosis.findings.end(),
                     [&](const Finding& finding) { return finding.rule == rule && finding.severity >= at_least; });
}

}  // namespace

TEST_CASE("no warning on healthy runs of every activation, over 5 seeds") {
  for (const ActivationEntry& entry : test::hidden_activations()) {
    if (entry.name == "identity") continue;
    // What a user would take with it.
    const bool symmetric = entry.name == "tanh" || entry.name == "sigmoid" || entry.name == "softplus";
    const std::string init = symmetric ? "glorot_normal" : (entry.name == "selu" ? "lecun_normal" : "he_normal");
    for (int seed = 1; seed <= 5; ++seed)
      for (const std::string config : {"digits-relu.json", "moons.json"}) {
        const Diagnosis diagnosis = diagnose(
            tables_of(config, {"seed=" + std::to_string(seed), "train.epochs=20",
                               "network.layers.0.activation=" + entry.name, "network.layers.*.init.weights=" + init}));
        for (const Finding& finding : diagnosis.findings) {
          if (finding.severity == Severity::info) continue;
          INFO(config << ", " << entry.name << ", seed " << seed << ": " << finding.rule << ": " << finding.sentence);
          CHECK(finding.severity == Severity::info);
        }
        CHECK(diagnosis.skipped.empty());
      }
  }
}

TEST_CASE("no warning on MNIST, where RELUSCOPE_MNIST names its directory") {
  const char* directory = std::getenv("RELUSCOPE_MNIST");
  if (directory == nullptr) {
    MESSAGE("left out: RELUSCOPE_MNIST is not set");
    return;
  }
  for (const std::string activation : {"relu", "elu", "tanh", "gelu", "sigmoid"}) {
    const bool symmetric = activation == "tanh" || activation == "sigmoid";
    const Diagnosis diagnosis = diagnose(tables_of(
        "mnist.json",
        {std::string("data.directory=") + directory, "train.epochs=2", "network.layers.0.activation=" + activation,
         std::string("network.layers.*.init.weights=") + (symmetric ? "glorot_normal" : "he_normal")}));
    for (const Finding& finding : diagnosis.findings) {
      INFO(activation << ": " << finding.rule << ": " << finding.sentence);
      CHECK(finding.severity == Severity::info);
    }
  }
}

TEST_CASE("sick runs are found out") {
  struct Case {
    std::string config;
    std::vector<std::string> overrides;
    std::string rule;
  };
  const std::vector<Case> cases = {
      {"born-dead.json", {}, "dead-on-arrival"},
      {"born-dead.json", {}, "collapsed-network"},
      {"dying-relu.json", {}, "dying-units"},
      {"digits-relu.json", {"network.layers.0.init.bias=-4"}, "dead-on-arrival"},
      {"exploding.json", {}, "poor-initialisation"},
      {"exploding.json", {}, "exploding-activation"},
      {"digits-relu.json", {"train.optimizer.lr=50"}, "exploding-gradient"},
      {"digits-relu.json", {"train.optimizer.lr=0"}, "unchanged-weights"},
      {"digits-relu.json", {"train.optimizer.lr=1e-9"}, "loss-not-decreasing"},
      {"digits-relu.json", {"train.optimizer.lr=1e-7"}, "update-ratio"},
      {"digits-sigmoid.json", {"network.layers.0.repeat=12", "train.epochs=3"}, "vanishing-gradient"},
      {"digits-tanh.json", {"network.layers.0.init.bias=7"}, "saturation"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.config);
    CAPTURE(one.rule);
    const Diagnosis diagnosis = diagnose(tables_of(one.config, one.overrides));
    std::string found;
    for (const Finding& finding : diagnosis.findings) found += finding.rule + " ";
    CAPTURE(found);
    CHECK(has(diagnosis, one.rule, Severity::warning));
  }
}
