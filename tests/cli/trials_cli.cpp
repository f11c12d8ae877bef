// compare, sweep, merge, prescribe and prune, as a user runs them.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "support/command.hpp"

using namespace reluscope::test;

namespace {

/// A sweep of 240 short runs, some of which diverge.
const char* const kSweep = R"({"name": "tiny",
  "config": {"name": "tiny", "seed": 1, "data": {"kind": "abs", "n_samples": 80, "n_features": 1},
             "network": {"layers": [{"units": 10, "activation": "relu", "repeat": 2}, {"units": 1}]},
             "loss": "mse", "train": {"steps": 300, "batch_size": 64, "optimizer": {"lr": 0.01}},
             "record": {"every": 50, "census": 100}},
  "parameters": {"train.optimizer.lr": {"values": [100.0, 0.1, 0.01]},
                 "network.layers.*.activation": {"values": ["relu", "elu"]}},
  "seeds": 40})";

}  // namespace

TEST_CASE("compare: a row per run, and a table that says what the cure changes") {
  const Workplace place;
  const auto done = place.shell(
      "$R compare $S/configs/dying-relu.json train.epochs=8 --vary 'network.layers.*.activation=relu,leaky_relu' "
      "--seeds 6");
  CHECK(done.exit_code == 0);
  CHECK(contains(done.out, "dead units at the end, %"));
  const std::string csv = read_file(place.path() / "compare.csv");
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 13);
  CHECK(contains(csv, "job,id,network.layers.*.activation,seed,status,"));
  const auto json = place.shell(
      "$R compare $S/configs/dying-relu.json train.epochs=8 --vary 'network.layers.*.activation=relu,leaky_relu' "
      "--seeds 6 "
      "--json -q -j 2 -o again.csv && cmp compare.csv again.csv");
  CHECK(json.exit_code == 0);
  const auto document = nlohmann::json::parse(json.out);
  CHECK(document["recommendation"]["by"] == "accuracy");
  CHECK(document["costs"].size() == 2);
  CHECK(document["costs"][1]["variant"] == "leaky_relu");
  CHECK(document["costs"][1]["step_us"].get<double>() > 0.0);
  for (const auto& row : document["figures"]) {
    if (row["metric"] != "dead" || row["variant"] != "leaky_relu") continue;
    CHECK(row["median"] == 0.0);
    CHECK(row["difference"]["high"].get<double>() < -0.3);
    CHECK(row["difference"]["pairs"] == 6);
  }
  CHECK(place.shell("$R compare $S/configs/moons.json --vary train.optimizer.lrr=1,2").exit_code == 2);
}

TEST_CASE("a comparison that is stopped goes on with the same line, and leaves its journal to no other") {
  const Workplace place;
  const std::string line =
      "$R compare $S/configs/moons.json train.steps=1500 record.every=10 --vary 'network.layers.*.activation=relu,elu' "
      "--seeds 4 -j 2";
  const auto whole = place.shell(line + " -o whole.csv --json -q");
  REQUIRE(whole.exit_code == 0);
  const auto stopped = place.shell(line +
                                   " -o parts.csv & while kill -0 $! && ! [ $(grep -c , parts.part.csv) -ge 3 ]; "
                                   "do sleep 0.01; done 2>/dev/null; kill -TERM $!; wait $!");
  CHECK(stopped.exit_code == 143);
  CHECK(contains(stopped.err, "the same command goes on where it ended"));
  const auto other = place.shell(line + " -o parts.csv train.batch_size=7");
  CHECK(other.exit_code == 1);
  CHECK(contains(other.err, "'parts.part.csv' holds the runs of another sweep or comparison"));
  CHECK(contains(other.err, "--out"));
  const auto rest = place.shell(line + " -o parts.csv --json && cmp parts.csv whole.csv && ls *.csv 1>&2");
  CHECK(rest.exit_code == 0);
  CHECK(contains(rest.err, "of 8 runs were there already"));
  CHECK(contains(rest.err, "parts.csv\nwhole.csv\n"));
  const auto figures = [](const std::string& text) {
    auto document = nlohmann::json::parse(text);
    document.erase("costs");  // are measured
    return document;
  };
  CHECK(figures(rest.out) == figures(whole.out));
}

