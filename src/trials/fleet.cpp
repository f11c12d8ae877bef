#include "trials/fleet.hpp"

#include <mutex>
#include <new>
#include <optional>

#include "config/config_error.hpp"
#include "config/json_text.hpp"
#include "config/load.hpp"
#include "experiment/setup.hpp"
#include "util/error.hpp"
#include "util/hash.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

namespace {

/// One thread's last experiment and data: neighbouring jobs often share them.
class Worker {
 public:
  explicit Worker(const ConfigSource& source) : reader_(source) {}

  /// Gives the job its id as well.
  Trial run(Job& job, const std::atomic<int>* stop, const std::filesystem::path& traces) {
    job.id = reader_.id(job);
    Trial trial;
    try {
      const ExperimentSpec& spec = reader_.experiment(job);
      load(spec);
      trial = run_trial(spec, *dataset_, stop, traces.empty() ? traces : traces / job.id, job.stint, job.keep);
      if (job.target_loss) trial.record.steps_to_loss = steps_to_loss(trial.curve, *job.target_loss);
      return trial;
    } catch (const IoError&) {
      throw;  // a full disk says nothing about the run
    } catch (const UserError& error) { trial.record = failed_record(error.what()); } catch (const std::bad_alloc&) {
      trial.record = failed_record("out of memory");
    }
    return trial;
  }

 private:
  void load(const ExperimentSpec& spec) {
    const std::string name = spec.data_json + '\n' + std::to_string(spec.seed);
    if (!dataset_ || dataset_name_ != name) {
      dataset_.reset();
      check_memory(spec);
      dataset_.emplace(load_dataset(spec.data, spec.seed));
      dataset_name_ = name;
    }
    check_against_data(spec, *dataset_);
    check_memory(spec, dataset_->shape(), static_cast<std::uint64_t>(dataset_->train.count()));
  }

  JobReader reader_;
  std::optional<Dataset> dataset_;
  std::string dataset_name_;
};

}  // namespace

ExperimentSpec ConfigSource::parse(std::span<const std::string> overrides) const {
  return parse_experiment(text, origin, base_directory, overrides, whose);
}

ConfigSource read_config_source(const std::filesystem::path& file) {
  ConfigSource source;
  source.text = read_config_file(file);
  source.origin = file == "-" ? "standard input" : file.string();
  source.base_directory = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  return source;
}

const ExperimentSpec& JobReader::experiment(const Job& job) {
  if (!spec_ || overrides_ != job.overrides) {
    spec_.reset();
    spec_ = source_->parse(job.overrides);
    overrides_ = job.overrides;
  }
  set_seed(*spec_, job.seed);
  return *spec_;
}

std::string JobReader::id(const Job& job) {
  try {
    return content_hash(experiment(job).resolved_json);
  } catch (const ConfigError&) {
    std::string given;
    for (const std::string& one : job.overrides) given += one + '\n';
    return content_hash(given + std::to_string(job.seed));
  }
}

void identify(const ConfigSource& source, std::span<Job> jobs) {
  JobReader reader(source);
  for (Job& job : jobs) job.id = content_hash(reader.experiment(job).resolved_json);
}

void run_fleet(const ConfigSource& source, std::int64_t places, const JobAt& job_at, int threads,
               const std::atomic<int>* stop, const JobDone& done, const std::filesystem::path& traces) {
  const auto stopped = [stop] { return stop != nullptr && stop->load(std::memory_order_relaxed) != 0; };
  ThreadPool pool(threads);
  std::vector<Worker> workers(static_cast<std::size_t>(threads), Worker(source));
  std::mutex mutex;
  bool broken = false;
  pool.for_each(places, [&](std::int64_t place, int thread) {
    if (stopped()) return;
    std::optional<Job> job = job_at(place);
    if (!job) return;
    const Trial trial = workers[static_cast<std::size_t>(thread)].run(*job, stop, traces);
    if (stopped()) return;  // it may have been cut short
    const std::lock_guard lock(mutex);
    if (broken) return;
    broken = true;  // unless `done` returns
    done(*job, trial);
    broken = false;
  });
}

void run_fleet(const ConfigSource& source, std::span<const Job> jobs, int threads, const std::atomic<int>* stop,
               const JobDone& done, const std::filesystem::path& traces) {
  run_fleet(
      source, std::ssize(jobs), [jobs](std::int64_t place) { return jobs[static_cast<std::size_t>(place)]; }, threads,
      stop, done, traces);
}

}  // namespace reluscope
