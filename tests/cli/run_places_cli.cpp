// Where a run goes that finds its place taken: runs/NAME-2, -3, … without --out; what is refused, and what --force
// does.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "support/command.hpp"

using namespace reluscope::test;

namespace {

const std::string kSmallConfig = R"({
  "name": "small",
  "data": {"kind": "moons", "n_samples": 200, "noise": 0.1},
  "network": {"layers": [{"units": 8, "activation": "relu"}, {"units": 2}]},
  "train": {"epochs": 4, "batch_size": 40, "optimizer": {"lr": 0.1}},
  "record": {"every": 2, "checkpoint_every": 1}
})";

/// A reader that goes away at once stops a run as ^C does, and without a race.
const std::string kStopped = " train.epochs=200 record.every=1 --trace layers=- | true";

struct RunPlaces : Workplace {
  RunPlaces() { write_file(path() / "c.json", kSmallConfig); }
  [[nodiscard]] nlohmann::json manifest(const std::string& run) const {
    return nlohmann::json::parse(read_file(path() / run / "manifest.json"));
  }
  [[nodiscard]] bool has(const std::string& file) const { return std::filesystem::exists(path() / file); }
};

}  // namespace

TEST_CASE("a run whose directory is taken goes to the next one that is free, and says so") {
  const RunPlaces bench;
  const auto first = bench.shell("$R run c.json");
  CHECK(first.exit_code == 0);
  CHECK_FALSE(contains(first.err, "this one goes to"));
  const auto before = read_file(bench.path() / "runs/small/summary.json");
  const auto second = bench.shell("$R run c.json seed=5");
  CHECK(second.exit_code == 0);
  CHECK(contains(second.err, "runs/small holds a run already: this one goes to runs/small-2\n"));
  CHECK(read_file(bench.path() / "runs/small/summary.json") == before);
  CHECK(bench.manifest("runs/small-2")["config"]["seed"] == 5);
  // It is the same experiment, by its name too.
  CHECK(bench.manifest("runs/small-2")["config"]["name"] == "small");
  const auto third = bench.shell("$R run c.json --trace layers=- -q | head -n 1");
  CHECK(third.exit_code == 0);
  CHECK(third.err.empty());
  CHECK(contains(third.out, "step,"));
  CHECK(bench.has("runs/small-3/manifest.json"));
}

TEST_CASE("runs that are started together have a directory each") {
  const RunPlaces bench;
  const auto runs = bench.shell(
      "for i in 1 2 3 4 5 6; do $R run c.json seed=$i -q --threads 1 >/dev/null & all=\"$all $!\"; done\n"
      "for pid in $all; do wait $pid || exit 9; done; ls runs");
  CHECK(runs.exit_code == 0);
  CHECK(runs.err.empty());
  CHECK(runs.out == "small\nsmall-2\nsmall-3\nsmall-4\nsmall-5\nsmall-6\n");
  std::set<int> seeds;
  for (const std::string& name : lines_of(runs.out)) {
    const auto manifest = bench.manifest("runs/" + name);
    CHECK(manifest["status"] == "done");
    seeds.insert(manifest["config"]["seed"].get<int>());
  }
  CHECK(seeds.size() == 6);
}

TEST_CASE("a directory that is there is nobody's, be it empty") {
  const RunPlaces bench;
  const auto run =
      bench.shell("mkdir -p runs/small; ln -s nowhere runs/small-2; echo mine > runs/small-3; $R run c.json");
  CHECK(run.exit_code == 0);
  CHECK(contains(run.err, "runs/small is there already: this one goes to runs/small-4\n"));
  CHECK(bench.shell("ls -A runs/small; cat runs/small-3; readlink runs/small-2").out == "mine\nnowhere\n");
}

TEST_CASE("an interrupted run is not passed over: how to go on with it is said") {
  const RunPlaces bench;
  CHECK(bench.shell("$R run c.json -q" + kStopped).exit_code == 0);
  REQUIRE(bench.manifest("runs/small")["status"] == "interrupted");
  const auto refused = [&] {
    const auto again = bench.shell("$R run c.json");
    CHECK(again.exit_code == 1);
    for (const char* part : {"reluscope run --resume runs/small", "--force", "--out"}) CHECK(contains(again.err, part));
    CHECK_FALSE(contains(again.err, "samples"));  // before the data are loaded
    CHECK(bench.shell("ls runs").out == "small\n");
  };
  refused();
  // What SIGKILL leaves behind a checkpoint; and where it came in a run that was gone on with.
  CHECK(bench
            .shell("cp runs/small/summary.json s; rm runs/small/summary.json; "
                   "sed -i 's/\"interrupted\"/\"running\"/' runs/small/manifest.json")
            .exit_code == 0);
  refused();
  CHECK(bench.shell("mv s runs/small/summary.json").exit_code == 0);
  refused();
  CHECK(bench.shell("$R run --resume runs/small -q").exit_code == 0);
  CHECK(bench.shell("$R run c.json -q").exit_code == 0);
  CHECK(bench.has("runs/small-2/summary.json"));
}

TEST_CASE("a run that was killed before its first checkpoint has nothing to go on with, and is passed over") {
  const RunPlaces bench;
  CHECK(bench
            .shell("$R run c.json -q && rm runs/small/summary.json && "
                   "sed -i 's/\"done\"/\"running\"/' runs/small/manifest.json && $R run c.json -q")
            .exit_code == 0);
  CHECK(bench.has("runs/small-2/summary.json"));
}