TEST_CASE("what is judged on the training set is not called held-out; a run that failed has no dead units") {
  const Workplace place;
  const auto training = place.shell(
      "$R compare $S/configs/moons.json data.test_fraction=0 train.steps=50 --vary train.optimizer.lr=0.1,1e30 --seeds "
      "2");
  CHECK(training.exit_code == 0);
  CHECK(contains(training.out, "training accuracy, %"));
  CHECK_FALSE(contains(training.out, "held-out"));
  const auto cells_of = [](const std::string& line) {
    std::vector<std::string> cells;
    std::istringstream text(line);
    for (std::string cell; std::getline(text, cell, ',');) cells.push_back(cell);
    return cells;
  };
  std::istringstream rows(read_file(place.path() / "compare.csv"));
  std::string row;
  std::getline(rows, row);
  const std::vector<std::string> names = cells_of(row);
  int failed = 0;
  while (std::getline(rows, row)) {
    const std::vector<std::string> cells = cells_of(row);
    const bool has_failed = contains(row, ",failed,");
    failed += has_failed ? 1 : 0;
    for (std::size_t at = 0; at < names.size(); ++at)
      if (names[at] == "dead_fraction" || names[at] == "train_loss" || names[at] == "locked")
        CHECK(cells[at].empty() == has_failed);
  }
  CHECK(failed == 2);
  // No hidden layer: there is nothing that could be dead.
  const auto linear = place.shell(
      "$R prescribe $S/configs/moons.json data.test_fraction=0 'network.layers=[{\"units\": 2}]' train.steps=50 "
      "train.optimizer.lr=1e30 --seeds 3 --json -q");
  REQUIRE(linear.exit_code == 0);
  const auto document = nlohmann::json::parse(linear.out);
  CHECK(document["objective_data"] == "training");
  REQUIRE(document["screening"].size() > 1);
  for (const auto& course : document["screening"]) CHECK(course["dead_fraction"].is_null());
}

TEST_CASE("sweep: the same bytes for any number of jobs, in shards, and after being killed again and again") {
  const Workplace place;
  write_file(place.path() / "tiny.json", kSweep);
  const auto one = place.shell("$R sweep tiny.json -o one -j 1");
  CHECK(one.exit_code == 0);
  CHECK(contains(one.err, "runs failed: see the column failure"));
  CHECK(contains(one.out, "activation  lr     runs  failed"));
  CHECK(contains(one.out, "\nBest by held-out loss: activation=relu, lr=0.1 with "));
  CHECK(contains(one.out, "80 of 240 runs failed."));
  const std::string results = read_file(place.path() / "one/results.csv");
  CHECK(std::count(results.begin(), results.end(), '\n') == 241);
  CHECK(contains(results, "failed,"));
  CHECK(place.shell("$R sweep tiny.json -o two -j 2 -q && cmp one/results.csv two/results.csv").exit_code == 0);
  // Killed while it runs, at other moments each time; half a row is appended to what it left.
  const auto killed = place.shell(
      "for pause in 0.02 0.05 0.08 0.11 0.14; do $R sweep tiny.json -o killed -j 2 -q & sleep $pause; kill -9 $! ;"
      "wait $!; [ ! -f killed/results.part.csv ] || printf '17,abc' >> killed/results.part.csv; done 2>/dev/null;"
      "$R sweep tiny.json -o killed -q && cmp one/results.csv killed/results.csv && ls killed");
  CHECK(killed.exit_code == 0);
  CHECK(killed.out == "results.csv\nsweep.json\n");
  // Killed between its last two steps.
  const auto stray = place.shell("cp one/results.csv one/results.part.csv; $R sweep tiny.json -o one -q; ls one");
  CHECK(stray.out == "results.csv\nsweep.json\n");
  const auto again = place.shell("$R sweep tiny.json -o one && cmp one/results.csv two/results.csv");
  CHECK(again.exit_code == 0);
  CHECK(contains(again.err, "240 of 240 runs were there already"));
}

