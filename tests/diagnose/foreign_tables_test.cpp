// Tables that another program wrote: which layer is the output, and cells in which nothing stands.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "config/load.hpp"
#include "diagnose/diagnosis.hpp"
#include "diagnose/layers.hpp"
#include "diagnose/rules.hpp"
#include "diagnose/run_reader.hpp"
#include "report/strips.hpp"
#include "report/tensorboard.hpp"
#include "support/command.hpp"
#include "support/tables.hpp"
#include "trace/table_writer.hpp"

using namespace reluscope;
using reluscope::test::find_rule;
using reluscope::test::Workplace;
using reluscope::test::write_file;

namespace {

using Outputs = std::set<std::int64_t>;

/// layers.csv with a row a layer, of these activations.
std::string layers_text(const std::vector<std::string>& activations) {
  std::string text = "step,layer,name,activation,delta_rms\n";
  for (std::size_t at = 0; at < activations.size(); ++at)
    text += "0," + std::to_string(at + 1) + ",fc" + std::to_string(at + 1) + "," + activations[at] + ",0.5\n";
  return text;
}

std::string skipped_for(const Diagnosis& diagnosis, const std::string& rule) {
  for (const SkippedRule& skipped : diagnosis.skipped)
    if (skipped.rule == rule) return skipped.missing;
  return "";
}

/// The manifest of a run of ours with two hidden layers in one place, dropout, and an output.
const char* const kManifest = R"({"tool": "reluscope", "status": "done", "config": {"network": {"layers": [
  {"type": "dense", "units": 4, "activation": "relu", "repeat": 2}, {"type": "dropout", "p": 0.5},
  {"units": 2, "activation": "tanh"}]}}})";

template <class R>
std::vector<std::vector<std::string>> cells_of(const std::vector<R>& rows) {
  std::vector<std::vector<std::string>> table;
  std::string text = csv_header<R>();
  for (const R& row : rows) append_csv_row(text, row);
  std::string line;
  for (const char letter : text) {
    if (letter != '\n') {
      line += letter;
      continue;
    }
    std::vector<std::string>& cells = table.emplace_back(1);
    for (const char one : line) one == ',' ? void(cells.emplace_back()) : void(cells.back() += one);
    line.clear();
  }
  return table;
}

std::string text_of(const std::vector<std::vector<std::string>>& table) {
  std::string text;
  for (const auto& cells : table) {
    for (const std::string& cell : cells) text += cell + ",";
    text.back() = '\n';
  }
  return text;
}

/// rule@layer of all that any rule set finds.
std::set<std::string> all_findings(const RunTables& run) {
  std::set<std::string> found;
  for (const std::string& set : rule_sets())
    for (const Finding& finding : diagnose(run, {}, set).findings)
      found.insert(finding.rule + "@" + std::to_string(finding.layer.value_or(0)));
  return found;
}

}  // namespace

TEST_CASE("a layer of 64 that is wholly dead is found, though it is the last of a table of hidden layers only") {
  const Workplace place;
  write_file(place.path() / "census.csv",
             "step,layer,name,units,dead\n0,1,fc1,64,3\n0,2,fc2,64,0\n500,1,fc1,64,4\n500,2,fc2,64,64\n");
  for (const auto& path : {place.path() / "census.csv", place.path()}) {
    const Diagnosis diagnosis = diagnose(read_run(path));
    const Finding* finding = find_rule(diagnosis, "collapsed-network");
    REQUIRE(finding != nullptr);
    CHECK(finding->severity == Severity::critical);
    CHECK(finding->layer == 2);
    CHECK(finding->step == 500);
  }
  write_file(place.path() / "layers.csv", layers_text({"relu", "relu"}));
  const Diagnosis both = diagnose(read_run(place.path()));
  CHECK(find_rule(both, "collapsed-network") != nullptr);
  CHECK(skipped_for(both, "zero-gradient") == "output layer");
  // The same table with an output: what feeds it is still the layer that is named.
  write_file(place.path() / "layers.csv", layers_text({"relu", "relu", "softmax"}));
  const Diagnosis whole = diagnose(read_run(place.path()));
  CHECK(find_rule(whole, "collapsed-network")->layer == 2);
  CHECK(skipped_for(whole, "zero-gradient").empty());
}