TEST_CASE("a directory that another process writes to is passed over, checkpoint and all") {
  const RunPlaces bench;
  const auto run = bench.shell(
      "$R run c.json -q train.epochs=100000000 record.every=100000000 record.census=off & pid=$!\n"
      "until [ -s runs/small/checkpoint.safetensors ] || ! kill -0 $pid; do :; done\n"
      "$R run c.json; code=$?; kill -TERM $pid; wait $pid; exit $code");
  CHECK(run.exit_code == 0);
  CHECK(contains(run.err, "another process is writing a run into runs/small: this one goes to runs/small-2\n"));
  CHECK(bench.manifest("runs/small-2")["status"] == "done");
}

TEST_CASE("--force replaces runs/NAME, an interrupted run as well") {
  const RunPlaces bench;
  CHECK(bench.shell("$R run c.json -q && $R run c.json seed=5 --force -q").exit_code == 0);
  CHECK(bench.manifest("runs/small")["config"]["seed"] == 5);
  CHECK(bench.shell("$R run c.json -q --force" + kStopped).exit_code == 0);
  CHECK(bench.shell("$R run c.json seed=6 --force -q >/dev/null; ls runs").out == "small\n");
  CHECK(bench.manifest("runs/small")["config"]["seed"] == 6);
}

TEST_CASE("a directory that --out names is taken, or the run is refused") {
  const RunPlaces bench;
  CHECK(bench.shell("mkdir mine && $R run c.json -q -o mine").exit_code == 0);
  const auto before = read_file(bench.path() / "mine/summary.json");
  const auto again = bench.shell("$R run c.json seed=5 -o mine");
  CHECK(again.exit_code == 1);
  CHECK(contains(again.err, "'mine' already holds a run"));
  CHECK(contains(again.err, "--force"));
  CHECK(read_file(bench.path() / "mine/summary.json") == before);
  CHECK_FALSE(bench.has("mine-2"));
}

TEST_CASE("a run may begin with the weights of the run that has its name") {
  const RunPlaces bench;
  CHECK(bench.shell("$R run c.json -q --save-weights").exit_code == 0);
  const auto heir = bench.shell("$R run c.json -q network.init_from=runs/small/weights.safetensors --save-weights");
  CHECK(heir.exit_code == 0);
  CHECK(bench.has("runs/small-2/weights.safetensors"));
}

TEST_CASE("a run that cannot begin leaves no directory, numbered or not") {
  const RunPlaces bench;
  const std::string faulty = "$R run c.json --trace layers=no/such/place.csv -q";
  CHECK(bench.shell(faulty).exit_code == 1);
  CHECK_FALSE(bench.has("runs"));
  CHECK(bench.shell("$R run c.json -q").exit_code == 0);
  CHECK(bench.shell(faulty).exit_code == 1);
  CHECK(bench.shell("ls runs").out == "small\n");
}

TEST_CASE("after a run one line says what to look at next, as a command that works as it stands") {
  const RunPlaces bench;
  const auto last_line = [](const Workplace::Result& run) {
    const auto lines = lines_of(run.err);
    return lines.empty() ? std::string() : lines.back();
  };
  const std::string mark = "next: reluscope ";
  const auto follow = [&](const std::string& line) {
    return bench.shell("$R " + line.substr(line.find(mark) + mark.size()));
  };

  // Nothing to complain of: the page.
  bench.shell("cp c.json 'my config.json'");
  const std::string healthy = "$R run 'my config.json' train.epochs=40 network.layers.0.init.weights=he_normal ";
  const auto well = bench.shell(healthy + "-o 'a run'");
  REQUIRE(well.exit_code == 0);
  CHECK(last_line(well) == "reluscope: next: reluscope report 'a run'");
  CHECK(follow(last_line(well)).exit_code == 0);
  CHECK(bench.has("report.html"));
  CHECK(last_line(bench.shell(healthy + "-o b --report b.html")) == "reluscope: traces are in b");

  // What a change may cure, with the changes that the run had.
  const std::string sick = "'network.layers.0.init.bias=-50' train.optimizer.lr=0.05 ";
  const auto ill = bench.shell("$R run 'my config.json' " + sick);
  REQUIRE(ill.exit_code == 0);
  CHECK(last_line(ill) ==
        "reluscope: next: reluscope prescribe 'my config.json' network.layers.0.init.bias=-50 "
        "train.optimizer.lr=0.05");
  const auto cure = follow(last_line(ill) + " --budget 20 -q");
  CHECK(cure.exit_code == 0);
  CHECK(contains(cure.out, "critical: "));

  // There is no file to prescribe for.
  const auto piped = bench.shell("$R run - -o piped " + sick + "< 'my config.json'");
  CHECK(contains(last_line(piped), "next: reluscope explain "));
  CHECK(follow(last_line(piped)).exit_code == 0);

  CHECK(bench.shell("$R run c.json -q -o quiet " + sick).err.empty());
  // Where stdout carries data, the line is still alone on stderr.
  const auto streamed = bench.shell("$R run c.json -o streamed --trace steps=- " + sick);
  CHECK_FALSE(contains(streamed.out, "next:"));
  CHECK(contains(last_line(streamed), "next: reluscope prescribe c.json"));
  // How to go on with it is what comes next.
  const auto stopped = bench.shell("$R run c.json -o 'half done'" + kStopped);
  CHECK(contains(last_line(stopped), "reluscope run --resume 'half done' goes on"));
  CHECK_FALSE(contains(stopped.err, "next: "));
}
