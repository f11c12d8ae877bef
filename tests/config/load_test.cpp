#include "config/load.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/config_error.hpp"
#include "config/json_text.hpp"
#include "config/schema.hpp"
#include "config/starter.hpp"
#include "util/random.hpp"

using namespace reluscope;

namespace {

const std::string kBase = R"({
  "data": {"kind": "moons"},
  "network": {"layers": [{"units": 8, "activation": "relu"}, {"units": 2}]}
})";

ExperimentSpec parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return parse_experiment(text, "test.json", ".", overrides);
}

ConfigIssues issues_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    parse(text, overrides);
  } catch (const ConfigError& error) {
    CHECK(error.exit_code() == kBadUsage);
    return error.issues();
  }
  return {};
}

const ConfigIssue* issue_at(const ConfigIssues& issues, const std::string& pointer) {
  const auto found = std::find_if(issues.begin(), issues.end(),
                                  [&pointer](const ConfigIssue& issue) { return issue.pointer == pointer; });
  return found == issues.end() ? nullptr : &*found;
}

const LayerSpec& layer_of(const ExperimentSpec& spec, std::size_t index) { return spec.network.layers.at(index); }

}  // namespace

TEST_CASE("defaults are PyTorch's") {
  const ExperimentSpec spec = parse(kBase);
  CHECK(spec.name == "run");
  CHECK(spec.precision == Precision::float32);
  CHECK(spec.loss.name == "cross_entropy");
  CHECK(spec.train.optimizer.name == "sgd");
  CHECK(spec.train.optimizer.params.number("lr") == 0.01);
  CHECK(spec.train.epochs == 10);
  CHECK(layer_of(spec, 0).init->weights.name == "pytorch");
  CHECK(layer_of(spec, 1).activation->name == "identity");
  CHECK(spec.network.layers[1].name == "dense2");
}

TEST_CASE("every fault is reported at once, with place, what was found, what is allowed, and the nearest name") {
  const auto issues = issues_of(R"({
    "sed": 3,
    "precision": "float16",
    "data": {"kind": "moon", "noise": -1},
    "network": {"layers": [{"units": 0, "activation": "rleu"}, {"units": 2.5, "init": {"weights": 3}}, 7]},
    "train": {"lr": 0.1, "batch_size": "big", "optimizer": {"name": "adam", "betas": [0.9, 1.0]}},
    "record": {"census": "hourly"}})");
  CHECK(issues.size() == 12);
  REQUIRE(issue_at(issues, "/sed") != nullptr);
  CHECK(issue_at(issues, "/sed")->hint == "did you mean \"seed\"?");
  CHECK(issue_at(issues, "/precision")->found == "\"float16\"");
  CHECK(issue_at(issues, "/precision")->expected == "one of: float32, float64");
  CHECK(issue_at(issues, "/data/kind")->hint == "did you mean \"moons\"?");
  CHECK(issue_at(issues, "/network/layers/0/units")->expected == "an integer from 1 to 1000000");
  CHECK(issue_at(issues, "/network/layers/0/activation")->hint == "did you mean \"relu\"?");
  CHECK(issue_at(issues, "/network/layers/1/units")->found == "2.5");
  CHECK(issue_at(issues, "/network/layers/1/init/weights") != nullptr);
  CHECK(issue_at(issues, "/network/layers/2")->found == "7");
  CHECK(issue_at(issues, "/train/lr")->hint == "it is known at /train/optimizer/lr");
  CHECK(issue_at(issues, "/train/batch_size")->found == "\"big\"");
  CHECK(issue_at(issues, "/train/optimizer/betas")->expected == "a list of 2 numbers ≥ 0 and < 1");
  CHECK(issue_at(issues, "/record/census")->expected == "an integer ≥ 1, or one of: step, epoch, log, off");
}

TEST_CASE("missing keys that have no default are named") {
  const auto issues = issues_of(R"({"network": {"layers": [{}]}})");
  CHECK(issue_at(issues, "/data") != nullptr);
  REQUIRE(issue_at(issues, "/network/layers/0/units") != nullptr);
  CHECK(issue_at(issues, "/network/layers/0/units")->found == "nothing");
  CHECK(issue_at(issues_of("{}"), "/network/layers") != nullptr);
}

TEST_CASE("duplicate keys are refused with their pointers, in nested objects and lists too") {
  const auto issues = issues_of(R"({"a": 1, "a": 2, "b": [{}, {"c": {"d": 1, "d": 1}}], "x/y": 0, "x/y": 1})");
  REQUIRE(issues.size() == 3);
  CHECK(issues[0].pointer == "/a");
  CHECK(issues[1].pointer == "/b/1/c/d");
  CHECK(issues[2].pointer == "/x~1y");
}