TEST_CASE("the last layer is the output if networks end in its activation, and the table says nothing else") {
  const Workplace place;
  const auto outputs = [&](const std::string& text) {
    write_file(place.path() / "layers.csv", text);
    return output_layers(read_run(place.path() / "layers.csv"));
  };
  for (const std::string name :
       {"identity", "linear", "softmax", "sigmoid", "Softmax", "Identity", "LogSoftmax", "log_softmax", "Sigmoid"}) {
    CAPTURE(name);
    CHECK(outputs(layers_text({"relu", "relu", name})) == Outputs{3});
    CHECK(outputs(layers_text({name, name, "relu"})).empty());
  }
  for (const std::string name : {"relu", "tanh", "gelu", "elu", "ReLU", ""}) {
    CAPTURE(name);
    CHECK(outputs(layers_text({"relu", name})).empty());
  }
  const std::string head = "step,layer,activation,delta_rms,role\n";
  CHECK(outputs(head + "0,1,relu,1,\n0,2,sigmoid,1,hidden\n").empty());
  CHECK(outputs(head + "0,1,relu,1,\n0,2,sigmoid,1,\n").size() == 1);
  CHECK(outputs(head + "0,1,relu,1,\n0,2,tanh,1,output\n") == Outputs{2});
  CHECK(outputs(head + "0,1,identity,1,output\n0,2,identity,1,\n") == Outputs{1});
  CHECK(outputs("step,delta_rms\n0,1\n").empty());
}

TEST_CASE("an older run of ours, whose tables have no roles: the manifest says how many layers there are") {
  const Workplace place;
  write_file(place.path() / "manifest.json", kManifest);
  write_file(place.path() / "layers.csv", layers_text({"relu", "relu", "tanh"}));
  CHECK(output_layers(read_run(place.path())) == Outputs{3});
  CHECK(output_layers(read_run(place.path() / "layers.csv")) == Outputs{3});
  // A part of it has no output; a stranger beside it is none of it.
  write_file(place.path() / "layers.csv", layers_text({"relu", "identity"}));
  const RunTables part = read_run(place.path());
  CHECK(hidden_layers(part, part.layers.rows).size() == 2);
  write_file(place.path() / "other.csv", layers_text({"relu", "relu", "tanh"}));
  CHECK(output_layers(read_run(place.path() / "other.csv")).empty());
  for (const std::string manifest :
       {"[]", "no JSON", "{}", R"({"config": {}})", R"({"config": {"network": {"layers": []}}})",
        R"({"config": {"network": {"layers": [{"units": 1, "repeat": 99999999999999999999}, {"repeat": "x"}]}}})"}) {
    CAPTURE(manifest);
    write_file(place.path() / "manifest.json", manifest);
    write_file(place.path() / "layers.csv", layers_text({"relu", "relu", "tanh"}));
    CHECK(output_layers(read_run(place.path())).empty());
  }
}

TEST_CASE("a sigmoid output that is sure of itself is not saturated; a hidden sigmoid layer may be") {
  const Workplace place;
  const std::string head = "step,layer,name,units,dead,saturated,role\n";
  write_file(place.path() / "census.csv", head + "0,1,fc1,10,0,0,hidden\n0,2,out,10,0,10,output\n");
  CHECK(find_rule(diagnose(read_run(place.path())), "saturation") == nullptr);
  write_file(place.path() / "census.csv", head + "0,1,fc1,10,0,0,hidden\n0,2,fc2,10,0,10,hidden\n");
  const Diagnosis diagnosis = diagnose(read_run(place.path()));
  REQUIRE(find_rule(diagnosis, "saturation") != nullptr);
  CHECK(find_rule(diagnosis, "saturation")->layer == 2);
}

TEST_CASE("a gradient that vanishes within a table of hidden layers is not held against an output") {
  const Workplace place;
  write_file(place.path() / "layers.csv", "layer,name,activation,delta_rms\n1,fc1,relu,1e-9\n2,fc2,relu,0.5\n");
  const RunTables run = read_run(place.path());
  const Diagnosis diagnosis = diagnose(run);
  const Finding* finding = find_rule(diagnosis, "vanishing-gradient");
  REQUIRE(finding != nullptr);
  CHECK(finding->sentence.find("times that at layer 'fc2'") != std::string::npos);
  CHECK_FALSE(finding->step.has_value());  // no column says it
}

