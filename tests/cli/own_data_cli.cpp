// inspect, init --data and try on tables and arrays: from somebody's file to the units that died.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "data/data_files.hpp"
#include "support/command.hpp"
#include "support/zip.hpp"

using namespace reluscope;
using namespace reluscope::test;
using Json = nlohmann::json;

namespace {

Json json_of(const std::string& text) { return Json::parse(text, nullptr, true, true); }

}  // namespace

TEST_CASE("from a table with a row number, words, gaps and dates to its dead units in one command") {
  const Workplace place;
  const auto tried = place.shell("cp $S/data/birds/birds.csv . && $R try birds.csv --label species");
  CHECK(tried.exit_code == 0);
  CHECK(says(tried.err, "label: species (as you say), 3 classes: Adelie 126"));
  CHECK(says(tried.err, "left out: id (counts the rows), observed (a date"));
  CHECK(says(tried.err, "the config is runs/birds.jsonc"));
  CHECK(contains(tried.out, "dense2"));
  CHECK(!contains(tried.err, "label species:"));  // it was said already
  CHECK(contains(read_file(place.path() / "runs/birds/census.csv"), "dead"));
  // The config says why, and runs by itself, wherever one stands.
  const std::string text = read_file(place.path() / "runs/birds.jsonc");
  CHECK(contains(text, "// Left out: id (counts the rows)"));
  const Json config = json_of(text);
  CHECK(config["data"]["file"] == "../birds.csv");
  CHECK(config["data"]["drop"] == Json({"id", "observed"}));
  CHECK(config["data"]["categorical"] == Json({"island", "sex"}));
  CHECK(config["data"]["missing"] == "median");
  CHECK(config["data"]["normalize"] == "per_feature");
  CHECK(config["network"]["layers"].back()["units"] == 3);
  CHECK(config["$schema"] == "experiment.schema.json");
  CHECK(json_of(read_file(place.path() / "runs/experiment.schema.json")).contains("properties"));
  const auto again =
      place.shell("cd / && $R run '" + (place.path() / "runs/birds.jsonc").string() + "' -q --out '" +
                  (place.path() / "again").string() + "' && cmp '" + (place.path() / "again/census.csv").string() +
                  "' '" + (place.path() / "runs/birds/census.csv").string() + "'");
  CHECK(again.exit_code == 0);
}

TEST_CASE("what a run says of its table stands in its manifest and features too") {
  const Workplace place;
  REQUIRE(place.shell("$R try $S/data/birds/birds.csv -q train.epochs=1").exit_code == 0);
  const Json data = json_of(read_file(place.path() / "runs/birds/manifest.json"))["data"];
  CHECK(data["table"]["labels"] == Json({"species"}));
  CHECK(data["table"]["left_out"][0]["column"] == "id");
  CHECK(data["table"]["encoded"][0] == Json({{"column", "island"}, {"how", "one_hot"}, {"values", 3}}));
  CHECK(data["table"]["filled"][0]["feature"] == "bill_length_mm");
  CHECK(data["table"]["filled"][0]["how"] == "median");
  CHECK(data["feature_names"].size() == 9);
  CHECK(data["shift"].size() == 9);
  CHECK(data["classes"][0]["class"] == "Adelie");
  CHECK(data["classes"][0]["train"].get<int>() + data["classes"][0]["test"].get<int>() == 126);
  const auto lines = lines_of(read_file(place.path() / "runs/birds/features.csv"));
  CHECK(lines[0].ends_with(",missing"));
  CHECK(lines[1].starts_with("0,island=Biscoe,"));
  int filled = 0;
  for (std::size_t line = 1; line < lines.size(); ++line) filled += lines[line].ends_with(",0") ? 0 : 1;
  CHECK(filled == 6);  // four sizes, two of sex
}

TEST_CASE("a run names label, classes and features, what it left out, the scale, and a row number") {
  const Workplace place;
  write_file(place.path() / "t.csv", "id,a,junk,y\n1,1500,0,no\n2,20,1,yes\n3,7,2,no\n4,5000,1,no\n5,60,9,yes\n");
  write_file(place.path() / "c.json",
             R"({"data": {"kind": "csv", "file": "t.csv", "drop": "junk", "test_fraction": 0},
                 "network": {"layers": [{"units": 3, "activation": "relu"}, {"units": 2}]}, "train": {"epochs": 1}})");
  const auto run = place.shell("$R run c.json");
  CHECK(run.exit_code == 0);
  CHECK(says(run.err, "label y: 2 classes: no (3), yes (2)"));
  CHECK(says(run.err, "features: id, a"));
  CHECK(says(run.err, "left out: junk (data.drop)"));
  CHECK(says(run.err, "not normalised: features from 1 to 5,000; data.normalize=per_feature"));
  CHECK(says(run.err, "column id counts the rows"));
  CHECK(says(run.err, "data.drop=junk,id leaves it out"));
  const auto mended = place.shell("$R run c.json data.drop=junk,id data.normalize=per_feature");
  CHECK(!says(mended.err, "counts the rows"));
  CHECK(!says(mended.err, "not normalised"));
}

