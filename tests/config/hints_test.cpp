// What is said to help where a config is wrong: keys and names as other programs have them, at other places.
#include <doctest/doctest.h>

#include "config/config_error.hpp"
#include "config/load.hpp"
#include "config/overrides.hpp"
#include "support/text.hpp"

using namespace reluscope;
using test::contains;

namespace {

std::string message_about(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    parse_experiment(text, "c.json", ".", overrides);
  } catch (const ConfigError& error) { return error.what(); }
  return "";
}

const std::string kNetwork = R"("network": {"layers": [{"units": 2}]})";

std::string config(const std::string& data, const std::string& layer, const std::string& train) {
  return R"({"data": {)" + data + R"(}, "network": {"layers": [)" + layer + R"(, {"units": 2}]}, "train": {)" + train +
         "}}";
}

std::string of_data(const std::string& data) { return message_about(config(data, R"({"units": 3})", "")); }
std::string of_layer(const std::string& layer) { return message_about(config(R"("kind": "moons")", layer, "")); }
std::string of_train(const std::string& train) {
  return message_about(config(R"("kind": "moons")", R"({"units": 3})", train));
}

}  // namespace

TEST_CASE("the key that chooses goes by another name elsewhere") {
  CHECK(contains(of_data(R"("type": "moons")"), "/data/kind: found nothing"));
  CHECK(contains(of_data(R"("type": "moons")"), "help: write \"kind\" for \"type\""));
  CHECK(contains(of_train(R"("optimizer": {"kind": "adam"})"), "help: did you mean \"name\"?"));
  CHECK(contains(of_train(R"("optimizer": {"type": "adam"})"), "help: did you mean \"name\"?"));
  CHECK(contains(of_layer(R"({"kind": "dense", "units": 3})"), "help: did you mean \"type\"?"));
  CHECK(contains(of_layer(R"({"units": 3, "activation": {"type": "relu"}})"), "help: did you mean \"name\"?"));
  // Where it chose already, the other one is no slip.
  CHECK(!contains(of_train(R"("optimizer": {"name": "adam", "kind": 1})"), "help"));
}

TEST_CASE("a name or a number where an object belongs is shown within it") {
  CHECK(contains(of_layer(R"({"units": 3, "init": "kaiming_normal"})"),
                 "help: did you mean {\"weights\":\"kaiming_normal\"}?"));
  CHECK(
      contains(of_layer(R"({"units": 3, "init": "xavier"})"), "help: did you mean {\"weights\":\"glorot_uniform\"}?"));
  CHECK(contains(of_layer("64"), "help: did you mean {\"units\":64}?"));
  CHECK(!contains(of_layer("-64"), "help"));
  CHECK(!contains(of_layer("\"relu\""), "help"));
  CHECK(message_about(config(R"("kind": "moons")", R"({"units": 3, "init": {"weights": "kaiming_normal"}})", ""))
            .empty());
}

TEST_CASE("keys by another name at another place are found") {
  CHECK(contains(of_train(R"("learning_rate": 0.1)"), "help: did you mean /train/optimizer/lr?"));
  CHECK(contains(of_train(R"("lr": 0.1)"), "help: it is known at /train/optimizer/lr"));
  CHECK(contains(of_train(R"("neurons": 3)"), "help: did you mean /network/layers/0/units?"));
  CHECK(contains(message_about(R"({"data": {"kind": "moons"}, "hidden_layers": [], )" + kNetwork + "}"),
                 "help: did you mean \"network\"?"));
  CHECK(contains(message_about(R"({"data": {"kind": "moons"}, "network": {"hidden_layers": []}})"),
                 "help: did you mean \"layers\"?"));
  CHECK(contains(of_layer(R"({"type": "Linear", "units": 3})"), "help: did you mean \"dense\"?"));
  CHECK(contains(of_layer(R"({"units": 3, "activation": {"name": "leaky_relu", "alpha": 0.1}})"),
                 "help: did you mean \"negative_slope\"?"));
  CHECK(
      contains(of_train(R"("optimizer": {"name": "adam", "momentum": 0.9})"), "help: it goes with name sgd, rmsprop"));
}