TEST_CASE("a cell in which nothing stands is not measured: its row is passed over, and 0 is still 0") {
  const Workplace place;
  const std::string head = "step,layer,name,units,dead,born_dead\n";
  const auto finding = [&](const std::string& rows, const std::string& rule) {
    write_file(place.path() / "census.csv", head + rows);
    const Diagnosis diagnosis = diagnose(read_run(place.path()));
    const Finding* found = find_rule(diagnosis, rule);
    return found == nullptr ? std::string() : found->sentence;
  };
  // 10 of nothing is no share; nothing of 10 is no revival.
  CHECK(finding("0,1,fc1,,10,10\n", "dead-on-arrival").empty());
  CHECK(finding("0,1,fc1,0,0,0\n", "collapsed-network").empty());
  CHECK(
      finding("0,1,fc1,10,10,0\n5,1,fc1,10,,0\n", "collapsed-network") ==
      "Layer 'fc1' has been wholly dead since step 0: the output is the same for every sample, and nothing at or below "
      "it learns.");
  CHECK(finding("0,1,fc1,10,10,0\n5,1,fc1,10,0,0\n", "collapsed-network").empty());
  CHECK(finding(",1,,10,10,\n", "collapsed-network").starts_with("Layer 'layer 1' is wholly dead: "));
  // Without its step nobody knows whether it was before the first update.
  CHECK(finding(",1,fc1,10,10,10\n", "dead-on-arrival").empty());
  write_file(place.path() / "census.csv", head + ",1,fc1,10,,\n0,1,fc1,,10,10\n");
  CHECK(skipped_for(diagnose(read_run(place.path())), "collapsed-network") == "census.dead");
  write_file(place.path() / "census.csv", head + "0,,fc1,10,10,10\n");
  CHECK(skipped_for(diagnose(read_run(place.path())), "collapsed-network") == "census.layer");
}

TEST_CASE("what was not finite is a finding, what was not measured is none") {
  const Workplace place;
  const auto found = [&](const std::string& rows) {
    write_file(place.path() / "steps.csv", "step,loss,grad_norm\n" + rows);
    return find_rule(diagnose(read_run(place.path())), "exploding-gradient") != nullptr;
  };
  CHECK(found("0,1,1\n1,1,nan\n"));
  CHECK_FALSE(found("0,1,1\n1,1,\n"));
  CHECK_FALSE(found("0,1,1\n1,,1\n"));
}

TEST_CASE(
    "each column of a run of ours emptied in turn, wholly and in every other row: nothing is found that is not so") {
  for (const std::string rate : {"0.05", "4"}) {
    RunTables run = test::run_tables(parse_experiment(R"({
      "data": {"kind": "moons", "n_samples": 200, "noise": 0.1, "normalize": "standard"},
      "network": {"layers": [{"units": 12, "activation": "relu", "init": {"weights": "he_normal"}, "repeat": 2},
                             {"units": 2}]},
      "train": {"epochs": 15, "batch_size": 32},
      "record": {"every": 2, "census": "epoch", "monitors": true}})",
                                                      "test", ".", std::vector{"train.optimizer.lr=" + rate}));
    // What is in no table.
    run.loss.reset();
    run.start_loss.reset();
    run.train.reset();
    run.test.reset();
    run.from_elsewhere = true;
    const std::set<std::string> before = all_findings(run);
    CHECK(before.contains("dying-units@1") == (rate == "4"));
    // Of a sick run fewer rows may well show another sickness; of a healthy one no selection does.
    const std::vector<std::size_t> strides = rate == "4" ? std::vector<std::size_t>{1} : std::vector<std::size_t>{1, 2};
    const std::vector<std::pair<std::string, std::vector<std::vector<std::string>>>> tables = {
        {"steps.csv", cells_of(run.steps.rows)},
        {"layers.csv", cells_of(run.layers.rows)},
        {"census.csv", cells_of(run.census.rows)},
        {"units.csv", cells_of(run.units.rows)}};
    const Workplace place;
    for (const auto& [file, table] : tables) write_file(place.path() / file, text_of(table));
    CHECK(all_findings(read_run(place.path())) == before);
    int columns = 0;
    for (const auto& [file, table] : tables) {
      for (std::size_t column = 0; column < table.front().size(); ++column) {
        ++columns;
        for (const std::size_t stride : strides) {
          CAPTURE(file);
          CAPTURE(table.front()[column]);
          auto emptied = table;
          for (std::size_t row = 1; row < emptied.size(); row += stride) emptied[row][column].clear();
          write_file(place.path() / file, text_of(emptied));
          const RunTables left = read_run(place.path());
          for (const std::string& finding : all_findings(left)) {
            CAPTURE(finding);
            CHECK(before.contains(finding));
          }
          CHECK_FALSE(tensorboard_events(left).empty());
          CHECK_FALSE(run_strips(left, {80, false, false}).empty());
        }
      }
      write_file(place.path() / file, text_of(table));
    }
    CHECK(columns > 80);
  }
}
