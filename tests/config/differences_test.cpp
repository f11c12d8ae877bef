#include "config/differences.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace reluscope {

namespace {

using Lines = std::vector<std::string>;

/// "key: value | value" for each difference; a config that is not JSON is null.
Lines differences_of(const std::vector<const char*>& texts) {
  std::vector<nlohmann::ordered_json> configs;
  for (const char* text : texts) {
    configs.push_back(nlohmann::ordered_json::parse(text, nullptr, false));
    if (configs.back().is_discarded()) configs.back() = nullptr;
  }
  Lines lines;
  for (const ConfigDifference& difference : config_differences(configs)) {
    REQUIRE(difference.values.size() == configs.size());
    std::string line = difference.key + ":";
    for (const std::string& value : difference.values) line += (line.back() == ':' ? " " : " | ") + value;
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("configs differ where their values do, in the order of the config") {
  CHECK(differences_of({R"({"train": {"epochs": 3, "lr": 0.1}, "data": {"file": "a, b.csv", "x": null}})",
                        R"({"data": {"file": "c.csv", "x": null}, "train": {"epochs": 5, "lr": 1e-05}})"}) ==
        Lines{"train.epochs: 3 | 5", "train.lr: 0.1 | 1e-05", "data.file: a, b.csv | c.csv"});
  CHECK(differences_of({R"({"a": null, "b": true})", R"({"a": 1, "b": false})"}) ==
        Lines{"a: null | 1", "b: true | false"});
}

TEST_CASE("one config, equal ones and none at all have no differences") {
  CHECK(differences_of({}).empty());
  CHECK(differences_of({R"({"a": 1})"}).empty());
  CHECK(differences_of({R"({"a": 1, "b": {"c": 2}})", R"({"b": {"c": 2}, "a": 1.0})"}).empty());
  CHECK(differences_of({"", ""}).empty());
}

TEST_CASE("name, seed and $schema of a config are no differences, those further in are") {
  CHECK(differences_of({R"({"$schema": "a", "name": "a", "seed": 1, "data": {"seed": 3}})",
                        R"({"$schema": "b", "name": "b", "seed": 2, "data": {"seed": 4}})"}) ==
        Lines{"data.seed: 3 | 4"});
}

TEST_CASE("a run without a config differs from nothing, and has no value where others differ") {
  CHECK(differences_of({R"({"a": 1})", ""}).empty());
  CHECK(differences_of({"", R"({"a": 1})", "[]", R"({"a": 2})"}) == Lines{"a:  | 1 |  | 2"});
}

TEST_CASE("a place that some configs do not have is a difference, next to its neighbours") {
  CHECK(differences_of({R"({"a": {"x": 1, "y": 2}, "b": 3})", R"({"a": {"x": 0, "z": 5}, "b": 4})"}) ==
        Lines{"a.x: 1 | 0", "a.y: 2 | ", "a.z:  | 5", "b: 3 | 4"});
  CHECK(differences_of({R"({"a": "relu"})", R"({"a": {"slope": 2}})"}) == Lines{"a.slope:  | 2", "a: relu | "});
}

TEST_CASE("places of a list that differ in the same way are one") {
  CHECK(differences_of({R"({"layers": [{"f": {"name": "a"}}, {"f": {"name": "a"}}, {"f": {"name": "id"}}]})",
                        R"({"layers": [{"f": {"name": "b"}}, {"f": {"name": "b"}}, {"f": {"name": "id"}}]})"}) ==
        Lines{"layers.*.f.name: a | b"});
  CHECK(differences_of(
            {R"({"layers": [{"n": 1}, {"n": 1}, {"n": 7}]})", R"({"layers": [{"n": 2}, {"n": 2}, {"n": 8}]})"}) ==
        Lines{"layers.0.n: 1 | 2", "layers.1.n: 1 | 2", "layers.2.n: 7 | 8"});
  CHECK(differences_of({R"({"layers": [{"n": 1}, {"n": 5}]})", R"({"layers": [{"n": 2}, {"n": 5}]})"}) ==
        Lines{"layers.0.n: 1 | 2"});
  CHECK(differences_of({R"({"a": [{"b": [{"n": 1}, {"n": 1}]}, {"b": [{"n": 1}, {"n": 1}]}]})",
                        R"({"a": [{"b": [{"n": 2}, {"n": 2}]}, {"b": [{"n": 2}, {"n": 2}]}]})"}) ==
        Lines{"a.*.b.*.n: 1 | 2"});
}

TEST_CASE("a list of plain values is one value") {
  CHECK(differences_of({R"({"betas": [0.9, 0.999], "drop": []})", R"({"betas": [0.9, 0.99], "drop": ["x"]})"}) ==
        Lines{"betas: [0.9,0.999] | [0.9,0.99]", R"(drop: [] | ["x"])"});
  CHECK(differences_of({R"({"m": [[1, 2], [3]]})", R"({"m": [[1, 2], [4]]})"}) == Lines{"m.1: [3] | [4]"});
}

TEST_CASE("parameters that only some options have are said by the option's name") {
  CHECK(differences_of({R"({"f": {"name": "relu"}, "g": 1})", R"({"f": {"name": "leaky", "slope": 0.01}, "g": 2})"}) ==
        Lines{"f.name: relu | leaky", "g: 1 | 2"});
  CHECK(differences_of({R"({"f": {"name": "sgd", "lr": 1, "momentum": {"of": 0}}})",
                        R"({"f": {"name": "adam", "lr": 2, "eps": 1}})"}) ==
        Lines{"f.name: sgd | adam", "f.lr: 1 | 2"});
  CHECK(differences_of({R"({"d": {"kind": "csv", "file": "x"}})", R"({"d": {"kind": "moons", "noise": 1}})"}) ==
        Lines{"d.kind: csv | moons"});
  CHECK(differences_of({R"({"f": {"name": "a"}})", R"({"f": {"name": "b", "g": {"name": "c"}}})"}) ==
        Lines{"f.name: a | b"});
  CHECK(differences_of({R"({"f": {}})", R"({"f": {"name": "b", "x": 1}})"}) == Lines{"f.name:  | b"});
}

TEST_CASE("parameters in which runs of the same option differ stay") {
  CHECK(differences_of({R"({"f": {"name": "relu"}})", R"({"f": {"name": "leaky", "slope": 0.01}})",
                        R"({"f": {"name": "leaky", "slope": 0.2}})"}) ==
        Lines{"f.name: relu | leaky | leaky", "f.slope:  | 0.01 | 0.2"});
  CHECK(differences_of({R"({"f": {"name": "leaky", "slope": 0.01}})", R"({"f": {"name": "leaky", "slope": 0.2}})"}) ==
        Lines{"f.slope: 0.01 | 0.2"});
}

TEST_CASE("a layer's own name is not the choice, its type is") {
  CHECK(differences_of({R"({"layers": [{"type": "dense", "name": "a", "units": 4}]})",
                        R"({"layers": [{"type": "dropout", "name": "b", "p": 0.5}]})"}) ==
        Lines{"layers.0.type: dense | dropout", "layers.0.name: a | b"});
  CHECK(differences_of({R"({"layers": [{"type": "dense", "name": "a"}]})",
                        R"({"layers": [{"type": "dense", "name": "b", "repeat": 2}]})"}) ==
        Lines{"layers.0.name: a | b", "layers.0.repeat:  | 2"});
}

}  // namespace reluscope