TEST_CASE("sweep -o -: the same bytes on standard output, and no directory") {
  const Workplace place;
  write_file(place.path() / "tiny.json", kSweep);
  CHECK(place.shell("$R sweep tiny.json -o one -q").exit_code == 0);
  for (const char* jobs : {"1", "2", "5"}) {
    const auto streamed =
        place.shell(std::string("$R sweep tiny.json -o - -j ") + jobs + " | cmp - one/results.csv; ls");
    CHECK(streamed.out == "one\ntiny.json\n");
    CHECK(contains(streamed.err, "240 runs in"));
    CHECK_FALSE(contains(streamed.err, "results are in"));
  }
  // A reader that has heard enough ends it.
  const auto head = place.shell("set -o pipefail; $R sweep tiny.json -q --out=- | head -n 2");
  CHECK(head.exit_code == 0);
  CHECK(head.err.empty());
  CHECK(lines_of(head.out).size() == 2);
  const auto shard = place.shell("$R sweep tiny.json --shard 2/3 -o -");
  CHECK(shard.exit_code == 2);
  CHECK(contains(shard.err, "--shard 2/3 and --out -: shards are joined in a directory"));
  CHECK(shard.out.empty());
  CHECK(place.shell("$R sweep tiny.json --shard 2/3 -o - --list | wc -l").out == "81\n");
  const auto stopped =
      place.shell("$R sweep tiny.json -o - -j 1 > part & until [ -s part ]; do :; done; kill -TERM $!; wait $!");
  CHECK(stopped.exit_code == 143);
  CHECK(contains(stopped.err, "with --out DIR the same command could go on"));
  CHECK(place.shell("ls").out == "one\npart\ntiny.json\n");
}

TEST_CASE("shards: merged to the bytes of one process; gaps, overlaps and strangers are refused") {
  const Workplace place;
  write_file(place.path() / "tiny.json", kSweep);
  CHECK(place
            .shell("$R sweep tiny.json -o one -q && for i in 1 2 3; do $R sweep tiny.json -o all -q --shard $i/3; done;"
                   "$R merge all && cmp one/results.csv all/results.csv")
            .exit_code == 0);
  CHECK(place
            .shell("for i in 1 2 3; do $R sweep tiny.json -o part$i -q --shard $i/3; done;"
                   "$R merge part1 part2 part3 -o - | cmp - one/results.csv")
            .exit_code == 0);
  const auto gap = place.shell("$R merge part1 part3");
  CHECK(gap.exit_code == 2);
  CHECK(contains(gap.err, "80 of 240 runs are missing (1, 4, 7, 10, 13, …)"));
  const auto overlap = place.shell("$R sweep tiny.json -o part1 -q --shard 1/2; $R merge part1 part2 part3");
  CHECK(overlap.exit_code == 2);
  CHECK(contains(overlap.err, "are there twice"));
  const auto stranger = place.shell(
      "sed 's/0.01\\]/0.02]/' tiny.json > other.json; $R sweep other.json -o part4 -q --shard 1/3; $R merge part2 "
      "part4");
  CHECK(stranger.exit_code == 2);
  CHECK(contains(stranger.err, "only shards of one sweep can be joined"));
  const auto mixed = place.shell("$R sweep other.json -o one");
  CHECK(mixed.exit_code == 1);
  CHECK(contains(mixed.err, "holds another sweep"));
  const auto in_use =
      place.shell("mkdir busy; flock busy/shard-1-of-2.part.csv $R sweep tiny.json -o busy --shard 1/2");
  CHECK(in_use.exit_code == 1);
  CHECK(contains(in_use.err, "is in use by another process"));
}

TEST_CASE("a sweep keeps the traces of its runs where it is asked to, and its results are the same") {
  const Workplace place;
  write_file(place.path() / "tiny.json", kSweep);
  const auto done = place.shell(
      "sed -i 's/\"seeds\": 40/\"seeds\": 2/' tiny.json; $R sweep tiny.json -o plain -q; "
      "$R sweep tiny.json -o kept -q --runs runs && cmp plain/results.csv kept/results.csv; ls runs | wc -l; "
      "cat runs/*/summary.json | grep -c '\"status\": \"failed\"'; ls runs/* | grep -c layers.csv");
  CHECK(done.exit_code == 0);
  CHECK(contains(done.out, "12\n"));
  CHECK(place.shell("$R report runs/* -o page.html -q && grep -c 'seeds)' page.html").exit_code == 0);
}

