// The built binary, as a user runs it: files, pipes, exit codes.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "nn/activation.hpp"
#include "support/command.hpp"
#include "support/specs.hpp"

using namespace reluscope::test;

namespace {

const std::string kConfig = R"(// a small experiment
{
  "name": "small",
  "data": {"kind": "moons", "n_samples": 200, "noise": 0.1},
  "network": {"layers": [{"units": 8, "activation": "relu", "init": {"weights": "he_normal"}}, {"units": 2}]},
  "train": {"epochs": 4, "batch_size": 40, "optimizer": {"lr": 0.1}},
  "record": {"every": 2}
})";

struct Bench : Workplace {
  Bench() { write_file(path() / "c.json", kConfig); }
};

}  // namespace

TEST_CASE("a run writes its eleven files and prints a table and a verdict") {
  const Bench bench;
  const auto run = bench.shell("$R run c.json");
  CHECK(run.exit_code == 0);
  CHECK(contains(run.out, "dense1"));
  CHECK(contains(run.out, "dead %"));
  CHECK(contains(run.out, "No dead unit"));
  for (const char* file :
       {"manifest.json", "steps.csv", "layers.csv", "census.csv", "units.csv", "events.jsonl", "theory.csv",
        "features.csv", "sites.csv", "summary.json", "evaluation.csv", "histograms.csv"}) {
    CAPTURE(file);
    CHECK(std::filesystem::exists(bench.path() / "runs/small" / file));
  }
  // 160 training samples in batches of 40, 4 epochs: steps 0, 2, … 14 and the last one, 15.
  CHECK(lines_of(read_file(bench.path() / "runs/small/steps.csv")).size() == 1 + 9);
  CHECK(lines_of(read_file(bench.path() / "runs/small/layers.csv")).size() == 1 + 2 * 9);
  CHECK(lines_of(read_file(bench.path() / "runs/small/census.csv")).size() == 1 + 2 * 5);
  CHECK(lines_of(read_file(bench.path() / "runs/small/units.csv")).size() == 1 + 10);
  const auto manifest = nlohmann::json::parse(read_file(bench.path() / "runs/small/manifest.json"));
  CHECK(manifest["status"] == "done");
  CHECK(manifest["schema_version"] == 1);
  CHECK(manifest["config"]["train"]["epochs"] == 4);
  CHECK(manifest["build"]["gemm"].is_string());
  const auto summary = nlohmann::json::parse(read_file(bench.path() / "runs/small/summary.json"));
  CHECK(summary["status"] == "done");
  CHECK(summary["steps"] == 16);
  CHECK(summary["layers"].size() == 2);
}

TEST_CASE("the same config and seed give the same bytes, whatever the thread count") {
  const Bench bench;
  const auto run = bench.shell(
      "for t in 1 2 7; do $R run c.json -q --out r$t --threads $t || exit 9; done\n"
      "for f in steps.csv layers.csv census.csv units.csv events.jsonl theory.csv summary.json; do\n"
      "  cmp r1/$f r2/$f && cmp r1/$f r7/$f || exit 8\ndone");
  CHECK(run.exit_code == 0);
  CHECK(run.err.empty());
}

TEST_CASE("a trace on standard output is the trace and nothing else") {
  const Bench bench;
  const auto run = bench.shell("$R run c.json --trace layers=- --trace census=census-copy.csv");
  CHECK(run.exit_code == 0);
  CHECK(run.out == read_file(bench.path() / "runs/small/layers.csv"));
  CHECK(read_file(bench.path() / "census-copy.csv") == read_file(bench.path() / "runs/small/census.csv"));
  CHECK(contains(run.err, "No dead unit"));
  CHECK_FALSE(contains(run.err, "\x1b"));  // no control codes in a pipe

  const auto jsonl = bench.shell("$R run c.json --out j --trace steps=- --format jsonl");
  const auto rows = lines_of(jsonl.out);
  REQUIRE(rows.size() == 9);
  for (const std::string& row : rows) CHECK(nlohmann::json::parse(row).contains("grad_norm"));
}

