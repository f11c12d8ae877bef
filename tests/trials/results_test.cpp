// The rows of compare.csv and results.csv: names that other programs take, and reading them back.
#include "trials/results.hpp"

#include <doctest/doctest.h>

#include "config/load.hpp"
#include "support/text.hpp"
#include "trials/compare.hpp"
#include "trials/compared_results.hpp"
#include "trials/place.hpp"
#include "util/error.hpp"
#include "util/text_file.hpp"

using namespace reluscope;
using namespace reluscope::test;

TEST_CASE("what is varied stands once more at the end, by a name without dots") {
  const ResultColumns columns({"network.layers.*.activation", "lr"});
  CHECK(columns.header().starts_with("job,id,network.layers.*.activation,lr,seed,status,"));
  CHECK(columns.header().ends_with(",slope_max,activation"));
  Job job;
  job.id = "ab";
  job.settings = {"elu, or so", "0.1"};
  TrialRecord record;
  record.status = "done";
  const std::string row = columns.row(job, record);
  CHECK(row.starts_with("0,ab,\"elu, or so\",0.1,0,done,"));
  CHECK(row.ends_with(",\"elu, or so\""));
  CHECK(split_row(row).size() == split_row(columns.header()).size());
}

TEST_CASE("a name that a figure has is not given to what is varied") {
  CHECK(ResultColumns({"train.steps"}).header().ends_with(",train_steps"));
}

namespace {

std::string rows_of(const std::vector<std::string>& keys, const std::vector<std::vector<std::string>>& settings) {
  const ResultColumns columns(keys);
  std::string text = columns.header() + "\n";
  Job job;
  for (const std::uint64_t seed : {7UL, 8UL})
    for (const std::vector<std::string>& setting : settings) {
      job.id = "f" + std::to_string(job.number);
      job.seed = seed;
      job.settings = setting;
      TrialRecord record;
      record.status = "done";
      record.test_loss = static_cast<double>(job.number);
      record.steps_to_loss = 5;
      text += columns.row(job, record) + "\n";
      ++job.number;
    }
  return text;
}

}  // namespace

TEST_CASE("results are read back by setting and seed: numbers by size, words as they come") {
  const Place place;
  const auto file = place.path / "results.csv";
  write_file_atomically(file, rows_of({"a.activation", "b.lr"}, {{"relu", "0.1"}, {"relu", "0.02"}, {"elu", "0.1"}}));
  const ComparedResults results = read_compared(file);
  CHECK(results.names == std::vector<std::string>{"activation", "lr"});
  CHECK(results.runs.seeds == std::vector<std::uint64_t>{7, 8});
  REQUIRE(results.runs.variants.size() == 3);
  CHECK(results.runs.variants[0].name == "activation=relu, lr=0.02");
  CHECK(results.runs.variants[1].name == "activation=relu, lr=0.1");
  CHECK(results.runs.variants[2].name == "activation=elu, lr=0.1");
  CHECK(results.ids[2] == std::vector<std::string>{"f2", "f5"});
  CHECK(*results.runs.trials[0][1].record.test_loss == 4.0);
  CHECK(results.runs.trials[0][1].steps_to_loss == 5.0);
}

TEST_CASE("a run that is not there counts as failed") {
  const Place place;
  const auto file = place.path / "results.csv";
  std::string text = rows_of({"k"}, {{"1"}, {"2"}});
  text.erase(text.rfind('\n', text.size() - 2) + 1);
  write_file_atomically(file, text);
  const ComparedResults results = read_compared(file);
  CHECK(failures_of(results.runs, 0) == 0);
  CHECK(failures_of(results.runs, 1) == 1);
}

