// Where in a file a config is wrong.
#include <doctest/doctest.h>

#include "config/config_error.hpp"
#include "config/json_places.hpp"
#include "config/load.hpp"
#include "support/text.hpp"

using namespace reluscope;
using test::contains;

namespace {

std::string said_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    parse_experiment(text, "c.json", ".", overrides);
  } catch (const ConfigError& error) { return error.what(); }
  return "";
}

const std::string kMoons = R"({
  // moons
  "data": {"kind": "moons"},
  "network": {"layers": [
    {"units": 3, "activation": "relu"},
    {"units": 2}
  ]},
  "train": {"epochs": 2}
})";

std::string moons_with(const std::string& part, const std::string& other) {
  std::string text = kMoons;
  return text.replace(text.find(part), part.size(), other);
}

}  // namespace

TEST_CASE(
    "a wrong value is shown in its line, an unknown key at the key, what is missing at the object that lacks it") {
  CHECK(said_of(kMoons).empty());
  const std::string value = said_of(moons_with("\"epochs\": 2", "\"epochs\": \"two\""));
  CHECK(contains(value, "c.json:8:23: /train/epochs: found \"two\", expected an integer"));
  CHECK(contains(value, "\n  8 |   \"train\": {\"epochs\": \"two\"}\n    |                       ^^^^^"));
  const std::string key = said_of(moons_with("\"epochs\": 2", "\"epoches\": 2"));
  CHECK(contains(key, "c.json:8:13: /train/epoches: found an unknown key"));
  CHECK(contains(key, "\n  help: did you mean \"epochs\"?"));
  CHECK(contains(said_of(moons_with("{\"units\": 2}", "{\"name\": \"out\"}")),
                 "c.json:6:5: /network/layers/1/units: found nothing"));
  CHECK(contains(said_of(moons_with("\"train\"", "\"data\"")), "c.json:8:3: /data: found the same key twice"));
  CHECK(contains(said_of(moons_with("\"units\": 3", "\"units\": 0")), "c.json:5:15: /network/layers/0/units"));
  CHECK(contains(said_of(moons_with("\"units\": 3", "\"un\\u0069ts\": 0")), "c.json:5:20: /network/layers/0/units"));
}

TEST_CASE("of several problems each has its place, and the first ones are shown") {
  std::string layers;
  for (int layer = 0; layer < 8; ++layer) layers += "    {\"units\": -1},\n";
  const std::string message = said_of(moons_with("    {\"units\": 3, \"activation\": \"relu\"},\n", layers));
  CHECK(contains(message, "8 problems in 'c.json'"));
  CHECK(contains(message, "\n  c.json:5:15: /network/layers/0/units: found -1"));
  CHECK(contains(message, "\n  c.json:12:15: /network/layers/7/units: found -1"));
  CHECK(contains(message, "\n  9 |     {\"units\": -1},"));
  CHECK(!contains(message, "\n  10 | "));
}

TEST_CASE("what a word of the command line has caused points at no line") {
  const std::string message = said_of(kMoons, {"train.epochs=two"});
  CHECK(contains(message, "c.json: /train/epochs: found \"two\""));
  CHECK(contains(message, "; set by train.epochs=two"));
  CHECK(!contains(message, " | "));
  // Beside it the file's own faults keep their places.
  const std::string both = said_of(moons_with("\"units\": 3", "\"units\": 0"), {"train.epochs=two"});
  CHECK(contains(both, "c.json:5:15: /network/layers/0/units"));
}

TEST_CASE("a fault of syntax is pointed at where it is, not where the parser noticed") {
  CHECK(contains(said_of("{\n  \"seed\": 1\n  \"name\": \"x\"\n}"), "c.json:2:12: found no comma here"));
  CHECK(contains(said_of("{\"a\": [1 2]}"), "c.json:1:9: found no comma here"));
  CHECK(contains(said_of("{\n  \"seed\": 1,  // last\n}"), "c.json:2:12: found a comma with nothing behind it"));
  CHECK(contains(said_of("{\"data\": {\n  \"kind\": \"moons\"\n"), "c.json:1:10: found a { that is never closed"));
  CHECK(contains(said_of("{\"a\": [1, 2"), "c.json:1:7: found a [ that is never closed"));
  CHECK(contains(said_of("{'seed': 1}"), "c.json:1:2: found a single quote"));
  CHECK(contains(said_of("{seed: 1}"), "c.json:1:2: found seed without quotes"));
  CHECK(contains(said_of("{\"shuffle\": True}"), "c.json:1:13: found True, expected true"));
  CHECK(contains(said_of("{\"limit\": None}"), "expected null"));
  CHECK(contains(said_of("{\"kind\": moons}"), "c.json:1:10: found moons without quotes"));
  CHECK(contains(said_of("{\"seed\" = 1}"), "c.json:1:9: found an equals sign"));
  CHECK(contains(said_of("{\"a\": \"x}\n"), "c.json:1:7: found a string that is never closed"));
}

