// What another program wrote, and runs that start from weights of a file, by way of the commands.
#include <doctest/doctest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "support/command.hpp"

using namespace reluscope::test;

namespace {

/// The table without what stands in its columns, but for those that say what a row is about.
std::string emptied(const std::string& text) {
  std::istringstream in(text);
  std::string line;
  std::getline(in, line);
  std::istringstream header(line);
  std::vector<bool> kept;
  for (std::string column; std::getline(header, column, ',');)
    kept.push_back(column == "step" || column == "layer" || column == "name");
  std::string out = line + "\n";
  while (std::getline(in, line)) {
    std::size_t column = 0;
    for (const char letter : line) {
      if (letter == ',') ++column;
      if (letter == ',' || kept[column]) out += letter;
    }
    out += '\n';
  }
  return out;
}

}  // namespace

TEST_CASE("tables of hidden layers only: the layer that is wholly dead is found and drawn, though it is the last one") {
  const Workplace place;
  std::string census = "step,layer,name,units,dead\n";
  std::string layers = "step,layer,name,activation,units,delta_rms,grad_norm_w\n";
  for (int step = 0; step <= 500; step += 100) {
    const std::string at = std::to_string(step);
    census += at + ",1,fc1,64,0\n" + at + ",2,fc2,64," + (step < 300 ? "5" : "64") + "\n";
    layers += at + ",1,fc1,relu,64,0.5,1\n" + at + ",2,fc2,relu,64,0.5,1\n";
  }
  REQUIRE(place.shell("mkdir run").exit_code == 0);
  write_file(place.path() / "run/census.csv", census);
  write_file(place.path() / "run/layers.csv", layers);
  for (const std::string table : {"run/census.csv", "run"}) {
    const auto told = place.shell("$R diagnose " + table + " --fail-on critical");
    CHECK(told.exit_code == 3);
    CHECK(contains(told.out, "Layer 'fc2' has been wholly dead since step 300"));
  }
  CHECK(contains(place.shell("$R diagnose run").err, "zero-gradient (no output layer)"));
  REQUIRE(place.shell("$R report run -o page.html").exit_code == 0);
  const std::string page = read_file(place.path() / "page.html");
  CHECK(contains(page, "Layer &#39;fc2&#39; has been wholly dead since step 300"));
  CHECK(contains(page, "<th scope=col>step</th><th scope=col>fc1</th><th scope=col>fc2</th>"));  // under the dead units
  // The same numbers with an output above them.
  write_file(place.path() / "run/layers.csv", layers + "500,3,out,softmax,10,0.5,1\n");
  CHECK(contains(place.shell("$R diagnose run").out, "Layer 'fc2' has been wholly dead since step 300"));
}

TEST_CASE("tables in which nothing was measured: every command has nothing to say, and none fails") {
  const Workplace place;
  REQUIRE(place.shell("$R run $S/configs/dying-relu.json train.epochs=3 -o run -q --save-weights").exit_code == 0);
  for (const std::string table : {"steps.csv", "layers.csv", "census.csv", "units.csv"})
    write_file(place.path() / "run" / table, emptied(read_file(place.path() / "run" / table)));
  const auto told = place.shell("$R diagnose run");
  CHECK(told.exit_code == 0);
  CHECK(told.out == "Nothing found.\n");
  CHECK(contains(told.err, "dying-units (no census.dead)"));
  CHECK(place.shell("$R watch run").exit_code == 0);
  CHECK(place.shell("$R export run").exit_code == 0);
  CHECK(place.shell("$R report run -o page.html").exit_code == 0);
  CHECK(contains(read_file(place.path() / "page.html"), "No findings."));
  // What is taken out of a network has to be known.
  const auto pruned = place.shell("$R prune run -o pruned");
  CHECK(pruned.exit_code == 2);
  CHECK(contains(pruned.err, "units.csv: a row lacks its layer, unit or state"));
  CHECK(place.shell("test -e pruned").exit_code == 1);
}