TEST_CASE("options after --trace keep their meaning") {
  const Bench bench;
  const auto run = bench.shell("$R run --trace steps=- c.json train.optimizer.lr=0.25 -q");
  CHECK(run.exit_code == 0);
  CHECK(contains(lines_of(run.out).at(1), ",0.25,"));
}

TEST_CASE("--print-config shows every default, runs nothing, and reproduces the same bytes") {
  const Bench bench;
  CHECK(bench.shell("$R run c.json seed=3 --print-config > full.json").exit_code == 0);
  CHECK_FALSE(std::filesystem::exists(bench.path() / "runs"));
  CHECK(nlohmann::json::parse(read_file(bench.path() / "full.json"))["train"]["optimizer"]["dampening"] == 0.0);
  CHECK(bench.shell("$R run c.json seed=3 -q --out a && $R run full.json -q --out b && $R run - -q --out c < full.json")
            .exit_code == 0);
  CHECK(read_file(bench.path() / "a/layers.csv") == read_file(bench.path() / "b/layers.csv"));
  CHECK(bench.shell("cmp a/layers.csv c/layers.csv").exit_code == 0);
}

TEST_CASE("bad usage and bad configs exit with 2, say what is right, and write nothing") {
  const Bench bench;
  struct Case {
    std::string line;
    std::string says;
  };
  const std::vector<Case> cases = {
      {"$R rnu c.json", "did you mean 'run'?"},
      {"$R run", "a CONFIG is needed"},
      {"$R run c.json --thread 2", "--thread"},
      {"$R run --resume r train.epochs=3", "cannot change it"},
      {"$R run c.json --resume r --force", "give one of them"},
      {"$R run c.json --resume r --out s", "--out does not go with it"},
      {"$R run c.json --threads 0", "--threads"},
      {"$R run c.json --trace layer=-", "did you mean 'layers'?"},
      {"$R run c.json --trace layers", "TABLE=PATH"},
      {"$R run c.json --trace layers=- --trace steps=-", "standard output is taken"},
      {"$R run c.json --format xml", "--format"},
      {"$R run nothere.json", "nothere.json"},
      {"$R run .", "a directory"},
      {"$R run c.json train.batchsize=3", "did you mean \"batch_size\"?"},
      {"$R run c.json network.layers.1.units=5", "/network/layers/1/units"},
      {"$R run c.json network.layers.0.units=900000 network.layers.0.repeat=100", "of memory"},
      {"$R run c.json 'data={\"kind\": \"csv\", \"file\": \"no.csv\"}'", "no.csv"},
      {"$R validate c.json seed=-1", "/seed"},
      {"$R curves rleu", "did you mean 'relu'?"},
      {"$R curves elu:alpha=x", "expected a number"},
      {"$R curves --points 1", "--points"},
      {"$R completion tcsh", "tcsh"},
  };
  for (const Case& one : cases) {
    const auto result = bench.shell(one.line);
    CAPTURE(one.line);
    CAPTURE(result.err);
    CHECK(result.exit_code == 2);
    CHECK(contains(result.err, one.says));
    CHECK(result.out.empty());
    CHECK_FALSE(std::filesystem::exists(bench.path() / "runs"));
  }
  CHECK(bench.shell("$R").exit_code == 2);
}

TEST_CASE("help and version go to standard output with exit code 0") {
  const Bench bench;
  const auto help = bench.shell("$R --help");
  CHECK(help.exit_code == 0);
  CHECK(contains(help.out, "Exit codes"));
  for (const char* command : {"run", "validate", "schema", "init", "curves", "completion"}) {
    CHECK(contains(help.out, command));
    const auto sub = bench.shell(std::string("$R ") + command + " --help");
    CHECK(sub.exit_code == 0);
    CHECK(contains(sub.out, "--quiet"));
    CHECK(contains(sub.out, "reluscope " + std::string(command)));
  }
  CHECK(contains(bench.shell("$R --version").out, "0."));
}

TEST_CASE("init writes a config that runs as it stands") {
  const Bench bench;
  CHECK(bench.shell("$R init -q && $R validate experiment.jsonc").exit_code == 0);
  CHECK(bench.shell("$R init").exit_code == 2);  // not over an existing file
  CHECK(bench.shell("$R init - | $R run - -q train.epochs=1").exit_code == 0);
}