TEST_CASE("broken JSON is reported with line and column, hostile JSON without a crash") {
  CHECK(issues_of("{\n  \"seed\": ,\n}")[0].place->numbers() == "2:11");
  CHECK(issues_of("{\"seed\": 1e999}")[0].place->numbers() == "1:10");
  CHECK(issues_of("{\"seed\": NaN}").size() == 1);
  CHECK(issues_of("").size() == 1);
  CHECK(issues_of("[]").size() == 1);
  CHECK(issues_of("\"\xff\xfe\"").size() == 1);
  CHECK(issues_of("{\"name\": \"\\ud800\"}").size() == 1);
  CHECK(issues_of(std::string(100000, '[')).size() == 1);
  CHECK(issues_of(std::string(100000, '[') + std::string(100000, ']')).size() == 1);
  CHECK(issues_of("{\"seed\": 18446744073709551615}").size() >= 1);
  CHECK(issues_of("{\"seed\": 99999999999999999999999}").size() >= 1);
}

TEST_CASE("comments and a byte order mark are allowed") {
  CHECK(issues_of("\xEF\xBB\xBF// first\n" + kBase + "/* last */").empty());
}

TEST_CASE("aliases, shorthands and repeat") {
  const ExperimentSpec spec = parse(R"({
    "data": {"kind": "moons"},
    "network": {"layers": [
      {"name": "h", "units": 8, "activation": {"name": "lrelu", "negative_slope": 0.2},
       "init": {"weights": "kaiming_normal", "bias": -0.5}, "repeat": 3},
      {"type": "dropout", "p": 0.1},
      {"units": 2}]},
    "train": {"optimizer": "adam", "schedule": "cosine", "steps": 70}})");
  CHECK(spec.network.layers.size() == 5);
  CHECK(spec.network.layers[2].name == "h-3");
  CHECK(spec.network.layers[3].name == "dropout1");
  CHECK(spec.network.layers[4].name == "dense4");
  CHECK(spec.network.layers[4].config_index == 2);
  CHECK(layer_of(spec, 1).activation->name == "leaky_relu");
  CHECK(layer_of(spec, 1).activation->params.number("negative_slope") == 0.2);
  CHECK(layer_of(spec, 0).init->weights.name == "he_normal");
  CHECK(layer_of(spec, 0).init->bias.params.number("value") == -0.5);
  CHECK(spec.train.steps == 70);
}

TEST_CASE("the resolved config is a fixed point: it resolves to itself") {
  for (const std::string& text : {kBase, starter_config()}) {
    const ExperimentSpec spec = parse(text, {"train.steps=50", "network.layers.0.init.bias=0.25"});
    CHECK(parse(spec.resolved_json).resolved_json == spec.resolved_json);
    CHECK(nlohmann::json::parse(spec.resolved_json)["train"]["epochs"].is_null());
  }
}

TEST_CASE("overrides set values by dotted path, with the same checks") {
  const ExperimentSpec spec =
      parse(kBase, {"train.optimizer.lr=0.5", "seed=9", "name=other", "network.layers.1.units=3", "loss=mse"});
  CHECK(spec.train.optimizer.params.number("lr") == 0.5);
  CHECK(spec.seed == 9);
  CHECK(spec.name == "other");
  CHECK(layer_of(spec, 1).type.params.integer("units") == 3);
  CHECK(spec.loss.name == "mse");
  const auto issues = issues_of(kBase, {"train.optimizer.lr=fast"});
  REQUIRE(issues.size() == 1);
  CHECK(issues[0].pointer == "/train/optimizer/lr");
  CHECK(issues[0].cause == "set by train.optimizer.lr=fast");
  CHECK(!issues[0].place);
  CHECK(issues_of(kBase, {"train.optimiser.lr=0.1"})[0].hint.find("did you mean \"optimizer\"?") == 0);
}

TEST_CASE("a wildcard sets only where the key is present, so the output layer stays linear") {
  const ExperimentSpec spec = parse(kBase, {"network.layers.*.activation=elu"});
  CHECK(layer_of(spec, 0).activation->name == "elu");
  CHECK(layer_of(spec, 1).activation->name == "identity");
  const ExperimentSpec slope =
      parse(kBase, {"network.layers.*.activation=leaky_relu", "network.layers.*.activation.negative_slope=0.3"});
  CHECK(layer_of(slope, 0).activation->params.number("negative_slope") == 0.3);
}

