// Units that are dead in weights that came from a file: not born, and nobody blames an initialiser for them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "config/load.hpp"
#include "diagnose/diagnosis.hpp"
#include "diagnose/rules.hpp"
#include "diagnose/run_tables.hpp"
#include "experiment/documents.hpp"
#include "experiment/initial_network.hpp"
#include "experiment/run.hpp"
#include "experiment/setup.hpp"
#include "experiment/theory.hpp"
#include "experiment/verdict.hpp"
#include "report/run_report.hpp"
#include "support/command.hpp"
#include "support/tables.hpp"
#include "trace/weights.hpp"

using namespace reluscope;
using reluscope::test::find_rule;

namespace {

/// Layer 1 has `dead` of 12 units that no input can reach; drawn, or by way of a file.
class Wounded {
 public:
  Wounded(Index dead, bool from_file)
      : spec_(parse_experiment(R"({
          "data": {"kind": "moons", "n_samples": 200, "noise": 0.1, "normalize": "standard"},
          "network": {"layers": [{"units": 12, "activation": "relu", "init": {"weights": "he_normal", "bias": 0.2}},
                                 {"units": 2}]},
          "train": {"steps": 40, "batch_size": 32, "optimizer": {"lr": 0.05}},
          "record": {"every": 1, "census": 10, "checkpoint_every": 15}})",
                               "test", ".")),
        data_(load_dataset(spec_.data, spec_.seed)) {
    if (!from_file) {
      spec_.network.layers[0].init->bias.params.set("value", -50.0);
      return;
    }
    Network<float> network(spec_.network, data_.features(), spec_.seed);
    for (Index unit = 0; unit < dead; ++unit) network.node(0).parameter(ParameterRole::bias)->value(unit, 0) = -50.0F;
    write_safetensors(place_.path() / "w.safetensors", export_weights(network));
    spec_.network.init_from = place_.path() / "w.safetensors";
  }

  RunSummary run(RecordSink& sink, const RunControl& control = {}) const {
    ThreadPool pool(1);
    return run_experiment(spec_, data_, sink, pool, control);
  }

  [[nodiscard]] const ExperimentSpec& spec() const { return spec_; }
  [[nodiscard]] const Dataset& data() const { return data_; }

 private:
  test::Workplace place_;
  ExperimentSpec spec_;
  Dataset data_;
};

std::int64_t count_events(const RecordMemory& records, const std::string& kind) {
  return std::count_if(records.events.begin(), records.events.end(),
                       [&](const EventRecord& event) { return event.event == kind; });
}

bool offers(const Diagnosis& diagnosis, const std::string& remedy) {
  return std::any_of(diagnosis.findings.begin(), diagnosis.findings.end(), [&](const Finding& finding) {
    return std::find(finding.remedies.begin(), finding.remedies.end(), remedy) != finding.remedies.end();
  });
}

}  // namespace

TEST_CASE("units dead in the weights of a file are inherited, in every record, and not born") {
  const Wounded net(7, true);
  RecordMemory records;
  const RunSummary summary = net.run(records);
  CHECK(summary.layers[0].born_dead == 0);
  CHECK(summary.layers[0].inherited == 7);
  CHECK(summary.layers[1].inherited == 0);
  CHECK(count_events(records, "inherited") == 7);
  CHECK(count_events(records, "born_dead") == 0);
  for (const CensusRecord& row : records.census_rows) {
    CHECK(row.born_dead == 0);
    CHECK(row.inherited == (row.layer == 1 ? 7 : 0));
  }
  for (const UnitRecord& unit : records.unit_rows) {
    CHECK_FALSE(unit.born_dead);
    CHECK(unit.inherited == (unit.layer == 1 && unit.unit < 7));
    CHECK((unit.cause == "inherited") == unit.inherited);
  }
  for (const LayerRecord& row : records.layer_rows) CHECK(row.from_file == true);
  const std::string text = verdict(summary);
  CHECK(text.find("7 inherited from the weights' file") != std::string::npos);
  CHECK(text.find("birth") == std::string::npos);
  CHECK(layer_table(summary, TableStyle::plain).find("inherited dead %") != std::string::npos);
  const std::string document = summary_json(net.spec(), summary, text, "[]");
  CHECK(document.find("\"inherited\": 7") != std::string::npos);
}