TEST_CASE("a run that diverges leaves its trace, and fails only with --strict") {
  const Bench bench;
  const std::string line =
      "$R run c.json 'data={\"kind\": \"sin\"}' loss=mse network.layers.1.units=1 "
      "train.optimizer.lr=1e30 --force";
  const auto run = bench.shell(line);
  CHECK(run.exit_code == 0);
  CHECK(contains(run.out, "Failed at step"));
  CHECK(contains(read_file(bench.path() / "runs/small/events.jsonl"), "non_finite"));
  const auto manifest = nlohmann::json::parse(read_file(bench.path() / "runs/small/manifest.json"));
  CHECK(manifest["status"] == "failed");
  CHECK(nlohmann::json::parse(read_file(bench.path() / "runs/small/summary.json"))["failure"].is_string());
  CHECK(bench.shell(line + " --strict").exit_code == 1);
}

TEST_CASE("a reader that goes away ends the run quietly and leaves a valid directory") {
  const Bench bench;
  const auto run = bench.shell(
      "set -o pipefail; $R run c.json -q train.epochs=3000 record.every=1 --trace layers=- | head -n 1 > first.txt; "
      "echo ${PIPESTATUS[0]} > code.txt");
  CHECK(read_file(bench.path() / "code.txt") == "0\n");
  CHECK(contains(read_file(bench.path() / "first.txt"), "step,epoch,layer"));
  CHECK(run.err.empty());
  CHECK(nlohmann::json::parse(read_file(bench.path() / "runs/small/manifest.json"))["status"] == "interrupted");
}

TEST_CASE("SIGTERM and SIGINT end the run after a step, with its traces, and are seen by the shell") {
  const Bench bench;
  for (const auto& [name, code] : {std::pair<std::string, int>{"TERM", 143}, {"INT", 130}}) {
    const auto run = bench.shell(
        // A script's shell has background jobs ignore SIGINT, and what is ignored stays so.
        "env --default-signal=INT $R run c.json -q --force train.epochs=100000000 record.every=100 record.census=off "
        "&\n"
        "pid=$!; until [ -s runs/small/steps.csv ] && [ $(wc -l < runs/small/steps.csv) -gt 3 ] || ! kill -0 $pid; do "
        "sleep 0.05; done; kill -" +
        name + " $pid; wait $pid; echo $? > code.txt");
    CHECK(read_file(bench.path() / "code.txt") == std::to_string(code) + "\n");
    CHECK(nlohmann::json::parse(read_file(bench.path() / "runs/small/manifest.json"))["status"] == "interrupted");
    CHECK(nlohmann::json::parse(read_file(bench.path() / "runs/small/summary.json"))["status"] == "interrupted");
    bench.shell("rm -rf runs");
  }
}

TEST_CASE("what is resumed without a manifest begins anew, and replaces nothing that was there") {
  const Bench bench;
  CHECK(bench.shell("$R run c.json --resume fresh -q").exit_code == 0);
  CHECK(std::filesystem::exists(bench.path() / "fresh/summary.json"));
  CHECK(bench.shell("mkdir theirs && echo precious > theirs/steps.csv && $R run c.json --resume theirs -q").exit_code ==
        1);
  CHECK(read_file(bench.path() / "theirs/steps.csv") == "precious\n");
}

TEST_CASE("a resumed run saves the weights that it was begun with the wish for") {
  const Bench bench;
  const std::string longer = " train.epochs=20000 record.every=1000 record.census=off ";
  CHECK(bench.shell("$R run c.json -q --save-weights --out whole" + longer).exit_code == 0);
  bench.shell("$R run c.json -q --save-weights --out parts" + longer +
              "& pid=$!; until [ -s parts/steps.csv ] || ! kill -0 $pid; do "
              "sleep 0.02; done; kill -TERM $pid; wait $pid");
  CHECK(bench.shell("$R run -q --resume parts").exit_code == 0);
  CHECK(bench.shell("cmp whole/weights.safetensors parts/weights.safetensors").exit_code == 0);
  CHECK(nlohmann::json::parse(read_file(bench.path() / "parts/manifest.json"))["status"] == "done");
}

