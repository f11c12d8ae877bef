#include "trials/fleet.hpp"

#include <mutex>
#include <new>
#include <optional>

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
  Trial run(const ConfigSource& source, const Job& job, const std::atomic<int>* stop,
            const std::filesystem::path& keep) {
    if (!spec_ || overrides_ != job.overrides) {
      spec_.reset();
      spec_ = source.parse(job.overrides);
      overrides_ = job.overrides;
    }
    set_seed(*spec_, job.seed);
    load();
    return run_trial(*spec_, *dataset_, stop, keep.empty() ? keep : keep / job.id);
  }

 private:
  void load() {
    const std::string name = spec_->data_json + '\n' + std::to_string(spec_->seed);
    if (!dataset_ || dataset_name_ != name) {
      dataset_.reset();
      check_memory(*spec_);
      dataset_.emplace(load_dataset(spec_->data, spec_->seed));
      dataset_name_ = name;
    }
    check_against_data(*spec_, *dataset_);
    check_memory(*spec_, static_cast<std::uint64_t>(dataset_->features()),
                 static_cast<std::uint64_t>(dataset_->train.count()));
  }

  std::optional<ExperimentSpec> spec_;
  std::vector<std::string> overrides_;
  std::optional<Dataset> dataset_;
  std::string dataset_name_;
};

Trial run_or_fail(Worker& worker, const ConfigSource& source, const Job& job, const std::atomic<int>* stop,
                  const std::filesystem::path& keep) {
  Trial trial;
  try {
    return worker.run(source, job, stop, keep);
  } catch (const IoError&) {
    throw;  // a full disk says nothing about the run
  } catch (const UserError& error) { trial.figures = failed_figures(error.what()); } catch (const std::bad_alloc&) {
    trial.figures = failed_figures("out of memory");
  }
  return trial;
}

}  // namespace

ExperimentSpec ConfigSource::parse(std::span<const std::string> overrides) const {
  return parse_experiment(text, origin, base_directory, overrides);
}

ConfigSource read_config_source(const std::filesystem::path& file) {
  ConfigSource source;
  source.text = read_config_file(file);
  source.origin = file == "-" ? "standard input" : file.string();
  source.base_directory = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  return source;
}

void identify(const ConfigSource& source, std::span<Job> jobs) {
  std::vector<std::string> overrides = {"?"};  // of no job
  ExperimentSpec spec;
  for (Job& job : jobs) {
    if (job.overrides != overrides) {
      spec = source.parse(job.overrides);
      overrides = job.overrides;
    }
    set_seed(spec, job.seed);
    job.id = content_hash(spec.resolved_json);
  }
}

void run_fleet(const ConfigSource& source, std::span<const Job> jobs, int threads, const std::atomic<int>* stop,
               const JobDone& done, const std::filesystem::path& keep) {
  const auto stopped = [stop] { return stop != nullptr && stop->load(std::memory_order_relaxed) != 0; };
  ThreadPool pool(threads);
  std::vector<Worker> workers(static_cast<std::size_t>(threads));
  std::mutex mutex;
  bool broken = false;
  pool.for_each(static_cast<std::int64_t>(jobs.size()), [&](std::int64_t index, int thread) {
    if (stopped()) return;
    const Job& job = jobs[static_cast<std::size_t>(index)];
    const Trial trial = run_or_fail(workers[static_cast<std::size_t>(thread)], source, job, stop, keep);
    if (stopped()) return;  // it may have been cut short
    const std::lock_guard lock(mutex);
    if (broken) return;
    broken = true;  // unless `done` returns
    done(job, trial);
    broken = false;
  });
}

}  // namespace reluscope
