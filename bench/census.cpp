#include <cstdio>

#include "cases.hpp"
#include "config/load.hpp"
#include "data/sources.hpp"
#include "experiment/run.hpp"
#include "trace/sink.hpp"
#include "data/data_spec.hpp"

namespace reluscope::bench {

namespace {

/// Keeps the time of the last step, and how far apart the bounds between censuses were.
class Stopwatch final : public RecordSink {
 public:
  void progress(const Progress& progress) override {
    if (progress.step == progress.total_steps) end = now();
  }
  void layers(std::span<const LayerRecord> records) override {
    for (const LayerRecord& record : records) {
      if (!record.dead_min) continue;
      width += static_cast<double>(*record.dead_max - *record.dead_min);
      units += static_cast<double>(record.units);
    }
  }
  void census(std::span<const CensusRecord> records) override {
    dead = 0;
    for (const CensusRecord& record : records) dead += record.dead;
  }
  double end = 0.0;
  double width = 0.0;
  double units = 0.0;
  std::int64_t dead = 0;
};

}  // namespace

void measure_census(const Options& options) {
  const ExperimentSpec spec = load_experiment(options.config, options.overrides);
  const Dataset data = load_dataset(spec.data, spec.seed);
  ThreadPool pool(options.threads);
  RunControl control;
  control.brute_census = options.brute;
  Stopwatch watch;
  const double start = now();
  const RunSummary summary = run_experiment(spec, data, watch, pool, control);
  std::printf("{\"what\":\"census\",\"engine\":\"%s\",\"steps\":%lld,\"seconds\":%.6f,\"censuses\":%lld,\"samples\":%lld,"
              "\"dead\":%lld,\"width\":%.6f",
              options.brute ? "brute" : "exact", static_cast<long long>(summary.steps), watch.end - start,
              static_cast<long long>(summary.census.censuses), static_cast<long long>(summary.census.samples),
              static_cast<long long>(watch.dead), watch.units > 0.0 ? watch.width / watch.units : 0.0);
  for (std::size_t device = 0; device < kDeviceNames.size(); ++device)
    std::printf(",\"%s\":%lld", kDeviceNames[device].data(),
                static_cast<long long>(summary.census.settled[device]));
  std::printf("}\n");
}

}  // namespace reluscope::bench
