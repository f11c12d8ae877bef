// Remedies for networks whose weights come from a file.
#include <doctest/doctest.h>

#include "config/load.hpp"
#include "diagnose/rules.hpp"
#include "experiment/initial_network.hpp"
#include "experiment/setup.hpp"
#include "support/command.hpp"
#include "trace/weights.hpp"
#include "trials/remedies.hpp"

using namespace reluscope;

TEST_CASE(
    "where the weights come from a file, remedies leave alone how they are drawn, and what is left fits the file") {
  for (const std::string activation : {"relu", "sigmoid", "prelu", "identity"}) {
    const std::string text = R"({
      "data": {"kind": "moons", "n_samples": 60},
      "network": {"layers": [{"units": 6, "activation": ")" +
                             activation + R"("}, {"units": 2}], "init_from": "w.safetensors"},
      "train": {"steps": 20, "batch_size": 16, "optimizer": {"lr": 0.1, "momentum": 0.9}}})";
    const test::Workplace place;
    ExperimentSpec spec = parse_experiment(text, "test", place.path());
    const Dataset dataset = load_dataset(spec.data, spec.seed);
    ExperimentSpec drawn = spec;
    drawn.network.init_from.reset();
    write_safetensors(place.path() / "w.safetensors",
                      export_weights(initial_network<float>(drawn, dataset.features(), 1)));
    int offered = 0;
    for (const RemedyEntry& remedy : remedy_table()) {
      CAPTURE(activation);
      CAPTURE(remedy.name);
      const std::vector<std::string> changes = remedy.changes(spec, facts_of(dataset));
      if (needs_drawn_weights(remedy.name)) CHECK(changes.empty());
      if (changes.empty()) continue;
      ++offered;
      CHECK_NOTHROW(check_initial_weights(parse_experiment(text, "test", place.path(), changes), dataset));
    }
    CHECK(offered >= 8);
  }
}

TEST_CASE("every remedy for drawn weights is one that exists") {
  int known = 0;
  for (const RemedyEntry& remedy : remedy_table()) known += needs_drawn_weights(remedy.name) ? 1 : 0;
  CHECK(known == 11);
}