TEST_CASE("the same deaths in drawn weights are born, and the initialiser is to blame for them") {
  const Wounded net(12, false);
  RecordMemory records;
  const RunSummary summary = net.run(records);
  CHECK(summary.layers[0].born_dead == 12);
  CHECK(summary.layers[0].inherited == 0);
  CHECK(count_events(records, "born_dead") == 12);
  CHECK(count_events(records, "inherited") == 0);
  for (const LayerRecord& row : records.layer_rows) CHECK(row.from_file == false);
  CHECK(verdict(summary).find("from birth") != std::string::npos);
  const Diagnosis diagnosis = diagnose(take_tables(std::move(records)));
  CHECK(find_rule(diagnosis, "dead-on-arrival")->sentence.find("from birth") != std::string::npos);
  CHECK(offers(diagnosis, "he_normal"));
  CHECK(offers(diagnosis, "wider"));
}

TEST_CASE("no rule speaks of birth or of an initialiser where the weights came from a file") {
  for (const Index dead : {4, 7, 12}) {
    CAPTURE(dead);
    const Wounded net(dead, true);
    RecordMemory records;
    const RunSummary summary = net.run(records);
    CHECK(verdict(summary).find("birth") == std::string::npos);
    const Diagnosis diagnosis = diagnose(take_tables(std::move(records)));
    const Finding* arrival = find_rule(diagnosis, "dead-on-arrival");
    REQUIRE(arrival != nullptr);
    CHECK(arrival->severity == (dead == 4 ? Severity::info : (dead == 7 ? Severity::warning : Severity::critical)));
    CHECK(arrival->sentence.find("in the weights that training started from") != std::string::npos);
    CHECK(find_rule(diagnosis, "dying-units") == nullptr);  // none of them died in training
    for (const Finding& finding : diagnosis.findings) {
      CAPTURE(finding.sentence);
      CHECK(finding.sentence.find("birth") == std::string::npos);
      for (const std::string& remedy : finding.remedies) CHECK_FALSE(needs_drawn_weights(remedy));
    }
  }
}

TEST_CASE("signals that explode in the weights of a file are no poor initialisation") {
  const auto findings = [](bool from_file) {
    RunTables run;
    run.layers.present = true;
    for (std::int64_t layer = 1; layer <= 3; ++layer) {
      LayerRecord row;
      row.layer = layer;
      row.name = "dense" + std::to_string(layer);
      row.z_std = std::pow(10.0, static_cast<double>(layer));
      row.from_file = from_file;
      run.layers.rows.push_back(row);
    }
    return diagnose(run);
  };
  CHECK(find_rule(findings(false), "poor-initialisation") != nullptr);
  CHECK(find_rule(findings(true), "poor-initialisation") == nullptr);
}

TEST_CASE("theory says nothing of weights that are not drawn, and samples none") {
  const Wounded net(3, true);
  ThreadPool pool(1);
  const Theory theory = predict_and_sample(net.spec(), net.data(), 5, pool);
  CHECK_FALSE(theory.born_dead.sampled.has_value());
  for (const TheoryRecord& row : theory_records(theory)) {
    CHECK_FALSE(row.weight_variance.has_value());
    CHECK_FALSE(row.q.has_value());
    CHECK_FALSE(row.q_sampled.has_value());
    CHECK(row.units > 0);
  }
}

TEST_CASE("a run that was stopped still knows what it has inherited") {
  const Wounded net(7, true);
  const test::Workplace place;
  const std::filesystem::path path = place.path() / "checkpoint.safetensors";
  const std::atomic<int> stop = 15;
  RunControl control;
  control.stop = &stop;
  control.save = [&](Checkpoint&& checkpoint) { write_checkpoint(path, std::move(checkpoint)); };
  RecordMemory before;
  (void)net.run(before, control);
  const Checkpoint saved = read_checkpoint(path);
  RunControl resumed;
  resumed.resume = &saved;
  resumed.stop = &stop;  // stopped again, before there was another census
  resumed.save = [](Checkpoint&&) {};
  RecordMemory after;
  const RunSummary summary = net.run(after, resumed);
  CHECK(summary.interrupted);
  CHECK(after.census_rows.empty());
  CHECK(summary.layers[0].inherited == 7);
  CHECK(summary.layers[0].born_dead == 0);
}