TEST_CASE("a sweep that is interrupted says how it goes on, and --list runs nothing") {
  const Workplace place;
  write_file(place.path() / "tiny.json", kSweep);
  const auto list = place.shell("$R sweep tiny.json --list --shard 2/60; ls");
  CHECK(list.exit_code == 0);
  CHECK(contains(list.out, "job,id,network.layers.*.activation,train.optimizer.lr,seed\n1,"));
  CHECK(contains(list.out, "\n61,"));
  CHECK(contains(list.out, "tiny.json"));
  CHECK_FALSE(contains(list.out, "sweeps"));
  const auto stopped = place.shell(
      "sed 's/\"steps\": 300/\"steps\": 30000000/' tiny.json > long.json; "
      "env --default-signal=INT $R sweep long.json -o long & pid=$!; until [ -s long/results.part.csv ] || ! kill -0 "
      "$pid; do sleep 0.05; done; "
      "kill -INT $pid; wait $pid");
  CHECK(stopped.exit_code == 130);
  CHECK(contains(stopped.err, "the same command goes on where it ended"));
}

TEST_CASE("prescribe: the sick is cured, and confirmed on fresh seeds; the healthy is left alone") {
  const Workplace place;
  const auto cured =
      place.shell("$R prescribe $S/configs/dying-relu.json train.epochs=10 --json --write cured/config.json -q");
  CHECK(cured.exit_code == 1);  // there is no directory to write into
  const auto done =
      place.shell("$R prescribe $S/configs/dying-relu.json train.epochs=10 --json --write cured.json -q -j 2");
  REQUIRE(done.exit_code == 0);
  const auto document = nlohmann::json::parse(done.out);
  CHECK(document["verdict"] == "cures");
  const int fresh = document["confirmation"]["seeds"].get<int>();
  CHECK((fresh == 5 || fresh == 8));
  CHECK(document["confirmation"]["treated"]["cured"].get<int>() >= fresh - 1);
  CHECK(document["confirmation"]["original"]["cured"] == 0);
  CHECK(document["confirmation"]["treated"]["gain"]["low"].get<double>() > 0.0);
  CHECK_FALSE(document["patch"].empty());
  CHECK(document["runs"].get<int>() <= 200);
  CHECK(document["runs_stopped_early"].get<int>() > 0);
  // A full-length run has 450 steps.
  CHECK(document["steps"].get<int>() < 450 * document["runs"].get<int>());
  CHECK(document["left_out"].empty());
  CHECK(document["reason"].get<std::string>().starts_with(document["sentence"].get<std::string>().substr(0, 5)));
  // What was written runs from where it is, and is healthy.
  CHECK(place.shell("$R run cured.json --fail-on warning -q").exit_code == 0);
  const auto same = place.shell("$R prescribe $S/configs/dying-relu.json train.epochs=10 --json -q -j 1");
  auto again = nlohmann::json::parse(same.out);
  CHECK(again["patch"] == document["patch"]);
  CHECK(again["steps"] == document["steps"]);
  CHECK(again["confirmation"]["treated"]["gain"] == document["confirmation"]["treated"]["gain"]);
  const auto healthy = place.shell("$R prescribe $S/configs/digits-relu.json -q");
  CHECK(healthy.exit_code == 0);
  CHECK(contains(healthy.out, "The patient is healthy"));
}