TEST_CASE("overrides that lead nowhere are refused") {
  CHECK(issues_of(kBase, {"network.layers.*.init.bias=1"}).size() == 1);
  CHECK(issues_of(kBase, {"network.layers.7.units=1"}).size() == 1);
  CHECK(issues_of(kBase, {"data.*.x=1"}).size() == 1);
  CHECK(issues_of(kBase, {"nonsense"}).size() == 1);
  CHECK(issues_of(kBase, {"seed.deeper=1"}).size() >= 1);
}

TEST_CASE("a shorthand in the way of an override becomes an object, and a new option drops what it does not have") {
  const std::string text = R"({"data": {"kind": "moons"}, "network": {"layers": [{"units": 2}]},
    "train": {"optimizer": {"name": "sgd", "lr": 0.2, "momentum": 0.9}}})";
  const ExperimentSpec adam = parse(text, {"train.optimizer.name=adam"});
  CHECK(adam.train.optimizer.name == "adam");
  CHECK(adam.train.optimizer.params.number("lr") == 0.2);
  const ExperimentSpec promoted = parse(kBase, {"train.optimizer=adam", "train.optimizer.lr=0.3"});
  CHECK(promoted.train.optimizer.name == "adam");
  CHECK(promoted.train.optimizer.params.number("lr") == 0.3);
}

TEST_CASE("train.steps and train.epochs exclude each other; an override replaces the other one") {
  const std::string text = R"({"data": {"kind": "moons"}, "network": {"layers": [{"units": 2}]},
    "train": {"epochs": 3}})";
  CHECK(parse(text, {"train.steps=5"}).train.steps == 5);
  CHECK_FALSE(parse(text, {"train.steps=5", "train.epochs=4"}).train.steps.has_value());
  CHECK(issues_of(R"({"data": {"kind": "moons"}, "network": {"layers": [{"units": 2}]},
    "train": {"epochs": 3, "steps": 4}})")[0]
            .pointer == "/train/steps");
}

TEST_CASE("paths in a config start at its directory; absolute ones stay") {
  const auto spec = [](const std::vector<std::string>& overrides) {
    return parse_experiment(kBase, "test.json", "place", overrides);
  };
  CHECK(spec({}).directory == "place");
  CHECK(spec({}).data.base_directory.lexically_normal() == "place/");
  CHECK(spec({"data.directory=here"}).data.base_directory == "place/here");
  CHECK(spec({"data.directory=/there"}).data.base_directory == "/there");
  CHECK_FALSE(spec({}).network.init_from.has_value());
  CHECK(spec({"network.init_from=w.safetensors"}).network.init_from == "place/w.safetensors");
  CHECK(spec({"network.init_from=/w.safetensors"}).network.init_from == "/w.safetensors");
}

TEST_CASE("where no length is given, it is the default number of epochs") {
  CHECK(parse(kBase, {"train.epochs=null"}).train.epochs == parse(kBase).train.epochs);
  CHECK(parse(kBase, {"train.steps=7"}).train.epochs == 0);
}

TEST_CASE("names that would leave the run directory are refused") {
  for (const char* name : {"../up", ".hidden", "a/b", "", "a\\u001b[31m", "a b"}) {
    CAPTURE(name);
    const std::string text = std::string(R"({"name": ")") + name + R"(", "data": {"kind": "moons"},
      "network": {"layers": [{"units": 2}]}})";
    REQUIRE(issues_of(text).size() == 1);
    CHECK(issues_of(text)[0].pointer == "/name");
  }
}

TEST_CASE("the starter config is valid") { CHECK(parse(starter_config()).name == "starter"); }

TEST_CASE("mutated configs are refused or accepted, and never crash") {
  Rng rng(77, Purpose::generator);
  const std::string base = parse(starter_config()).resolved_json;
  int accepted = 0;
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string text = base;
    const auto mutations = 1 + rng.below(4);
    for (std::uint64_t mutation = 0; mutation < mutations; ++mutation) {
      const std::size_t at = rng.below(text.size());
      switch (rng.below(4)) {
        case 0:
          text[at] = static_cast<char>(rng.below(256));
          break;
        case 1:
          text.erase(at, rng.below(20));
          break;
        case 2:
          text.insert(at, text.substr(rng.below(text.size()), rng.below(30)));
          break;
        default:
          text.insert(at, 1, "{}[],:\"0-.e"[rng.below(11)]);
      }
      if (text.empty()) text = "{";
    }
    try {
      parse(text);
      ++accepted;
    } catch (const ConfigError& error) {
      CHECK_FALSE(error.issues().empty());
      ++refused;
    }
  }
  CHECK(refused > 1000);
  CHECK(accepted > 0);
}
