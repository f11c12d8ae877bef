// The shipped configs tell the story that their comments promise.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "config/load.hpp"
#include "experiment/run.hpp"
#include "experiment/setup.hpp"
#include "support/command.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

struct Told {
  RunSummary summary;
  RecordMemory records;

  explicit Told(const std::string& config, const std::vector<std::string>& overrides = {}) {
    const std::filesystem::path root = environment("RELUSCOPE_SOURCE_DIR");
    const ExperimentSpec spec = load_experiment(root / "configs" / config, overrides);
    const Dataset dataset = load_dataset(spec.data, spec.seed);
    check_against_data(spec, dataset);
    ThreadPool pool(default_thread_count());
    summary = run_experiment(spec, dataset, records, pool);
  }

  /// The largest share of dead units in a layer at the end.
  [[nodiscard]] double worst_dead() const {
    double worst = 0.0;
    for (const LayerSummary& layer : summary.layers)
      worst = std::max(worst, static_cast<double>(*layer.dead) / static_cast<double>(layer.units));
    return worst;
  }
  [[nodiscard]] const LayerRecord& first_row(std::int64_t layer) const {
    return records.layer_rows.at(static_cast<std::size_t>(layer - 1));
  }
};

}  // namespace

TEST_CASE("the digits networks reach 96 % on the held-out 20 %, and none of their units dies") {
  for (const char* config : {"digits-relu.json", "digits-leaky-relu.json", "digits-prelu.json", "digits-elu.json",
                             "digits-sigmoid.json", "digits-tanh.json"}) {
    const Told told(config);
    CAPTURE(config);
    CHECK(*told.summary.test->accuracy >= 0.96);
    CHECK(told.summary.dead_fraction() == 0.0);
  }
}

TEST_CASE("the dying config kills more than half of a layer; leaky relu on the same seed loses no unit") {
  const Told relu("dying-relu.json");
  CHECK_FALSE(relu.summary.failed);
  CHECK(relu.worst_dead() > 0.5);
  for (const LayerSummary& layer : relu.summary.layers) CHECK(layer.born_dead == 0);
  const Told leaky("dying-leaky.json");
  CHECK_FALSE(leaky.summary.failed);
  CHECK(leaky.worst_dead() == 0.0);
  const Told overridden("dying-relu.json", {"network.layers.*.activation=leaky_relu"});
  CHECK(overridden.summary.last_loss == leaky.summary.last_loss);
}

TEST_CASE("the deep narrow net is born dead: constant output, no gradient at and below the dead layer") {
  const Told told("born-dead.json");
  CHECK(told.summary.collapsed == true);
  CHECK(told.worst_dead() == 1.0);
  bool below = true;  // at or below the last wholly dead layer
  for (std::size_t at = told.summary.layers.size(); at-- > 0;) {
    const LayerSummary& layer = told.summary.layers[at];
    if (layer.born_dead == layer.units) below = false;
    if (!below) CHECK(layer.grad_norm_last == 0.0);
  }
}

TEST_CASE("in the badly initialised deep net activations grow with depth and deltas towards the input") {
  const Told told("exploding.json");
  const auto depth = static_cast<std::int64_t>(told.summary.layers.size());
  CHECK(told.first_row(depth - 1).z_std > 50.0 * told.first_row(1).z_std);
  CHECK(told.first_row(1).delta_rms > 50.0 * told.first_row(depth - 1).delta_rms);
  CHECK(told.summary.first_loss > 20.0);
}