TEST_CASE("names of losses and scalings as other programs have them are recognised, or are names here, too") {
  for (const auto& [given, meant] :
       std::vector<std::pair<std::string, std::string>>{{"l1_loss", "mae"},
                                                        {"l2", "mse"},
                                                        {"MSELoss", "mse"},
                                                        {"BCELoss", "bce"},
                                                        {"CrossEntropy", "cross_entropy"}}) {
    CAPTURE(given);
    const std::string text = R"({"data": {"kind": "moons"}, "loss": ")" + given + "\", " + kNetwork + "}";
    CHECK(contains(message_about(text), "did you mean \"" + meant + "\"?"));
  }
  for (const auto& [given, meant] : std::vector<std::pair<std::string, std::string>>{
           {"z-score", "per_feature"}, {"StandardScaler", "per_feature"}, {"min_max", "unit"}}) {
    CAPTURE(given);
    CHECK(contains(of_data(R"("kind": "moons", "normalize": ")" + given + "\""), "did you mean \"" + meant + "\"?"));
  }
}

TEST_CASE("a path of an override with brackets or slashes is said with dots") {
  const std::string text = R"({"data": {"kind": "moons"}, )" + kNetwork + "}";
  for (const std::string path : {"network.layers[0].units", "network/layers/0/units", "/network/layers/0/units"}) {
    CAPTURE(path);
    CHECK(contains(message_about(text, {path + "=3"}), "found '" + path + "=3', expected a path with dots alone"));
    CHECK(contains(message_about(text, {path + "=3"}), "help: did you mean network.layers.0.units=3?"));
  }
  // In a value they are as good as any.
  CHECK(message_about(text, {"name=a/b"}) != "");
  CHECK(!contains(message_about(text, {"name=a/b"}), "dots"));
  CHECK(message_about(text, {"data.directory=a/[b]"}).empty());
}

TEST_CASE("a key has one place among the least deep, by its own name or by another") {
  CHECK(place_of_key("lr") == "train.optimizer.lr");
  CHECK(place_of_key("learning-rate") == "train.optimizer.lr");
  CHECK(place_of_key("optimizer.lr") == "train.optimizer.lr");
  CHECK(place_of_key("train.epochs") == "train.epochs");
  CHECK(place_of_key("BatchSize") == "train.batch_size");
  CHECK(place_of_key("optimizer") == "train.optimizer");
  CHECK(place_of_key("kind") == "data.kind");
  CHECK(place_of_key("name") == "name");
  CHECK(place_of_key("train") == "data.train");  // not the section, which no word can set
  CHECK(place_of_key("units") == "network.layers.*.units");
  CHECK(place_of_key("network.layers.dense1.units") == "network.layers.dense1.units");
  CHECK(place_of_key("layers.-1.units") == "network.layers.-1.units");
  for (const char* none : {"nonsense", "no.such", "network", "", ".", "train.nonsense", "x.train.epochs"}) {
    CAPTURE(none);
    CHECK(!place_of_key(none));
  }
}

TEST_CASE("a message is of bounded size, however long names are and however many faults") {
  std::string keys;
  std::string layers = "{\"units\": 1}";
  for (int at = 0; at < 200; ++at) {
    keys += ", \"" + std::to_string(at) + std::string(20000, 'x') + "\": 1";
    layers += ", {\"units\": -1, \"" + std::string(3000, 'y') + "\": 1}";
  }
  for (const std::string& message :
       {message_about(R"({"data": {"kind": "moons"}, )" + kNetwork + keys + "}"), of_layer(layers)}) {
    CHECK(message.size() < 16384);
    CHECK(contains(message, " more"));
    CHECK(contains(message, "problems in 'c.json'"));
  }
  CHECK(contains(of_layer(layers), "400 problems in 'c.json'"));
  CHECK(message_about(R"({"data": {"kind": "moons"}, )" + kNetwork + ", \"" + std::string(100000, 'x') + "\": 1}")
            .size() < 1200);
}