TEST_CASE("results of another version have what both know; what is none is refused with its line") {
  const Place place;
  const auto file = place.path / "results.csv";
  write_file_atomically(file, "job,id,k,seed,status,news,test_loss\n0,ab,x,1,done,7,0.5\n");
  const ComparedResults results = read_compared(file);
  CHECK(*results.runs.trials[0][0].record.test_loss == 0.5);
  const auto message = [&](const std::string& text) -> std::string {
    write_file_atomically(file, text);
    try {
      read_compared(file);
    } catch (const DataError& error) { return error.what(); }
    return "";
  };
  CHECK(contains(message("a,b\n1,2\n"), "expected the columns job, id, …, seed, status, …"));
  CHECK(contains(message("job,id,k,seed,status\n0,ab,x,one,done\n"), ":2: column 'seed': found 'one'"));
  CHECK(contains(message("job,id,k,seed,status,steps\n0,ab,x,1,done,many\n"), "column 'steps': found 'many'"));
  CHECK(contains(message("job,id,k,seed,status\n0,ab,x,1\n"), "found 4 cells, expected 5"));
  CHECK(contains(message("job,id,k,seed,status\n"), "found no run"));
}

TEST_CASE("steps to the reference's loss: the first evaluation at or below it, and one step more than there were") {
  ComparedRuns runs;
  runs.variants.resize(2);
  runs.seeds = {1};
  const auto trial = [](const std::vector<double>& losses) {
    Trial made;
    made.record.status = "done";
    made.record.steps = 30;
    for (const double loss : losses) {
      EvaluationRecord& row = made.curve.emplace_back();
      row.step = 10 * (std::ssize(made.curve) - 1);
      row.train_loss = loss;
    }
    return made;
  };
  runs.trials = {{trial({2.0, 1.0, 0.5, 0.4})}, {trial({2.0, 0.4, 0.6, 0.3})}};
  count_steps_to_loss(runs);
  CHECK(runs.trials[0][0].record.steps_to_loss == 30);
  CHECK(runs.trials[1][0].record.steps_to_loss == 10);
  runs.trials[1][0] = trial({2.0, 1.0, 0.9, 0.41});
  count_steps_to_loss(runs);
  CHECK_FALSE(runs.trials[1][0].record.steps_to_loss.has_value());
  CHECK(runs.trials[1][0].steps_to_loss == 31.0);
  runs.trials[0][0].record = failed_record("reason");
  count_steps_to_loss(runs);
  CHECK(std::isnan(runs.trials[1][0].steps_to_loss));
}

TEST_CASE("activations are varied in the hidden layers alone, and keep what the config gives them") {
  const std::string text = R"({"data": {"kind": "moons"}, "network": {"layers": [
      {"units": 4, "activation": {"name": "elu", "alpha": 2.0}}, {"units": 4, "activation": "relu"},
      {"units": 2, "activation": "sigmoid"}]}})";
  const ExperimentSpec spec = parse_experiment(text, "c.json", ".");
  const std::vector<std::string> wanted = {"elu", "prelu"};
  const Variation variation = vary_activations(spec, wanted);
  REQUIRE(variation.variants.size() == 2);
  CHECK(variation.variants[0].overrides == std::vector<std::string>{"network.layers.1.activation=elu"});
  CHECK(variation.variants[1].overrides ==
        std::vector<std::string>{"network.layers.0.activation=prelu", "network.layers.1.activation=prelu"});
  CHECK(vary_activations(spec, {}).variants.size() == 4);
  const std::vector<std::string> wrong = {"rely"};
  CHECK_THROWS_WITH_AS(vary_activations(spec, wrong), doctest::Contains("did you mean relu?"), UsageError);
  const std::vector<std::string> softmax = {"softmax"};
  CHECK_THROWS_AS(vary_activations(spec, softmax), UsageError);
}

TEST_CASE("rates are the list's, or five around the config's") {
  const ExperimentSpec spec = source_of(kConfig).parse({});
  CHECK(rates_to_try(spec, "") == std::vector<std::string>{"0.01", "0.03", "0.1", "0.3", "1"});
  CHECK(rates_to_try(spec, "1e-3,2") == std::vector<std::string>{"1e-3", "2"});
  CHECK_THROWS_AS(rates_to_try(spec, "0.1,0"), UsageError);
  CHECK_THROWS_AS(rates_to_try(spec, "c.json"), UsageError);
  const std::vector<std::string> activations = {"relu", "elu"};
  const std::vector<std::string> rates = {"0.1", "0.2"};
  const Variation variation = with_rates(vary_activations(spec, activations), rates);
  REQUIRE(variation.variants.size() == 4);
  CHECK(variation.variants[1].name == "activation=relu, lr=0.2");
  CHECK(variation.variants[2].overrides.back() == "train.optimizer.lr=0.1");
}
