// Whole training steps, as `reluscope run` takes them: once with every statistic recorded at every step and written as
// CSV, once with none, in turns in one process.

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>

#include "cases.hpp"
#include "experiment/run.hpp"
#include "trace/table_writer.hpp"

namespace reluscope::bench {

namespace {

/// Writes steps.csv and layers.csv to nowhere, and notes the time in the course of the run.
class TimedSink final : public RecordSink {
 public:
  explicit TimedSink(std::int64_t chunk) : chunk_(chunk) {}
  void step(const StepRecord& record) override { steps_.write({&record, 1}); }
  void layers(std::span<const LayerRecord> records) override { layers_.write(records); }
  void flush() override {
    steps_.flush();
    layers_.flush();
  }
  void progress(const Progress& progress) override {
    if (progress.step % chunk_ == 0) ticks_.push_back(now());
  }
  /// Seconds per step of each chunk but the first.
  [[nodiscard]] std::vector<double> chunks() const {
    std::vector<double> times;
    for (std::size_t at = 1; at < ticks_.size(); ++at)
      times.push_back((ticks_[at] - ticks_[at - 1]) / static_cast<double>(chunk_));
    return times;
  }

 private:
  TableWriter<StepRecord> steps_{TextSink("/dev/null"), TraceFormat::csv};
  TableWriter<LayerRecord> layers_{TextSink("/dev/null"), TraceFormat::csv};
  std::vector<double> ticks_;
  std::int64_t chunk_;
};

/// Progress is reported this often in a run, or after each step of a shorter one; chunks are made of whole reports.
constexpr std::int64_t kReports = 500;
constexpr std::int64_t kChunks = 10;

std::vector<double> run_once(const Options& options, const Dataset& data, ThreadPool& pool, std::int64_t steps,
                             bool measured) {
  TimedSink sink(steps / kChunks);
  run_experiment(make_experiment(options, steps, measured ? 1 : 1'000'000'000), data, sink, pool);
  return sink.chunks();
}

long peak_rss_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

}  // namespace

void measure_steps(const Options& options) {
  const Dataset data = make_data(options);
  ThreadPool pool(options.threads);
  constexpr int kTurns = 5;
  const double guess = median(run_once(options, data, pool, 3 * kChunks, true));
  const auto wanted = static_cast<std::int64_t>(options.seconds / (2.0 * kTurns) / guess);
  const std::int64_t whole = wanted < kReports ? kChunks : kReports;
  const std::int64_t steps = std::max<std::int64_t>(wanted / whole, 1) * whole;
  std::vector<double> times[2];
  std::vector<double> ratios;
  for (int turn = 0; turn < kTurns; ++turn) {
    double medians[2];
    for (const bool measured : {false, true}) {
      const std::vector<double> chunks = run_once(options, data, pool, steps, measured);
      medians[measured ? 1 : 0] = median(chunks);
      auto& all = times[measured ? 1 : 0];
      all.insert(all.end(), chunks.begin(), chunks.end());
    }
    ratios.push_back(medians[1] / medians[0]);
  }
  for (const bool measured : {false, true}) {
    const auto& all = times[measured ? 1 : 0];
    std::printf(
        "{\"what\":\"step\",\"measure\":\"%s\",\"net\":\"%s\",\"batch\":%td,\"threads\":%d,\"us_per_step\":%.3f,"
        "\"min_us\":%.3f,\"max_us\":%.3f,\"steps\":%lld",
        measured ? "full" : "none", net_text(options).c_str(), options.batch, options.threads, 1e6 * median(all),
        1e6 * *std::min_element(all.begin(), all.end()), 1e6 * *std::max_element(all.begin(), all.end()),
        static_cast<long long>(steps * kTurns));
    if (measured) std::printf(",\"ratio_to_none\":%.4f,\"peak_rss_mib\":%ld", median(ratios), peak_rss_mib());
    std::printf("}\n");
  }
}

}  // namespace reluscope::bench