TEST_CASE("prescribe: the change comes as a command too, with a name of its own, on lines of 80 columns") {
  const Workplace place;
  const std::string line =
      "$R prescribe $S/configs/dying-relu.json train.epochs=4 name=mine 'train.schedule={\"name\": \"cosine\"}' "
      "--seeds 3 "
      "-q ";
  const auto json = place.shell(line + "--write cured.json --json");
  REQUIRE(json.exit_code == 0);
  const auto document = nlohmann::json::parse(json.out);
  const std::string name = document["name"];
  CHECK(name.starts_with("mine-"));
  CHECK(nlohmann::json::parse(read_file(place.path() / "cured.json"))["name"] == name);
  const auto& patch = document["patch"];
  CHECK(std::count_if(patch.begin(), patch.end(), [](const auto& change) { return change["path"] == "/name"; }) == 1);
  // The same config, where it is run.
  const std::string command = document["command"];
  CHECK(command.find("name=") == command.rfind("name=m"));
  CHECK(contains(command, "'train.schedule={\"name\": \"cosine\"}'"));
  const auto ran = place.shell("cd $S && " + std::string("$R run ") +
                               command.substr(std::string("reluscope run ").size()) + " -q --json -o $OLDPWD/run");
  CHECK(ran.exit_code == 0);
  CHECK(nlohmann::json::parse(read_file(place.path() / "run/manifest.json"))["config"]["name"] == name);
  const auto text = place.shell(line);
  CHECK(contains(text.out, "The same as a command:\nreluscope run "));
  CHECK(contains(text.out,
                 " of them stopped early; " + std::to_string(document["steps"].get<int>()) + " training steps"));
  std::istringstream lines(text.out.substr(text.out.find("screening,")));
  for (std::string row; std::getline(lines, row);) {
    CAPTURE(row);
    CHECK((row.size() <= 82 || contains(row, "dying-relu.json")));  // "…" has three bytes
  }
  const auto poor = place.shell(line + "--budget 20 --json");
  const auto left = nlohmann::json::parse(poor.out);
  CHECK_FALSE(left["left_out"].empty());
  CHECK(left["runs"].get<int>() <= 20);
  CHECK(contains(place.shell(line + "--budget 20").out, "The budget of 20 runs had no room"));
}

TEST_CASE("-j, --jobs and --threads mean the same in every command that takes one of them") {
  const Workplace place;
  for (const std::string command : {"run", "theory", "compare", "sweep", "prescribe"}) {
    CAPTURE(command);
    CHECK(contains(place.shell("$R " + command + " --help").out, "-j,--threads,--jobs N"));
  }
  const auto runs = place.shell(
      "for o in -j --jobs --threads; do $R run $S/configs/moons.json train.steps=20 $o 2 -q -o r$o && cmp "
      "r$o/steps.csv "
      "r-j/steps.csv || exit 9; done; $R theory $S/configs/born-dead.json -j 2 -q && $R compare $S/configs/moons.json "
      "train.steps=20 --vary train.optimizer.lr=0.1,0.2 --threads 2 -q");
  CHECK(runs.exit_code == 0);
}

TEST_CASE("prescribe says so when nothing helps") {
  const Workplace place;
  // Labels that have nothing to do with the inputs: no remedy can teach them.
  const auto done = place.shell(
      "awk 'BEGIN { srand(7); for (i = 0; i < 300; i++) print rand() \",\" rand() \",\" (rand() < 0.5 ? \"a\" : \"b\") "
      "}' > "
      "noise.csv; echo '{\"data\": {\"kind\": \"csv\", \"file\": \"noise.csv\", \"header\": false}, \"network\": "
      "{\"layers\": "
      "[{\"units\": 8, \"activation\": \"relu\"}, {\"units\": 2}]}, \"train\": {\"steps\": 200, \"optimizer\": "
      "{\"lr\": 0}}}' "
      "> c.json; $R prescribe c.json -q");
  CHECK(done.exit_code == 0);
  CHECK((contains(done.out, "Nothing helps") || contains(done.out, "helps no more than a new seed")));
  CHECK_FALSE(contains(done.out, "JSON Patch"));
}

TEST_CASE("prune: fewer parameters, the same outputs, and a network that runs") {
  const Workplace place;
  CHECK(place.shell("$R run $S/configs/dying-relu.json -o run -q").exit_code == 0);
  const auto none = place.shell("$R prune run");
  CHECK(none.exit_code == 2);
  CHECK(contains(none.err, "make the run with --save-weights"));
  CHECK(place.shell("$R run $S/configs/dying-relu.json -o run -q --force --save-weights").exit_code == 0);
  const auto done = place.shell("$R prune run --json");
  REQUIRE(done.exit_code == 0);
  const auto document = nlohmann::json::parse(done.out);
  CHECK(document["layers"][0]["removed"].get<int>() > 32);
  REQUIRE(document["layers"].size() == 3);
  CHECK(document["layers"][2] == nlohmann::json({{"name", "dense3"}, {"units", 10}, {"removed", 0}}));
  CHECK(document["parameters_after"].get<int>() < document["parameters_before"].get<int>() / 2);
  CHECK(document["train"]["samples"] == 1438);
  CHECK(document["train"]["differing"] == 0);
  CHECK(nlohmann::json::parse(read_file(place.path() / "run/pruned/network.json"))["name"] == "dying-relu-pruned");
  // Run on without learning, it stands where the whole network stood.
  const auto rerun =
      place.shell("$R run run/pruned/network.json train.steps=1 train.optimizer.lr=0 -o small -q --json");
  REQUIRE(rerun.exit_code == 0);
  const auto small = nlohmann::json::parse(rerun.out);
  const auto whole = nlohmann::json::parse(read_file(place.path() / "run/summary.json"));
  CHECK(small["test"]["accuracy"] == whole["test"]["accuracy"]);
  CHECK(small["train"]["loss"].get<double>() == doctest::Approx(whole["train"]["loss"].get<double>()).epsilon(1e-5));
  // What the original's config is called is not in its way.
  CHECK(place.shell("mkdir -p runs/dying-relu && $R run run/pruned/network.json train.steps=1 -q >/dev/null; ls runs")
            .out == "dying-relu\ndying-relu-pruned\n");
}

