// `reluscope census`, as a user runs it.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "support/command.hpp"
#include "trace/records.hpp"
#include "trace/table_reader.hpp"
#include "trace/weights.hpp"

using namespace reluscope;
using namespace reluscope::test;
using Json = nlohmann::json;

namespace {

/// A run that has saved its weights, in `run`; its config is c.json.
struct Trained : Workplace {
  Trained() {
    write_file(path() / "c.json", R"({
      "name": "small",
      "data": {"kind": "moons", "n_samples": 400, "noise": 0.1},
      "network": {"layers": [{"units": 24, "activation": "relu", "repeat": 2}, {"units": 8, "activation": "prelu"},
                             {"units": 2}]},
      "train": {"epochs": 6, "batch_size": 20, "optimizer": {"lr": 0.6}},
      "record": {"every": 5, "probe": 64}})");
    const auto run = shell("$R run c.json --save-weights -q --out run >table");
    REQUIRE(run.exit_code == 0);
  }
  template <class R>
  std::vector<R> table(const std::string& file) const {
    return read_table<R>(path() / file).rows;
  }
  /// The weights of the run with another bias for some units of the first layer.
  void plant(const std::string& file, const std::vector<std::size_t>& units) const {
    Tensors weights = read_safetensors(path() / "run/weights.safetensors");
    const Tensor* bias = weights.find("layers.0.bias");
    REQUIRE(bias != nullptr);
    const float planted = -1000.0F;
    for (const std::size_t unit : units)
      std::copy_n(reinterpret_cast<const char*>(&planted), sizeof planted,
                  weights.data.data() + bias->begin + unit * sizeof planted);
    weights.metadata.clear();
    write_safetensors(path() / file, weights);
  }
};

/// The cells of a table's rows by the names of its columns, as they are written.
std::vector<std::map<std::string, std::string>> cells(const std::string& text) {
  std::vector<std::map<std::string, std::string>> rows;
  std::vector<std::string> header;
  for (const std::string& line : lines_of(text)) {
    std::vector<std::string> row(1);
    for (const char letter : line) {
      if (letter == ',') {
        row.emplace_back();
      } else {
        row.back() += letter;
      }
    }
    if (header.empty()) {
      header = row;
      continue;
    }
    auto& named = rows.emplace_back();
    for (std::size_t at = 0; at < row.size(); ++at) named[header[at]] = row[at];
  }
  return rows;
}

}  // namespace

TEST_CASE("the census of a run's saved weights is the last one of that run, to the last digit") {
  const Trained place;
  REQUIRE(place.shell("$R census run --out seen -q >text").exit_code == 0);
  const auto run = cells(read_file(place.path() / "run/census.csv"));
  const auto seen = cells(read_file(place.path() / "seen/census.csv"));
  REQUIRE(seen.size() == 4);
  std::int64_t dead = 0;
  for (std::size_t at = 0; at < seen.size(); ++at) {
    auto last = run[run.size() - seen.size() + at];
    auto now = seen[at];
    for (const char* column : {"layer", "name", "units", "dead", "dead_fraction", "dead_on_domain", "saturated",
                               "dormant", "effective_rank", "role", "samples", "positions"}) {
      CAPTURE(column);
      CHECK(now[column] == last[column]);
    }
    for (const char* column : {"locked", "died", "revived"}) CHECK(now[column].empty());
    CHECK(now["inherited"] == now["dead"]);
    dead += std::stoll(now["dead"]);
  }
  CHECK(dead > 0);  // or it shows little
  const auto units = cells(read_file(place.path() / "run/units.csv"));
  auto seen_units = cells(read_file(place.path() / "seen/units.csv"));
  REQUIRE(seen_units.size() == units.size());
  for (std::size_t at = 0; at < units.size(); ++at) {
    auto then = units[at];
    for (const char* column :
         {"layer", "name", "unit", "state", "margin", "activation_rate", "role", "a_mean", "slope"})
      CHECK(seen_units[at][column] == then[column]);
    for (const char* column : {"deaths", "revivals", "locked", "locked_step", "min_steps_to_revive", "died_by"})
      CHECK(seen_units[at][column].empty());
  }
  CHECK(read_file(place.path() / "seen/sites.csv") == read_file(place.path() / "run/sites.csv"));
  // The loss and the accuracy at the end of the run.
  const Json summary = Json::parse(read_file(place.path() / "seen/summary.json"));
  CHECK(summary["train"] == Json::parse(read_file(place.path() / "run/summary.json"))["train"]);
}

