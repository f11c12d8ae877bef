// data.normalize_targets: training sees (t − mean) / std, and everything that is reported is in the data's units.
#include <doctest/doctest.h>

#include <cmath>

#include "config/config_error.hpp"
#include "config/load.hpp"
#include "experiment/setup.hpp"
#include "support/command.hpp"
#include "support/tables.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

/// y = 5000 + 300 (a² − b), noise included, as a table; `by_hand`: already (y − mean) / std of the training part.
void write_table(const std::filesystem::path& file, double shift, double scale) {
  Rng rng(4, Purpose::generator);
  std::ostringstream text;
  text.precision(17);
  for (int row = 0; row < 200; ++row) {
    const double a = rng.normal();
    const double b = rng.normal();
    const double y = 5000.0 + 300.0 * (a * a - b + 0.1 * rng.normal());
    text << a << ',' << b << ',' << (y - shift) * scale << '\n';
  }
  write_file(file, text.str());
}

ExperimentSpec spec_of(const Workplace& place, const std::string& file, const std::string& loss,
                       const std::string& targets) {
  return parse_experiment(R"({"seed": 3, "precision": "float64",
    "data": {"kind": "csv", "file": ")" +
                              file + R"(", "header": false, "label_column": 2, "task": "regression",
             "test_fraction": 0.25, "normalize_targets": ")" +
                              targets + R"("},
    "network": {"layers": [{"units": 8, "activation": "tanh"}, {"units": 1}]},
    "loss": ")" + loss + R"(",
    "train": {"epochs": 5, "batch_size": 20, "optimizer": {"name": "adam", "lr": 0.01}}})",
                          "test", place.path());
}

RunSummary summary_of(const ExperimentSpec& spec) {
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  RecordMemory records;
  ThreadPool pool(1);
  return run_experiment(spec, dataset, records, pool);
}

}  // namespace

TEST_CASE("a run on normalised targets is that on targets normalised by hand, told in the data's units") {
  const Workplace place;
  write_table(place.path() / "raw.csv", 0.0, 1.0);
  const Dataset dataset = load_for_training(spec_of(place, "raw.csv", "mse", "per_output"));
  const double scale = dataset.target_scale[0];
  write_table(place.path() / "hand.csv", dataset.target_shift[0], scale);
  for (const char* loss : {"mse", "mae"}) {
    CAPTURE(loss);
    const RunSummary raw = summary_of(spec_of(place, "raw.csv", loss, "per_output"));
    const RunSummary hand = summary_of(spec_of(place, "hand.csv", loss, "none"));
    // mse goes with the square of the unit.
    const double unit = std::string(loss) == "mse" ? 1.0 / (scale * scale) : 1.0 / scale;
    const auto same = [&](double told, double by_hand) {
      return told == doctest::Approx(unit * by_hand).epsilon(1e-9);
    };
    REQUIRE(raw.train);
    REQUIRE(raw.test);
    CHECK(same(raw.train->loss, hand.train->loss));
    CHECK(same(raw.test->loss, hand.test->loss));
    CHECK(same(raw.train->constant_loss, hand.train->constant_loss));
    CHECK(same(raw.train->gain, hand.train->gain));
    CHECK(same(raw.train->gain_error, hand.train->gain_error));
    CHECK(same(*raw.start_loss, *hand.start_loss));
    // What was minimised, batch by batch, is not.
    CHECK(raw.first_loss == doctest::Approx(hand.first_loss).epsilon(1e-9));
    CHECK(raw.train->loss < 0.9 * raw.train->constant_loss);
  }
}

TEST_CASE("with raw targets of this size the same network does not get off the ground") {
  const Workplace place;
  write_table(place.path() / "raw.csv", 0.0, 1.0);
  const RunTables raw = run_tables(spec_of(place, "raw.csv", "mse", "none"));
  CHECK(raw.train->loss > 50.0 * raw.train->constant_loss);
  CHECK(find_rule(diagnose(raw), "unscaled-targets") != nullptr);
  const RunTables scaled = run_tables(spec_of(place, "raw.csv", "mse", "per_output"));
  CHECK(find_rule(diagnose(scaled), "unscaled-targets") == nullptr);
}

TEST_CASE("targets are normalised where they are numbers, and nowhere else") {
  const auto refused = [](const std::string& data, const std::string& rest) {
    const ExperimentSpec spec = parse_experiment(
        R"({"data": {"n_samples": 50, )" + data + R"(, "normalize_targets": "per_output"}, )" + rest + "}", "test",
        ".");
    try {
      load_for_training(spec);
    } catch (const ConfigError& error) { return std::string(error.what()); }
    return std::string();
  };
  const auto with_loss = [](const std::string& loss, int units) {
    return R"("loss": ")" + loss + R"(", "network": {"layers": [{"units": )" + std::to_string(units) + "}]}";
  };
  CHECK(contains(refused(R"("kind": "moons")", with_loss("cross_entropy", 2)), "/data/normalize_targets"));
  CHECK(contains(refused(R"("kind": "moons", "target": "input")", with_loss("mse", 2)), "/data/normalize_targets"));
  CHECK(contains(refused(R"("kind": "abs")", with_loss("bce", 1)), "/data/normalize_targets"));
  CHECK(refused(R"("kind": "abs")", with_loss("mse", 1)).empty());
}
