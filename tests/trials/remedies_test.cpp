// Remedies: what is tried against findings.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "config/config_error.hpp"
#include "config/load.hpp"
#include "diagnose/rules.hpp"
#include "experiment/setup.hpp"
#include "trials/place.hpp"
#include "trials/prescribe.hpp"
#include "trials/remedies.hpp"

using namespace reluscope;
using namespace reluscope::test;

TEST_CASE("every remedy that a rule names exists, and each changes a config that can take it") {
  for (const RuleEntry& rule : rule_table())
    for (const std::string& name : rule.remedies) {
      CAPTURE(rule.name);
      CHECK(find_entry(remedy_table(), name) != nullptr);
    }
  const ConfigSource source = source_of(kConfig);
  const ExperimentSpec spec = source.parse({});
  const PatientFacts facts = facts_of(load_dataset(spec.data, spec.seed));
  for (const RemedyEntry& remedy : remedy_table()) {
    CAPTURE(remedy.name);
    const std::vector<std::string> changes = remedy.changes(spec, facts);
    if (changes.empty()) {
      // What the config has already, or classes have not.
      CHECK((remedy.name == "relu" || remedy.name == "he_normal" || remedy.name == "zero_bias" ||
             remedy.name == "linear_output" || remedy.name == "scale_targets" || remedy.name == "no_decay" ||
             remedy.name == "residual"));
      continue;
    }
    const ExperimentSpec changed = source.parse(changes);
    CHECK(changed.resolved_json != spec.resolved_json);
    // Twice is once, where it is not a factor.
    const bool factor = remedy.name.ends_with("_lr") || remedy.name == "wider" || remedy.name == "larger_batch" ||
                        remedy.name == "more_steps";
    if (!factor) CHECK(remedy.changes(changed, facts).empty());
  }
}

TEST_CASE("norms come to every hidden layer, and layers that keep their shape into blocks of two, once") {
  const std::string text = R"({
    "data": {"kind": "blobs", "n_samples": 80, "n_features": 16, "centers": 2, "shape": [1, 4, 4]},
    "network": {"layers": [
      {"type": "conv2d", "channels": 3, "kernel": 3, "padding": "same", "activation": "relu"},
      {"type": "conv2d", "channels": 3, "kernel": 3, "padding": "same", "activation": "elu", "repeat": 5},
      {"type": "max_pool", "kernel": 2}, {"units": 12, "activation": "tanh"}, {"units": 12, "activation": "relu"}, {"units": 2}]},
    "train": {"steps": 2, "batch_size": 16}})";
  const ExperimentSpec spec = parse_experiment(text, "test", ".");
  const PatientFacts facts = facts_of(load_for_training(spec));
  const auto changed_by = [&](const char* name) {
    const std::vector<std::string> changes = find_entry(remedy_table(), name)->changes(spec, facts);
    const ExperimentSpec changed = parse_experiment(text, "test", ".", changes);
    load_for_training(changed);
    CHECK(find_entry(remedy_table(), name)->changes(changed, facts).empty());
    return changed;
  };
  for (const char* name : {"batch_norm", "layer_norm"}) {
    const std::vector<LayerSpec> layers = changed_by(name).network.layers;
    for (const LayerSpec& layer : layers) CHECK(layer.norm.size() == (layer.init && &layer != &layers.back() ? 1 : 0));
  }
  // Of the five one stays as it is; the dense layers change the shape, or stand alone.
  const std::vector<LayerSpec> layers = changed_by("residual").network.layers;
  std::vector<std::string> types;
  for (const LayerSpec& layer : layers) types.push_back(layer.type.name);
  CHECK(types ==
        std::vector<std::string>{"conv2d", "residual", "residual", "conv2d", "max_pool", "dense", "dense", "dense"});
  CHECK(layers[1].activation->name == "elu");
  CHECK(layers[1].body[0].activation->name == "elu");
  CHECK_FALSE(layers[1].body[1].activation.has_value());
  ExperimentSpec alone = spec;
  alone.train.batch_size = 1;
  CHECK(find_entry(remedy_table(), "batch_norm")->changes(alone, facts).empty());
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

TEST_CASE("a course has the figures of the runs that have them: no hidden unit, no share of dead ones") {
  Course course;
  CHECK(std::isnan(course.median_dead()));
  Trial linear;
  linear.record.status = "done";
  linear.record.steps = 10;
  linear.seconds = 2.0;
  Trial failed;
  failed.record = failed_record("reason");
  course.trials = {linear, failed};
  CHECK(std::isnan(course.median_dead()));
  CHECK(course.steps_per_second() == 5.0);
  course.trials[0].record.dead_fraction = 0.25;
  CHECK(course.median_dead() == 0.25);
}