TEST_CASE("a census is the same whoever says where the parameters are, and for any number of threads") {
  const Trained place;
  const auto of_run = place.shell("$R census run --json -q --threads 1");
  REQUIRE(of_run.exit_code == 0);
  for (const char* line :
       {"$R census run --json -q --threads 3", "$R census c.json --weights run/weights.safetensors --json -q",
        "$R census c.json --weights run --json -q",
        "$R census c.json network.init_from=run/weights.safetensors --json -q",
        "$R census - --weights run --json -q < c.json"}) {
    CAPTURE(line);
    const auto other = place.shell(line);
    CHECK(other.exit_code == 0);
    Json expected = Json::parse(of_run.out);
    Json found = Json::parse(other.out);
    CHECK(found["weights"].get<std::string>().ends_with("run/weights.safetensors"));
    expected.erase("weights");
    found.erase("weights");
    CHECK(found == expected);
  }
}

TEST_CASE("a census says whose parameters it looks at: those drawn where none are given, and those of a checkpoint") {
  const Trained place;
  const auto drawn = place.shell("$R census c.json --out drawn");
  CHECK(drawn.exit_code == 0);
  CHECK(contains(drawn.err, "no weights are given (network.init_from, --weights FILE): the parameters are the drawn"));
  const auto first = cells(read_file(place.path() / "run/census.csv"));
  auto seen = cells(read_file(place.path() / "drawn/census.csv"));
  for (std::size_t at = 0; at < seen.size(); ++at)
    for (const char* column : {"step", "epoch", "layer", "units", "dead", "dead_on_domain", "born_dead", "inherited"})
      CHECK(seen[at][column] == first[at].at(column));
  // A reader that goes away has the run stop, with a checkpoint.
  place.shell("$R run c.json train.epochs=100000 -q --out cut --trace steps=- | head -n 2 >/dev/null");
  REQUIRE(std::filesystem::exists(place.path() / "cut/checkpoint.safetensors"));
  const auto cut = place.shell("$R census cut");
  CHECK(cut.exit_code == 0);
  CHECK(contains(cut.err, "the parameters are those in cut/checkpoint.safetensors"));
  CHECK(place.shell("$R census c.json --weights cut/checkpoint.safetensors -q").out == cut.out);
}

TEST_CASE("the table names the dead units, and goes into a pipe as it is") {
  const Trained place;
  const auto dead = [&](const std::string& words) { return place.shell("$R census run " + words).out; };
  place.plant("planted.safetensors", {1, 2, 3, 9});
  const auto text = place.shell("$R census c.json --weights planted.safetensors | cat");
  CHECK(text.exit_code == 0);
  CHECK(contains(text.out, "dead in dense1: "));
  CHECK(contains(text.out, "320 training samples; loss "));
  CHECK_FALSE(contains(text.out, "\x1b"));
  for (const std::string& line : lines_of(text.out)) CHECK(line.size() <= 80);
  CHECK(contains(dead("--part test -q"), "80 test samples"));
  const auto gone = place.shell("set -o pipefail; $R census run --json -q | head -n 1");
  CHECK(gone.exit_code == 0);
}