TEST_CASE("rows that start with # are not lost without a word") {
  const Workplace place;
  write_file(place.path() / "t.csv", "tag,a,y\n#x,1,0\n#y,2,1\nz,3,0\nz,4,1\nz,5,0\nz,6,1\n");
  write_file(place.path() / "c.json",
             R"({"data": {"kind": "csv", "file": "t.csv", "categorical": "auto"},
                 "network": {"layers": [{"units": 3}, {"units": 2}]}, "train": {"epochs": 1}})");
  CHECK(says(place.shell("$R run c.json").err, "2 lines among the rows left out as comments; data.comment=null"));
  CHECK(says(place.shell("$R run c.json data.comment=null").err, "features: tag=#x, tag=#y, tag=z, a"));
}

TEST_CASE("try goes to the next free name, and its config with it") {
  const Workplace place;
  const std::string line = "$R try $S/data/birds/birds.csv -q train.epochs=1";
  REQUIRE(place.shell(line + " && " + line).exit_code == 0);
  CHECK(json_of(read_file(place.path() / "runs/birds-2.jsonc"))["name"] == "birds-2");
  CHECK(std::filesystem::exists(place.path() / "runs/birds-2/summary.json"));
  // A config that was left alone keeps its name too.
  std::filesystem::remove_all(place.path() / "runs/birds-2");
  REQUIRE(place.shell(line).exit_code == 0);
  CHECK(std::filesystem::exists(place.path() / "runs/birds-3/summary.json"));
  CHECK(place.shell(line + " --force").exit_code == 0);
  CHECK(place.shell(line + " --out elsewhere/mine").exit_code == 0);
  CHECK(std::filesystem::exists(place.path() / "elsewhere/mine.jsonc"));
  const auto taken = place.shell(line + " --out elsewhere/mine");
  CHECK(taken.exit_code == 2);
  CHECK(contains(taken.err, "exists already"));
}

TEST_CASE("init writes a config for a table, and does not replace one") {
  const Workplace place;
  const auto made =
      place.shell("cp $S/data/birds/birds.csv . && $R init --data birds.csv data.drop=id,year data.missing=mean");
  CHECK(made.exit_code == 2);
  CHECK(contains(made.err, "data.drop: no column is called \"year\""));
  CHECK(place.shell("$R init --data birds.csv data.drop=id data.missing=mean data.dates=observed").exit_code == 0);
  const Json config = json_of(read_file(place.path() / "birds.jsonc"));
  CHECK(config["data"]["missing"] == "mean");
  CHECK(config["data"]["dates"] == "observed");
  CHECK(config["data"]["drop"] == "id");
  CHECK(place.shell("$R run birds.jsonc -q train.epochs=1").exit_code == 0);
  const auto twice = place.shell("$R init --data birds.csv");
  CHECK(twice.exit_code == 2);
  CHECK(contains(twice.err, "exists already"));
  CHECK(place.shell("$R init --data birds.csv --force").exit_code == 0);
  CHECK(place.shell("$R init other.jsonc --data birds.csv").exit_code == 0);
  const auto piped = place.shell("$R init - --data birds.csv -q | $R run - -q train.epochs=1 --out piped");
  CHECK(piped.exit_code == 0);
  CHECK(place.shell("$R init --label x").exit_code == 2);
  CHECK(place.shell("$R init x.jsonc data.drop=id").exit_code == 2);
}

TEST_CASE("a label that cannot be known is asked for, and the help works") {
  const Workplace place;
  write_file(place.path() / "t.csv", "a,town,size,b\n1,x,S,5.5\n2,y,L,6\n3,x,S,7\n9,y,L,8\n");
  const auto asked = place.shell("$R try t.csv");
  CHECK(asked.exit_code == 2);
  CHECK(says(asked.err, "which column is the label? It may be town (2 different texts), size (2 different texts), b"));
  CHECK(says(asked.err, "help: --label=town, or --label=size"));
  CHECK(place.shell("$R try t.csv -q --label=size train.epochs=1").exit_code == 0);
  CHECK(place.shell("$R try t.csv -q --label b train.epochs=1").exit_code == 0);
  const auto none = place.shell("$R try t.csv --label sise");
  CHECK(none.exit_code == 2);
  CHECK(contains(none.err, "help: --label=size"));
}