TEST_CASE("a run that goes on under another instruction set says that its last bits may be others") {
  const Bench bench;
  // Its reader goes away, long before all rows have gone through the pipe.
  bench.shell(
      "$R run c.json -q --out parts --trace steps=- train.epochs=2000 record.every=1 record.census=off | head -n 3; "
      "cp -r parts others");
  const auto same = bench.shell("$R run --resume parts");
  CHECK(same.exit_code == 0);
  CHECK(contains(same.err, "going on after step"));
  CHECK_FALSE(contains(same.err, "another build"));
  const auto manifest = nlohmann::json::parse(read_file(bench.path() / "others/manifest.json"));
  const std::string text = manifest["build"]["gemm"];
  // The least of all: wherever the first was chosen by the CPU, this is another one.
  if (!text.starts_with("onednn ") || text.ends_with(" sse41")) return;
  const auto other = bench.shell("DNNL_MAX_CPU_ISA=SSE41 $R run --resume others");
  CHECK(other.exit_code == 0);
  CHECK(contains(other.err, "another build"));
  CHECK(contains(other.err, text));
  CHECK(contains(other.err, " sse41"));
}

TEST_CASE("without the library of its products a run does not begin, and what has none goes on") {
  const Bench bench;
  CHECK(bench.shell("$R run c.json -q --out usual").exit_code == 0);
  const auto manifest = nlohmann::json::parse(read_file(bench.path() / "usual/manifest.json"));
  if (!std::string(manifest["build"]["gemm"]).starts_with("onednn ")) return;
  bench.shell("mkdir broken; for n in 1 2 3 4; do echo nothing > broken/libdnnl.so.$n; done");
  const auto run = bench.shell("LD_LIBRARY_PATH=broken $R run c.json -q --out parts");
  CHECK(run.exit_code == 1);
  CHECK(contains(run.err, "oneDNN"));
  CHECK(contains(run.err, "libdnnl.so."));
  CHECK(contains(run.err, "-DONEDNN=OFF"));
  CHECK_FALSE(std::filesystem::exists(bench.path() / "parts"));
  CHECK(bench.shell("LD_LIBRARY_PATH=broken $R validate c.json").exit_code == 0);
  CHECK(bench.shell("LD_LIBRARY_PATH=broken $R diagnose usual").exit_code == 0);
}

TEST_CASE("a log that standard output leads to is added to, not begun anew") {
  const Bench bench;
  const auto run = bench.shell(
      "echo first > log; $R run c.json -q --trace steps=/dev/stdout >> log; "
      "$R curves relu --points 2 >> log; head -n 1 log");
  CHECK(run.out == "first\n");
  CHECK(contains(read_file(bench.path() / "log"), "step,epoch,loss"));
}

TEST_CASE("what was found out stands when nobody listens any more") {
  const Bench bench;
  CHECK(bench.shell("$R run $S/configs/dying-relu.json train.epochs=5 -q --out d").exit_code == 0);
  // A pipe whose only reader is gone.
  const auto run = bench.shell(
      "mkfifo pipe; exec 3<>pipe; exec 4>pipe; exec 3<&-; $R diagnose d --fail-on warning -q >&4; echo $? > code.txt");
  CHECK(read_file(bench.path() / "code.txt") == "3\n");
  CHECK(run.err.empty());
}

TEST_CASE("the table can be Markdown, the summary JSON") {
  const Bench bench;
  const auto markdown = bench.shell("$R run c.json --markdown");
  CHECK(contains(markdown.out, "| dense1 | relu "));
  CHECK(contains(markdown.out, "| ---: |") == false);
  CHECK(contains(markdown.out, "---: |"));
  const auto json = bench.shell("$R run c.json --force --json");
  CHECK(nlohmann::json::parse(json.out)["name"] == "small");
  CHECK(json.out == read_file(bench.path() / "runs/small/summary.json"));
}