TEST_CASE("a comparison finds planted deaths and revivals: as text, as JSON, and as changes.csv") {
  const Trained place;
  const Json now = Json::parse(place.shell("$R census run --json -q").out);
  const auto dead = now["layers"][0]["dead_units"].get<std::vector<std::size_t>>();
  std::vector<std::size_t> alive;
  for (std::size_t unit = 0; unit < 24; ++unit)
    if (std::find(dead.begin(), dead.end(), unit) == dead.end()) alive.push_back(unit);
  REQUIRE(alive.size() >= 3);
  place.plant("two.safetensors", {alive[0], alive[1]});
  place.plant("one.safetensors", {alive[1], alive[2]});
  const auto compared =
      place.shell("$R census c.json --weights two.safetensors --compare one.safetensors --out c --json -q");
  REQUIRE(compared.exit_code == 0);
  const Json layer = Json::parse(compared.out)["compared"]["layers"][0];
  CHECK(layer["died"] == Json(std::vector{alive[0]}));
  CHECK(layer["revived"] == Json(std::vector{alive[2]}));
  CHECK(layer["kept_dead"].size() == dead.size() + 1);
  CHECK(layer["kept_dead"].size() + layer["kept_alive"].size() == 24 - 2);
  const auto rows = cells(read_file(place.path() / "c/changes.csv"));
  REQUIRE(rows.size() == 24 + 24 + 8 + 2);
  CHECK(rows[alive[0]].at("change") == "died");
  CHECK(rows[alive[0]].at("before") != "dead");
  CHECK(rows[alive[0]].at("after") == "dead");
  CHECK(std::stod(rows[alive[0]].at("margin_after")) > 900.0);
  CHECK(std::stod(rows[alive[0]].at("margin_before")) < 0.0);
  CHECK(rows[alive[2]].at("change") == "revived");
  const auto text = place.shell("$R census c.json --weights two.safetensors --compare one.safetensors -q");
  CHECK(contains(text.out, "Since one.safetensors:"));
  CHECK(contains(text.out, "died in dense1: " + std::to_string(alive[0]) + "\n"));
  CHECK(contains(text.out, "revived in dense1: " + std::to_string(alive[2]) + "\n"));
  // A census that is there is replaced, with all that it had.
  CHECK(place.shell("$R census run --out c -q").exit_code == 0);
  CHECK_FALSE(std::filesystem::exists(place.path() / "c/changes.csv"));
}

TEST_CASE("diagnose, report, export and watch take the directory of a census, and no run goes on in it") {
  const Trained place;
  REQUIRE(place.shell("$R census run --out seen -q").exit_code == 0);
  const auto findings = place.shell("$R diagnose seen");
  CHECK(findings.exit_code == 0);
  CHECK(contains(findings.err, "not applied: "));
  CHECK(place.shell("$R report seen -o page.html -q").exit_code == 0);
  CHECK(contains(read_file(place.path() / "page.html"), "hidden units are dead on the whole training set"));
  const auto joined = place.shell("$R export seen run --to csv --table census -q");
  CHECK(joined.exit_code == 0);
  CHECK(lines_of(joined.out).size() > 5);
  CHECK(contains(place.shell("$R watch seen").out, "done"));
  for (const char* line : {"$R run --resume seen", "$R census seen"}) {
    CAPTURE(line);
    const auto refused = place.shell(line);
    CHECK(refused.exit_code == 2);
    CHECK(contains(refused.err, "not the manifest of a run"));
  }
  CHECK(contains(place.shell("$R run c.json --out seen").err, "already holds a run"));
}

TEST_CASE(
    "prune takes the units out that a census found dead, of the parameters that it counted, from wherever it is "
    "called") {
  const Trained place;
  place.plant("planted.safetensors", {1, 4, 7});
  REQUIRE(place.shell("$R census c.json --weights planted.safetensors --out seen --json -q >seen.json").exit_code == 0);
  const Json seen = Json::parse(read_file(place.path() / "seen.json"));
  const auto done = place.shell("mkdir away && cd away && $R prune ../seen --units dead --json -q");
  REQUIRE(done.exit_code == 0);
  const Json pruned = Json::parse(done.out);
  for (std::size_t at = 0; at + 1 < pruned["layers"].size(); ++at)
    CHECK(pruned["layers"][at]["removed"] == seen["layers"][at]["dead"]);
  CHECK(pruned["layers"][0]["removed"] >= 3);
  CHECK(pruned["train"]["differing"] == 0);
  // It begins where the whole network stood, and has none of those units.
  const auto small = place.shell("$R census seen/pruned/network.json --json -q");
  REQUIRE(small.exit_code == 0);
  CHECK(Json::parse(small.out)["layers"][0]["dead"] == 0);
  CHECK(Json::parse(small.out)["loss"].get<double>() == doctest::Approx(seen["loss"].get<double>()).epsilon(1e-5));

  const auto locked = place.shell("$R prune seen");
  CHECK(locked.exit_code == 2);
  CHECK(contains(locked.err, "--units dead takes out all that are dead on the training set"));
  REQUIRE(place.shell("$R census c.json --weights planted.safetensors --part test --out held -q").exit_code == 0);
  const auto held = place.shell("$R prune held --units dead");
  CHECK(held.exit_code == 2);
  CHECK(contains(held.err, "a census of the part 'test', expected one of the training data"));
  CHECK_FALSE(std::filesystem::exists(place.path() / "held/pruned"));
  // Parameters that were drawn are drawn again.
  REQUIRE(place.shell("$R census c.json network.layers.0.init.bias=-9 --out drawn -q").exit_code == 0);
  const auto drawn = place.shell("$R prune drawn --units dead --json -q");
  REQUIRE(drawn.exit_code == 0);
  CHECK(Json::parse(drawn.out)["layers"][0]["removed"] == 23);
}