TEST_CASE("labels that cannot be learned are refused by name") {
  const Workplace place;
  std::string ids = "a,b,name\n";
  for (int row = 0; row < 30; ++row) ids += std::to_string(row * row) + ",1,n" + std::to_string(row) + "\n";
  write_file(place.path() / "ids.csv", ids);
  write_file(place.path() / "same.csv", "a,b,y\n1,2,7\n3,4,7\n");
  const auto all = place.shell("$R try ids.csv --label name");
  CHECK(all.exit_code == 2);
  CHECK(says(all.err, "name has 30 different values in 30 rows: these are no classes"));
  const auto same = place.shell("$R try same.csv --label y");
  CHECK(same.exit_code == 2);
  CHECK(says(same.err, "has the same value in every row"));
}

TEST_CASE("numbers with a comma are read where they mean one thing, and asked for where two") {
  const Workplace place;
  write_file(place.path() / "one.csv", "108;392,5\n19;46,2\n13;15,7\n4;1,25\n");
  const auto one = place.shell("$R try one.csv train.epochs=1");
  CHECK(one.exit_code == 0);
  CHECK(says(one.err, "numbers are written with data.decimal=','"));
  CHECK(json_of(read_file(place.path() / "runs/one.jsonc"))["data"]["decimal"] == ",");
  write_file(place.path() / "two.csv", "a\tb\ty\n1,234\t1\t0\n2,345\t2\t1\n3,456\t7\t1\n");
  const auto two = place.shell("$R try two.csv");
  CHECK(two.exit_code == 2);
  CHECK(says(two.err, "help: data.decimal=',', or data.thousands=','"));
  CHECK(place.shell("$R try two.csv -q data.thousands=',' train.epochs=1").exit_code == 0);
}

TEST_CASE("arrays: labels beside them, in the archive, or asked for") {
  const Workplace place;
  write_file(place.path() / "x.npy", npy_bytes<double>("<f8", "(4, 2)", {1, 2, 3, 4, 5, 6, 7, 9}));
  write_file(place.path() / "y.npy", npy_bytes<float>("<f4", "(4, 2)", {1, 0, 0, 1, 1, 0, 0, 1}));
  write_file(place.path() / "a.npz", zip_of({{"x.npy", read_file(place.path() / "x.npy")},
                                             {"y.npy", npy_bytes<double>("<f8", "(4,)", {0.5, 1, 2, 3})}}));
  const auto asked = place.shell("$R try x.npy");
  CHECK(asked.exit_code == 2);
  CHECK(contains(asked.err, "help: --label=y.npy"));
  CHECK(place.shell("$R try x.npy -q --label=y.npy train.epochs=1").exit_code == 0);
  CHECK(json_of(read_file(place.path() / "runs/x.jsonc"))["data"]["task"] == "classification");  // one-hot
  const auto archive = place.shell("$R try a.npz train.epochs=1");
  if (contains(archive.err, "this build reads no zip")) return;
  CHECK(archive.exit_code == 0);
  CHECK(json_of(read_file(place.path() / "runs/a.jsonc"))["loss"] == "mse");
  const Json inspected = json_of(place.shell("$R inspect a.npz --json").out);
  CHECK(inspected["format"] == "NPZ");
  CHECK(inspected["arrays"][0]["name"] == "x");
}

TEST_CASE("inspect summarises a table of text as one of numbers") {
  const Workplace place;
  const auto text = place.shell("$R inspect $S/data/birds/birds.csv");
  CHECK(text.exit_code == 0);
  CHECK(contains(text.out, "300 rows × 9 columns, separated by commas, a header"));
  for (const char* part :
       {"row number", "label species: 3 classes: Adelie (126)", "categories", "2007-11-01…2009-11-29"})
    CHECK(contains(text.out, part));
  for (const std::string& line : lines_of(text.out)) {
    std::size_t characters = 0;
    for (const char byte : line) characters += (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U ? 1U : 0U;
    CHECK(characters <= 80);
  }
  const Json table = json_of(place.shell("$R inspect $S/data/birds/birds.csv --json").out)["table"];
  CHECK(table["rows"] == 300);
  CHECK(table["label"] == 2);
  CHECK(table["columns"][7]["type"] == "text");
  CHECK(table["columns"][7]["missing"] == 7);
  CHECK(table["columns"][7]["values"][0] == Json({{"value", "male"}, {"count", 157}}));
  CHECK(table["columns"][3]["min"] == 32.3);
  CHECK(place.shell("$R inspect $S/data/birds/birds.csv --label-column nosuch").exit_code == 2);
}