TEST_CASE("prune takes dead channels out of convolutions and residual blocks, and says how exact what is left is") {
  const Workplace place;
  // Biases so low that nothing fires in the blocks' first convolutions, and in the one behind them.
  REQUIRE(place
              .shell("$R run $S/configs/digits-cnn.json network.layers.1.repeat=2 network.layers.1.layers.0.norm=none "
                     "network.layers.1.layers.0.init.bias=-300 network.layers.2.norm=none "
                     "network.layers.2.init.bias=-300 train.steps=20 --save-weights -o run -q")
              .exit_code == 0);
  const auto done = place.shell("$R prune run --units dead --json");
  REQUIRE(done.exit_code == 0);
  const auto document = nlohmann::json::parse(done.out);
  REQUIRE(document["layers"].size() == 7);
  CHECK(document["layers"][6]["removed"] == 0);
  for (const std::size_t layer : {1U, 3U}) {
    CHECK(document["layers"][layer]["removed"] == 15);
    CHECK(document["layers"][layer]["kept"] == nlohmann::json({{"last", 1}}));
  }
  CHECK(document["layers"][5]["removed"] == 31);
  // 3 × 3 windows at 8 × 8 positions: the stem reads one channel; each block has 16 → 16 → 16, and then 16 → 1 → 16;
  // the last convolution has 4 × 4 positions; ten units read its channels.
  CHECK(document["multiplications_before"] == 64 * 9 * 16 + 2 * 2 * 64 * 9 * 256 + 16 * 9 * 512 + 320);
  CHECK(document["multiplications_after"] == 64 * 9 * 16 + 2 * 2 * 64 * 9 * 16 + 16 * 9 * 16 + 10);
  CHECK(document["train"]["bound"].get<double>() < 1.0);
  CHECK(document["train"]["beyond_bound"] == 0);
  CHECK(document["train"]["predictions"]["same"] == 1438);
  const auto layers = nlohmann::json::parse(read_file(place.path() / "run/pruned/network.json"))["network"]["layers"];
  REQUIRE(layers.size() == 6);
  CHECK(layers[2]["repeat"] == 1);
  CHECK(layers[2]["layers"][0]["channels"] == 1);
  CHECK(layers[2]["layers"][1]["channels"] == 16);
  // It loads, and says what the whole network says.
  const auto whole = place.shell("$R census run --json -q");
  const auto small = place.shell("$R census run/pruned/network.json --json -q");
  REQUIRE(small.exit_code == 0);
  CHECK(nlohmann::json::parse(small.out)["accuracy"] == nlohmann::json::parse(whole.out)["accuracy"]);
  CHECK(contains(place.shell("$R prune run --units dead").out, "dead units that stay: 3, for a layer keeps one unit"));
}

TEST_CASE("prune folds a constant that is not 0 into the biases above") {
  const Workplace place;
  // relu6 with biases far above 6: dead at the top, where the output is 6.
  const auto done = place.shell(
      "$R run $S/configs/digits-relu.json network.layers.0.activation=relu6 network.layers.0.init.bias=30 "
      "train.epochs=1 "
      "--save-weights -o run -q > table && $R prune run --units dead --json");
  REQUIRE(done.exit_code == 0);
  const auto document = nlohmann::json::parse(done.out);
  CHECK(document["folded"].get<int>() > 10);
  CHECK(document["train"]["largest_difference"].get<double>() < 1e-3);
}