TEST_CASE("what does not fit is refused in words, with exit code 2, and nothing is written") {
  const Trained place;
  write_file(place.path() / "broken.safetensors", "no such thing");
  CHECK(place.shell("$R run c.json train.epochs=1 -q --out unsaved >table").exit_code == 0);
  CHECK(place.shell("$R run c.json train.epochs=1 network.layers.0.activation=elu -q --out other --save-weights >table")
            .exit_code == 0);
  struct Case {
    std::string line;
    std::string says;
  };
  const std::vector<Case> cases = {
      {"$R census", "CONFIG"},
      {"$R census run --part all", "--part"},
      {"$R census nothere.json", "nothere.json"},
      {"$R census .", "expected the directory of a run (no manifest.json)"},
      {"$R census c.json --weights nothere.safetensors", "nothere.safetensors: cannot be read"},
      {"$R census c.json --weights broken.safetensors", "broken.safetensors"},
      {"$R census c.json network.layers.0.units=5 --weights run/weights.safetensors",
       "the array 'layers.0.weight' has shape [24, 2], expected [5, 2]"},
      {"$R census unsaved", "unsaved/weights.safetensors: there is no such file"},
      {"$R census unsaved", "'reluscope run c.json --save-weights'"},
      {"$R census c.json --weights unsaved", "make the run with --save-weights"},
      {"$R census run --compare other", "found dense units=24, elu alpha=1.0, expected dense units=24, relu"},
      {"$R census run train.lr=1", "/train/lr"},
      {"$R census run --data nothere", "--data nothere: there is no such directory or file"},
      {"$R census run data.test_fraction=0 --part test", "--part test: found data without test samples"},
      {"$R census run --out run", "--out run holds a run (manifest.json)"},
      {"$R census run data.n_samples=0", "/data/n_samples"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.line);
    const auto refused = place.shell(one.line + (contains(one.line, "--out") ? "" : " --out new"));
    CAPTURE(refused.err);
    CHECK(refused.exit_code == 2);
    CHECK(contains(refused.err, one.says));
    CHECK(refused.out.empty());
    CHECK_FALSE(std::filesystem::exists(place.path() / "new"));
  }
  // What is read is not overwritten.
  CHECK(place.shell("mkdir d && cp run/weights.safetensors d/changes.csv").exit_code == 0);
  const auto kept = place.shell("$R census c.json --weights d/changes.csv --out d");
  CHECK(kept.exit_code == 2);
  CHECK(place.shell("cmp run/weights.safetensors d/changes.csv").exit_code == 0);
  CHECK(place.shell("$R census run --out /dev/null/x").exit_code == 1);
}

TEST_CASE("a checkpoint is looked at on other data of the same kind") {
  const Workplace place;
  std::string here = "x,y,label\n";
  std::string there = here;
  for (int row = 0; row < 60; ++row) {
    const std::string end = "," + std::to_string(row % 7) + "," + std::to_string(row % 2) + "\n";
    here += std::to_string(row % 11) + end;
    there += std::to_string(100 + row % 13) + end;
  }
  CHECK(place.shell("mkdir other").exit_code == 0);
  write_file(place.path() / "t.csv", here);
  write_file(place.path() / "other/t.csv", there);
  write_file(place.path() / "c.json", R"({
    "name": "table", "data": {"kind": "csv", "file": "t.csv", "header": true, "label_column": "label"},
    "network": {"layers": [{"units": 6, "activation": "relu"}, {"units": 2}]}, "train": {"steps": 20}})");
  REQUIRE(place.shell("$R run c.json -q --save-weights --out run >table").exit_code == 0);
  const auto json_of = [&](const std::string& words) {
    const auto census = place.shell("$R census run --json -q " + words);
    CAPTURE(census.err);
    REQUIRE(census.exit_code == 0);
    return Json::parse(census.out);
  };
  const Json file = json_of("--data other/t.csv");
  CHECK(file["data_crc32"] != json_of("")["data_crc32"]);
  CHECK(json_of("data.file=other/t.csv") == file);
}