TEST_CASE("numbers and words as other languages write them are said as JSON has them") {
  const auto value = [](const std::string& text) { return said_of("{\"lr\": " + text + "}"); };
  for (const auto& [given, meant] : std::vector<std::pair<std::string, std::string>>{
           {".5", "0.5"}, {"-.5", "-0.5"}, {"+1", "1"}, {"1.", "1"}, {"007", "7"}, {"+.5e3", "0.5e3"}}) {
    CAPTURE(given);
    CHECK(contains(value(given), "c.json:1:8: found " + given + ", expected a number as JSON writes it"));
    CHECK(value(given).ends_with("\n  help: " + meant));
  }
  CHECK(contains(value("0x10"), "found 0x10, expected a number as JSON writes it"));
  CHECK(!contains(value("0x10"), "help"));
  for (const std::string given : {"NaN", "nan", "Infinity", "-Infinity", "-inf", "+Inf"}) {
    CAPTURE(given);
    CHECK(contains(value(given), "c.json:1:8: found " + given + ", expected a finite number"));
  }
  CHECK(contains(value("tru"), "help: did you mean true?"));
  CHECK(contains(value("[relu]"), "c.json:1:9: found relu without quotes"));
  CHECK(contains(said_of("{True: 1}"), "found True without quotes, expected it in double quotes"));
  CHECK(contains(value("“x”"), "c.json:1:8: found a typographic quote “, expected a straight double quote"));
  CHECK(contains(value("`x`"), "c.json:1:8: found a backquote"));
  CHECK(contains(value("\xff"), "c.json:1:8: found a byte that is no UTF-8"));
  CHECK(value(std::string(100000, 'x')).size() < 500);
}

TEST_CASE("colons, values, brackets and comments that are missing or too many are said") {
  CHECK(contains(said_of("{\"a\" 1}"), "c.json:1:5: found no colon here"));
  CHECK(contains(said_of("{\"a\": 1, \"b\" \"c\"}"), "c.json:1:13: found no colon here"));
  CHECK(contains(said_of("{\"a\": \"b\" \"c\": 1}"), "c.json:1:10: found no comma here"));
  CHECK(contains(said_of("{\"a\"}"), "c.json:1:2: found a key without a value"));
  CHECK(contains(said_of("{\"a\", \"b\": 1}"), "c.json:1:2: found a key without a value"));
  CHECK(contains(said_of("{\"a\":}"), "c.json:1:6: found no value behind the colon"));
  CHECK(contains(said_of("{\"a\": , \"b\": 1}"), "c.json:1:7: found no value behind the colon"));
  CHECK(contains(said_of("{\"a\": 1,, \"b\": 2}"), "c.json:1:9: found a comma with nothing before it"));
  CHECK(contains(said_of("{\"a\": [, 1]}"), "c.json:1:8: found a comma with nothing before it"));
  CHECK(contains(said_of("{\"a\": 1;}"), "c.json:1:8: found a semicolon"));
  CHECK(contains(said_of("{\n\"a\": [1, 2}"), "c.json:2:11: found a }, expected a ] for the [ at 2:6"));
  CHECK(contains(said_of("{\"a\": 1]"), "c.json:1:8: found a ], expected a } for the { at 1:1"));
  CHECK(contains(said_of("{\"a\": 1}}"), "c.json:1:9: found a } too many"));
  CHECK(contains(said_of("{\"a\": 1} 2"), "c.json:1:10: found something behind the config's last bracket"));
  CHECK(contains(said_of("{\"a\": /* x\n"), "c.json:1:7: found a comment that is never closed"));
  // A slash that begins no comment, at the very end: the parser waited for more.
  CHECK(contains(said_of("/"), "c.json:1:1: found / outside of any braces"));
  CHECK(contains(said_of("{} /"), "c.json:1:4: found something behind the config's last bracket"));
  CHECK(contains(said_of("{\"a\": /"), "c.json:1:1: found a { that is never closed"));
  CHECK(contains(said_of("# x\n{}"), "c.json:1:1: found a #, expected // before a comment"));
  CHECK(contains(said_of("{\"a\": 1} # x"), "c.json:1:10: found a #, expected // before a comment"));
  CHECK(contains(said_of("{\"a\": \"C:\\data\"}"), "c.json:1:10: found a single backslash in a string"));
  CHECK(contains(said_of("{\"a\": \"C:\\users\"}"), "c.json:1:10: found a single backslash in a string"));
  CHECK(contains(said_of("seed: 1\n"), "c.json:1:1: found seed outside of any braces"));
  CHECK(contains(said_of("\"seed\": 1\n"), "c.json:1:1: found \"seed\" outside of any braces"));
  for (const std::string text : {"", " \n", "// nothing\n"})
    CHECK(contains(said_of(text), "c.json:1:1: found nothing in it, expected a config; 'reluscope init' writes one"));
}

