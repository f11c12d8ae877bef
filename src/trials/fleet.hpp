#pragma once
// Many runs of one config with changes: each on one thread, several at a time. The results do not depend on how many.

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "trials/trial.hpp"

namespace reluscope {

/// A config as text, from which experiments are made by overrides.
struct ConfigSource {
  std::string text;
  std::string origin;
  std::filesystem::path base_directory;
  TextOf whose = TextOf::file;
  /// Throws ConfigError.
  [[nodiscard]] ExperimentSpec parse(std::span<const std::string> overrides) const;
};
/// Of a file; "-" is standard input. Throws ConfigError.
ConfigSource read_config_source(const std::filesystem::path& file);

/// One run to be made.
struct Job {
  std::int64_t number = 0;             ///< its place in the list
  std::vector<std::string> settings;   ///< the values of what is varied, as text
  std::vector<std::string> overrides;  ///< KEY=VALUE, without the seed
  std::uint64_t seed = 0;
  std::string id;                     ///< hash of the resolved config; set by identify(), and by the fleet
  Stint stint;                        ///< how far it goes; unless said otherwise, to its end
  Keep keep = Keep::record;           ///< what is kept of it
  std::optional<double> target_loss;  ///< whose steps_to_loss its record gets; needs Keep::curve or more
};

/// The experiments of jobs, one after the other: neighbours that differ in the seed alone share the parsed config.
class JobReader {
 public:
  explicit JobReader(const ConfigSource& source) : source_(&source) {}
  /// Valid until the next call. Throws ConfigError for a job whose config is wrong.
  const ExperimentSpec& experiment(const Job& job);
  /// Hash of the resolved config; of the overrides and the seed where the config is wrong.
  std::string id(const Job& job);

 private:
  const ConfigSource* source_;
  std::optional<ExperimentSpec> spec_;
  std::vector<std::string> overrides_;
};

/// Gives each job its id. Throws ConfigError for a job whose config is wrong.
void identify(const ConfigSource& source, std::span<Job> jobs);

/// The job at a place of the list; nothing: it is done already. Called by any thread.
using JobAt = std::function<std::optional<Job>(std::int64_t place)>;
/// Called after each run, in the order in which they end, never by two threads at once.
using JobDone = std::function<void(const Job& job, const Trial& trial)>;

/// Runs the jobs of so many places on so many threads. A run that cannot be set up counts as failed. Once `stop` is not
/// 0, no further run is begun, and those that are interrupted are not reported. What `done` throws, and an IoError
/// where traces cannot be written, ends the fleet and passes through. `traces`: where each run leaves its traces, in a
/// directory called by its id; empty: nowhere.
void run_fleet(const ConfigSource& source, std::int64_t places, const JobAt& job_at, int threads,
               const std::atomic<int>* stop, const JobDone& done, const std::filesystem::path& traces = {});
/// The same for jobs that are there.
void run_fleet(const ConfigSource& source, std::span<const Job> jobs, int threads, const std::atomic<int>* stop,
               const JobDone& done, const std::filesystem::path& traces = {});

}  // namespace reluscope