TEST_CASE("curves writes z, a and the derivative") {
  const Bench bench;
  const auto run = bench.shell("$R curves relu leaky_relu:negative_slope=0.5 --from -1 --to 1 --points 3");
  CHECK(run.exit_code == 0);
  CHECK(run.out ==
        "activation,z,a,derivative\nrelu,-1,0,0\nrelu,0,0,0\nrelu,1,1,1\n"
        "leaky_relu:negative_slope=0.5,-1,-0.5,0.5\nleaky_relu:negative_slope=0.5,0,0,0.5\n"
        "leaky_relu:negative_slope=0.5,1,1,1\n");
  CHECK(lines_of(bench.shell("$R curves --points 2").out).size() == 1 + 2 * hidden_activations().size());
}

TEST_CASE("completion scripts know the commands and their options") {
  const Bench bench;
  const auto bash = bench.shell(
      "source <($R completion bash) && COMP_WORDS=(reluscope run --thr) COMP_CWORD=2 && _reluscope && echo "
      "${COMPREPLY[@]} && "
      "COMP_WORDS=(reluscope cur) COMP_CWORD=1 && _reluscope && echo ${COMPREPLY[@]}");
  CHECK(bash.exit_code == 0);
  CHECK(bash.out == "--threads\ncurves\n");
  const auto completed = [&](const std::string& words, int word) {
    return bench
        .shell("source <($R completion bash) && COMP_WORDS=(" + words + ") COMP_CWORD=" + std::to_string(word) +
               " && _reluscope && printf '%s\\n' \"${COMPREPLY[@]}\"")
        .out;
  };
  CHECK(completed("reluscope run c.json train.optimizer.lr", 3) == "train.optimizer.lr=\ntrain.optimizer.lr_decay=\n");
  CHECK(contains(completed("reluscope run c.json 'network.layers.*.a'", 3), "network.layers.*.activation="));
  CHECK(completed("reluscope explain dying", 2) == "dying-units\n");
  CHECK(completed("reluscope curves leaky", 2) == "leaky_relu\n");
  CHECK(contains(bench.shell("$R completion zsh").out, "#compdef reluscope"));
  CHECK(contains(bench.shell("$R completion fish").out, "complete -c reluscope"));
}

TEST_CASE("validate hints at outputs and losses that do not go together, and all of them run") {
  const Bench bench;
  struct Pair {
    const char* change;
    const char* hint;
  };
  for (const Pair& one :
       {Pair{"network.layers.1.activation=sigmoid", "did you mean bce, or loss.from_logits=false?"},
        Pair{"network.layers.1.activation=softmax", "did you mean identity here, or"},
        Pair{"network.layers.1.activation=relu", "logits of any size and sign: did you mean identity?"},
        Pair{"loss.from_logits=false", "which identity does not yield: did you mean softmax"}, Pair{"loss=mse", ""}}) {
    CAPTURE(one.change);
    const auto told = bench.shell(std::string("$R validate c.json ") + one.change);
    CHECK(told.exit_code == 0);
    CHECK(contains(told.out, "c.json: ok"));
    CHECK(contains(told.out, "/network/layers/1/activation: hint: ") == (*one.hint != '\0'));
    CHECK(contains(told.out, one.hint));
    if (std::string(one.change) == "loss.from_logits=false")
      continue;  // negative outputs as probabilities: not for long
    CHECK(bench.shell(std::string("$R run c.json -q --force ") + one.change).exit_code == 0);
  }
  const auto told = bench.shell("$R run c.json --force network.layers.1.activation=softmax");
  CHECK(says(told.out,
             "warning: double-softmax: Layer 'dense2' ends in a softmax, and the loss (cross_entropy on logits)"));
  CHECK(says(told.out, "no class can get more than 73.1 %"));
  CHECK(contains(bench.shell("$R diagnose runs/small").out, "double-softmax"));
  CHECK(contains(bench.shell("$R validate c.json network.layers.0.activation=softmax").err, "in a hidden layer"));
  const auto single =
      bench.shell("$R validate c.json network.layers.1.activation=softmax network.layers.1.units=1 loss=mse");
  CHECK(contains(single.out, "softmax over a single unit is 1 for every sample"));
}