TEST_CASE("a byte order mark is no column, and hides no place") {
  const std::string mark = "\xEF\xBB\xBF";
  const std::string wrong = moons_with("\"epochs\": 2", "\"epochs\": \"two\"");
  CHECK(said_of(mark + wrong) == said_of(wrong));
  CHECK(contains(said_of(mark + "{\"sed\": 1}"), "c.json:1:2: /sed: found an unknown key"));
  CHECK(contains(said_of(mark + "{\"a\": 1 \"b\": 2}"), "c.json:1:8: found no comma here"));
}

TEST_CASE("keys of other kinds, and names as other programs have them, are recognised") {
  const auto hint = [](const std::string& part, const std::string& other) { return said_of(moons_with(part, other)); };
  CHECK(contains(hint("\"moons\"", "\"moons\", \"file\": \"x\""), "help: it goes with kind csv, npy, npz"));
  CHECK(contains(hint("\"units\": 2", "\"units\": 2, \"p\": 0.5"), "help: it goes with type dropout"));
  for (const auto& [given, meant] : std::vector<std::pair<std::string, std::string>>{
           {"LeakyReLU", "leaky_relu"}, {"ReLU", "relu"}, {"Swish", "swish"}}) {
    CAPTURE(given);
    const std::string message = hint("\"relu\"", "\"" + given + "\"");
    CHECK(contains(message, "did you mean \"" + meant + "\"?"));
  }
  CHECK(contains(hint("\"epochs\": 2", "\"optimizer\": \"Adam\""), "did you mean \"adam\"?"));
  CHECK(contains(hint("\"epochs\": 2", "\"optimizer\": {\"learning_rate\": 1}"), "did you mean \"lr\"?"));
  CHECK(contains(hint("\"epochs\": 2", "\"batchSize\": 2"), "did you mean \"batch_size\"?"));
  CHECK(contains(hint("\"epochs\": 2", "\"num_epochs\": 2"), "did you mean \"epochs\"?"));
  CHECK(contains(hint("\"moons\"", "\"moons\", \"normalize\": \"zscore\""), "did you mean \"per_feature\"?"));
  CHECK(contains(hint("\"units\": 3", "\"neurons\": 3"), "did you mean \"units\"?"));
  CHECK(contains(hint("\"train\"", "\"criterion\": \"mse\", \"train\""), "did you mean \"loss\"?"));
  CHECK(contains(hint("\"train\"", "\"loss\": \"CrossEntropyLoss\", \"train\""), "did you mean \"cross_entropy\"?"));
}

TEST_CASE("a layer of an override goes by its name, or from the end") {
  const auto units = [](const std::string& override) {
    const ExperimentSpec spec = parse_experiment(kMoons, "c.json", ".", std::vector<std::string>{override});
    std::vector<Index> all;
    for (const LayerSpec& layer : spec.network.layers) all.push_back(layer.type.params.integer("units"));
    return all;
  };
  CHECK(units("network.layers.dense1.units=7") == std::vector<Index>{7, 2});
  CHECK(units("network.layers.-1.units=7") == std::vector<Index>{3, 7});
  CHECK(units("network.layers.-2.units=7") == std::vector<Index>{7, 2});
  CHECK(contains(said_of(kMoons, {"network.layers.dense3.units=7"}), "or one of the layers dense1, dense2"));
  const std::string named = moons_with(
      "{\"units\": 3,", "{\"type\": \"dropout\"}, {\"units\": 4, \"repeat\": 2}, {\"name\": \"mid\", \"units\": 3,");
  const ExperimentSpec spec =
      parse_experiment(named, "c.json", ".",
                       std::vector<std::string>{"network.layers.mid.units=9", "network.layers.dropout1.p=0.25",
                                                "network.layers.dense4.units=5"});
  CHECK(spec.network.layers[0].type.params.number("p") == 0.25);
  CHECK(spec.network.layers[3].type.params.integer("units") == 9);
  CHECK(spec.network.layers[4].type.params.integer("units") == 5);
  CHECK(contains(said_of(named, {"network.layers.dense2.units=7"}), "or one of the layers dropout1, mid, dense4"));
}

TEST_CASE("a place is found in a document with comments, escapes and brackets in strings") {
  const std::string text = "/* {\"a\": 1} */ {\"a/b\": [1, {\"c~\": \"}]\"}], // x\n \"\\u0064\": -1.5e3}";
  const auto places = find_json_places(text, {"/a~1b/1/c~0", "/d", "/nothing", "/a~1b/0"});
  REQUIRE(places.size() == 3);
  const auto part = [&](const TextSpan& span) { return text.substr(span.begin, span.end - span.begin); };
  CHECK(part(places.at("/a~1b/1/c~0").value) == "\"}]\"");
  CHECK(part(places.at("/a~1b/1/c~0").key) == "\"c~\"");
  CHECK(part(places.at("/d").value) == "-1.5e3");
  CHECK(part(places.at("/a~1b/0").value) == "1");
}