TEST_CASE("units dead in the file that training starts from are inherited, wherever they are spoken of") {
  const Workplace place;
  REQUIRE(place.shell("$R run $S/configs/dying-relu.json -o first -q --save-weights").exit_code == 0);
  const auto run = place.shell(
      "$R run $S/configs/dying-relu.json network.init_from=$PWD/first/weights.safetensors train.optimizer.lr=1e-4 "
      "train.epochs=2 -o second");
  REQUIRE(run.exit_code == 0);
  CHECK(contains(run.out, "inherited dead %"));
  CHECK(says(run.out, "inherited from the weights' file"));
  CHECK(says(run.out, "dead in the weights that training started from"));
  CHECK_FALSE(contains(run.out, "birth"));
  CHECK_FALSE(contains(run.out, "born"));
  const auto told = place.shell("$R diagnose second");
  CHECK_FALSE(contains(told.out, "he_normal"));
  CHECK_FALSE(contains(told.out, "positive_bias"));
  CHECK_FALSE(contains(told.out, "birth"));
  REQUIRE(place.shell("$R report second -o page.html").exit_code == 0);
  const std::string page = read_file(place.path() / "page.html");
  CHECK(contains(page, "dead in the weights of the file"));
  CHECK_FALSE(contains(page, "</i>born dead"));
  CHECK(contains(read_file(place.path() / "second/events.jsonl"), R"("event":"inherited")"));
  CHECK_FALSE(contains(read_file(place.path() / "second/events.jsonl"), "born"));
  const auto theory =
      place.shell("$R theory $S/configs/dying-relu.json network.init_from=$PWD/first/weights.safetensors");
  CHECK(theory.exit_code == 0);
  CHECK(contains(theory.err, "nothing is drawn that theory could speak of"));
}

TEST_CASE("a capture of a PyTorch program: its loss and its outcome are known, its config is not") {
  const Workplace place;
  std::filesystem::create_directory(place.path() / "mine");
  write_file(place.path() / "mine/steps.csv", "step,loss\n0,2.3\n50,2.31\n");
  write_file(place.path() / "mine/layers.csv",
             "step,layer,name,activation,units,delta_rms,role\n0,1,fc,relu,4,0.1,hidden\n"
             "0,2,head,softmax,10,0.1,output\n");
  const std::string manifest = R"({"tool": "reluscope_capture", "status": "done", "loss": {"name": "cross_entropy"}})";
  write_file(place.path() / "mine/manifest.json", manifest);
  write_file(
      place.path() / "mine/summary.json",
      R"({"train": {"loss": 2.31, "constant_loss": 2.3, "gain": -0.01, "gain_error": 0.02}, "start_loss": 2.3})");
  const auto told = place.shell("$R diagnose mine");
  CHECK(told.exit_code == 0);
  CHECK(contains(told.out, "double-softmax"));
  CHECK(contains(told.out, "also: loss-not-decreasing, no-better-than-constant"));
  CHECK(contains(told.err, "not applied: "));
  CHECK(told.err.find("not applied") == told.err.rfind("not applied"));  // said once
  REQUIRE(place.shell("$R report mine -o page.html").exit_code == 0);
  CHECK_FALSE(contains(read_file(place.path() / "page.html"), "every default filled in"));
  CHECK(contains(place.shell("$R watch mine").out, "done, step 50, loss 2.31"));
  // The same tables of nobody who is known: neither is taken for granted.
  write_file(place.path() / "mine/manifest.json", R"({"tool": "another", "status": "done"})");
  CHECK_FALSE(contains(place.shell("$R diagnose mine").out, "double-softmax"));
  CHECK_FALSE(contains(place.shell("$R diagnose mine").out, "no-better-than-constant"));
}

TEST_CASE("the file that captures is printed whole") {
  const Workplace place;
  REQUIRE(place.shell("$R capture --print > printed.py").exit_code == 0);
  CHECK(place.shell("cmp printed.py $S/scripts/reluscope_capture.py").exit_code == 0);
  const auto told = place.shell("$R capture");
  CHECK(told.exit_code == 2);
  CHECK(contains(told.err, "reluscope capture --print"));
}

TEST_CASE("a census says how many samples and positions it answers for") {
  const Workplace place;
  REQUIRE(place.shell("$R run $S/configs/moons.json train.epochs=1 -o run -q").exit_code == 0);
  CHECK(contains(place.shell("tail -n 1 run/census.csv").out, ",output,0,800,1,,"));
}
