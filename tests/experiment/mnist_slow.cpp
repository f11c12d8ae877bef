// MNIST to the accuracy that this network reaches everywhere. Needs the data: RELUSCOPE_MNIST, or ../shared/data/mnist.
#include <doctest/doctest.h>

#include <filesystem>

#include "config/load.hpp"
#include "experiment/run.hpp"
#include "experiment/setup.hpp"
#include "support/command.hpp"

using namespace reluscope;
using namespace reluscope::test;

TEST_CASE("784-256-256-10 with relu and SGD reaches 97.5 % on the test images, and no unit dies") {
  const std::string given = environment("RELUSCOPE_MNIST");
  const std::filesystem::path root = environment("RELUSCOPE_SOURCE_DIR");
  const std::filesystem::path data = given.empty() ? root / "../shared/data/mnist" : std::filesystem::path(given);
  if (!std::filesystem::exists(data / "train-images-idx3-ubyte.gz")) {
    MESSAGE("skipped: no MNIST in " << data << "; set RELUSCOPE_MNIST to its directory");
    return;
  }
  const std::vector<std::string> overrides = {"data.directory=" + std::filesystem::absolute(data).string()};
  const ExperimentSpec spec = load_experiment(root / "configs/mnist.json", overrides);
  CHECK(spec.train.epochs == 5);
  CHECK(spec.train.batch_size == 128);
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  check_against_data(spec, dataset);
  REQUIRE(dataset.train.count() == 60000);
  REQUIRE(dataset.test.count() == 10000);
  RecordMemory records;
  ThreadPool pool(default_thread_count());
  const RunSummary summary = run_experiment(spec, dataset, records, pool);
  CHECK(*summary.test->accuracy >= 0.975);
  CHECK(summary.dead_fraction() == 0.0);
}
