// Text and arguments made to break the loader: each is refused with a message that can be read.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "config/config_error.hpp"
#include "config/json_text.hpp"
#include "config/load.hpp"
#include "support/text.hpp"

using namespace reluscope;
using reluscope::test::contains;

namespace {

const std::string kGood = R"({"data": {"kind": "moons"}, "network": {"layers": [{"units": 2}]}})";

/// The message for `text`; empty if it is accepted.
std::string complaint(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    parse_experiment(text, "test.json", ".", overrides);
  } catch (const ConfigError& error) { return error.what(); }
  return "";
}

}  // namespace

TEST_CASE("a number beyond float64 is found outside strings and comments") {
  const std::string message = complaint("// 1e999\n/* 1e999 */ {\"a\": \"1e999 \\\" 1e999\",\n \"b\": 1e999}");
  CHECK(contains(message, "test.json:3:7: found the number 1e999"));
}

TEST_CASE("columns count characters, not bytes") {
  CHECK(contains(complaint("{\"größe\": nul}"), "test.json:1:11: found nul without quotes"));
}

TEST_CASE("an endless string does not end up in the message") {
  const std::string message = complaint("{\"a\": \"" + std::string(1000000, 'x'));
  CHECK(contains(message, "test.json:1:7: found a string that is never closed"));
  CHECK(message.size() < 400);
}

TEST_CASE("invalid UTF-8 is refused, and not repeated in the message") {
  const std::string message = complaint("{\"name\": \"\xC3\x28\"}");
  CHECK(contains(message, "ill-formed UTF-8"));
  CHECK(is_utf8(message));
  const std::string argument = complaint(kGood, {"data.directory=\xFF"});
  CHECK(contains(argument, "not UTF-8"));
  CHECK(is_utf8(argument));
}

TEST_CASE("long values are cut between characters") {
  std::string umlauts;
  for (int count = 0; count < 100; ++count) umlauts += "ä";
  CHECK(is_utf8(shortened(umlauts)));
  CHECK(is_utf8(shortened("x" + umlauts)));
  CHECK(shortened(umlauts).size() <= 60);
}

TEST_CASE("a hundred thousand faults are all counted, and the first hundred shown") {
  std::string layers = "{}";
  for (int layer = 1; layer < 20000; ++layer) layers += ",{}";
  try {
    parse_experiment(R"({"data": {"kind": "moons"}, "network": {"layers": [)" + layers + "]}}", "test.json", ".");
    FAIL("accepted");
  } catch (const ConfigError& error) {
    CHECK(error.issues().size() == 20000);
    CHECK(std::distance(error.issues().begin(), error.issues().end()) == 100);
    const std::string message = error.what();
    CHECK(message.size() < 20000);
    CHECK(contains(message, "and 19900 more"));
  }
}

TEST_CASE("unknown keys beyond those that are shown are counted, and nothing else is done about them") {
  std::string keys;
  for (int key = 0; key < 30000; ++key) keys += ", \"key" + std::to_string(key) + "\": 0";
  const std::string message =
      complaint(R"({"data": {"kind": "moons"}, "network": {"layers": [{"units": 2}]})" + keys + "}");
  CHECK(contains(message, "30000 problems in 'test.json'"));
  CHECK(contains(message, "and 299"));
  CHECK(message.size() < 16384);
  int asked = 0;
  ConfigIssues issues;
  for (int issue = 0; issue < 30000; ++issue)
    issues.add([&] {
      ++asked;
      return ConfigIssue{"/a", "b", "c", ""};
    });
  CHECK(asked == 100);
  CHECK(issues.size() == 30000);
}

TEST_CASE("an override through something that is no object is refused, whatever its key") {
  for (const char* text : {R"({"train": 5})", R"({"train": []})", R"({"train": "x"})", R"({"train": {"steps": []}})"})
    for (const char* override : {"train.steps=3", "train.epochs=3", "train.optimizer.lr=1", "train.steps.x=1"}) {
      CAPTURE(text);
      CAPTURE(override);
      CHECK_FALSE(complaint(text, {override}).empty());
    }
}

TEST_CASE("an index is checked against the list, an empty one too") {
  const std::string empty = R"({"data": {"kind": "moons"}, "network": {"layers": []}})";
  CHECK(contains(complaint(empty, {"network.layers.0.units=3"}), "expected elements in this list"));
  CHECK(contains(complaint(kGood, {"network.layers.1.units=3"}), "an index from 0 to 0"));
  CHECK(contains(complaint(kGood, {"network.layers.-2.units=3"}), "an index from 0 to 0"));
  CHECK(contains(complaint(kGood, {"network.layers.00.units=-3"}), "/network/layers/0/units: found -3"));
}

TEST_CASE("a wildcard makes nothing on its way") {
  const std::string message = complaint(kGood, {"nettwork.*.units=3"});
  CHECK(contains(message, "expected a list for '*'"));
  CHECK_FALSE(contains(message, "unknown key"));
}

TEST_CASE("the value of an override is as strict as a file") {
  CHECK(contains(complaint(kGood, {R"(data={"kind":"moons","kind":"csv"})"}), "the same key twice"));
  const std::string deep = std::string(30000, '[') + std::string(30000, ']');
  const std::string message = complaint(kGood, {"train.optimizer=" + deep});
  CHECK(contains(message, "nesting deeper than 64"));
  CHECK(message.size() < 500);
  CHECK(contains(complaint(kGood, {"train.optimizer.lr=1e999"}), "found \"1e999\""));
}

TEST_CASE("an override says that it is the cause, also of a key that it made") {
  CHECK(contains(complaint(kGood, {"train.optimiser.lr=1"}), "set by train.optimiser.lr=1"));
  CHECK(contains(complaint(kGood, {"train.optimizer.lr=-1"}), "set by train.optimizer.lr=-1"));
  const std::string twice = complaint(kGood, {"train.batch_size=1", "train.batch_size=0"});
  CHECK(contains(twice, "set by train.batch_size=0"));
  CHECK_FALSE(contains(complaint(R"({"train": {"lr": 1}})", {"train.epochs=3"}), "set by"));
}

TEST_CASE("where text belongs, an override that looks like a number is text") {
  const ExperimentSpec spec = parse_experiment(kGood, "test.json", ".", std::vector<std::string>{"name=2024"});
  CHECK(spec.name == "2024");
}

TEST_CASE("files that cannot be read are refused with the reason") {
  const auto refusal = [](const std::filesystem::path& file) {
    try {
      load_experiment(file);
    } catch (const ConfigError& error) { return std::string(error.what()); }
    return std::string();
  };
  CHECK(contains(refusal("no/such/file.json"), "No such file"));
  CHECK(contains(refusal("."), "a directory"));
  CHECK(contains(refusal(""), "no readable file"));
  const std::filesystem::path large = std::filesystem::temp_directory_path() / "reluscope-large-config.json";
  std::ofstream(large) << std::string((16U << 20) + 1, ' ');
  CHECK(contains(refusal(large), "16.0 MiB"));
  std::filesystem::remove(large);
}