TEST_CASE("an autoencoder needs no labels, and its summary names the target") {
  const Bench bench;
  write_file(bench.path() / "t.csv", "0.1,0.9,x\n0.4,0.2,y\n0.7,0.5,x\n0.3,0.8,z\n");
  const std::string line =
      "$R run c.json -q --force --json 'data={\"kind\": \"csv\", \"file\": \"t.csv\", \"target\": "
      "\"input\", \"test_fraction\": 0, \"label_column\": LABEL}' loss=mse";
  const auto with = [&](const std::string& label, const std::string& more = "") {
    std::string text = line;
    return bench.shell(text.replace(text.find("LABEL"), 5, label) + more);
  };
  const auto run = with("-1");
  REQUIRE(run.exit_code == 0);
  const auto summary = nlohmann::json::parse(run.out);
  CHECK(summary["target"] == "input");
  CHECK(summary["train"]["accuracy"].is_null());
  CHECK(summary["train"]["loss_parts"].is_null());
  CHECK(contains(read_file(bench.path() / "runs/small/features.csv"), "\n0,,0.375,"));  // no header: no name
  CHECK(contains(with("null").err, "column 2, from 0"));  // every column is a feature, and that one is text
  CHECK(contains(with("-1", " network.layers.1.units=3").err, "2: one output per feature of the data"));
  CHECK(contains(with("-1", " loss=cross_entropy").err, "with data.target"));
  CHECK(with("-1", " loss=bce").exit_code == 0);
  CHECK(contains(with("-1", " loss=bce data.normalize=standard").err, "data.normalize=unit brings them there"));
}

TEST_CASE("several labels: accuracy of each and of all; penalties: the parts of the loss") {
  const Bench bench;
  const auto run = bench.shell(
      "$R run c.json --json 'data={\"kind\": \"multilabel\", \"n_classes\": 2}' loss=bce "
      "train.penalty.l2_weights=0.01");
  REQUIRE(run.exit_code == 0);
  const auto train = nlohmann::json::parse(run.out)["train"];
  REQUIRE(train["label_accuracy"].size() == 2);
  const double mean = (train["label_accuracy"][0].get<double>() + train["label_accuracy"][1].get<double>()) / 2.0;
  CHECK(train["accuracy"].get<double>() == doctest::Approx(mean));
  CHECK(train["exact_match"].get<double>() <= train["accuracy"].get<double>());
  const auto& parts = train["loss_parts"];
  CHECK(parts["l2_weights"].get<double>() > 0.0);
  CHECK(parts["l1_weights"] == 0.0);
  CHECK(train["loss"].get<double>() ==
        doctest::Approx(parts["data"].get<double>() + parts["l2_weights"].get<double>()));
  const auto shown = bench.shell("$R run c.json --force 'data={\"kind\": \"multilabel\", \"n_classes\": 2}' loss=bce");
  CHECK(says(shown.out, "% of the labels, all of them right on"));
}

TEST_CASE("a layer without biases has no array of them, no gradient norm, and can be pruned") {
  const Bench bench;
  const std::string line =
      "$R run c.json --force --save-weights network.layers.0.units=40 network.layers.0.init.weights=he_normal ";
  REQUIRE(bench.shell(line + "network.layers.0.init.bias=false network.layers.1.init.bias=none").exit_code == 0);
  const auto held = bench.shell("$R inspect runs/small/weights.safetensors");
  CHECK(contains(held.out, "layers.0.weight"));
  CHECK_FALSE(contains(held.out, "bias"));
  CHECK(bench.shell("$R prune runs/small --units dead --out p").exit_code == 0);
  CHECK(bench.shell("$R run p/network.json -q --out again").exit_code == 0);
  const auto empty = bench.shell(
      "python3 -c \"import csv; print({row['grad_norm_b'] for row in "
      "csv.DictReader(open('runs/small/layers.csv'))})\"");
  CHECK(empty.out == "{''}\n");
  CHECK(contains(bench.shell("$R validate c.json network.layers.0.init.bias=true").err, "/network/layers/0/init/bias"));
}
