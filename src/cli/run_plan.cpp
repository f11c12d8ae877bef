#include "cli/run_plan.hpp"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "config/load.hpp"
#include "experiment/setup.hpp"
#include "report/data_lines.hpp"
#include "report/terminal.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/input.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

namespace {

void check_usage(const RunOptions& options) {
  if (options.config.empty() && options.resume.empty())
    throw UsageError("a CONFIG is needed, or --resume DIR\nTry 'reluscope run --help'.");
  if (options.resume.empty()) return;
  if (!options.out.empty()) throw UsageError("--resume DIR says where the run is: --out does not go with it");
  if (options.force) throw UsageError("--resume goes on with a run, --force replaces it: give one of them");
  // The first word is CONFIG, even where it was meant as KEY=VALUE.
  if (options.config.find('=') != std::string::npos && !has_file(options.config))
    throw UsageError("--resume DIR takes the config of the run: " + options.config + " cannot change it");
}

[[noreturn]] void refuse_interrupted(const std::filesystem::path& directory) {
  throw IoError("'" + directory.string() + "' holds a run that was stopped before its end: 'reluscope run --resume " +
                shell_word(directory.string()) +
                "' goes on with it; to begin anew, replace it with --force, or choose another directory with --out");
}

/// What is wrong about the directory is said before the data are loaded.
void check_place(const RunOptions& options, const RunPlan& plan) {
  std::filesystem::path directory = plan.directory;
  if (plan.is_numbered) {
    if (is_interrupted(directory) && RunLock::state_of(directory) != LockState::held) refuse_interrupted(directory);
    directory = RunLock::next_free(directory);
  } else if (!plan.lock && !options.force) {
    RunDirectory::refuse_existing(directory);
  }
  check_outputs(options, plan.traces, plan.run.spec, directory);
}

/// Why the run does not go to this directory.
std::string taken_text(const std::filesystem::path& directory) {
  const std::string name = directory.string();
  if (RunLock::state_of(directory) == LockState::held) return "another process is writing a run into " + name;
  return name + (RunDirectory::find_file(directory).empty() ? " is there" : " holds a run") + " already";
}

/// Takes the directory for this process.
void take_place(const RunOptions& options, RunPlan& plan) {
  if (plan.lock) return;
  if (!plan.is_numbered) {
    plan.lock.emplace(plan.directory);
    if (!options.force) RunDirectory::refuse_existing(plan.directory);
    return;
  }
  plan.lock.emplace(RunLock::claim_next(plan.directory));
  if (plan.lock->directory() == plan.directory) return;
  spdlog::info("{}: this one goes to {}", taken_text(plan.directory), plan.lock->directory().string());
  plan.directory = plan.lock->directory();
  check_outputs(options, plan.traces, plan.run.spec, plan.directory);  // it may be another one than it was to be
}

}  // namespace

RunPlan plan_run(const RunOptions& options) {
  check_usage(options);
  RunPlan plan;
  plan.traces = parse_traces(options);
  std::optional<ExperimentSpec> given;
  if (!options.config.empty()) given = load_experiment(options.config, options.overrides);
  if (!options.resume.empty()) {
    plan.lock.emplace(options.resume);
    plan.run = find_resumption(options.resume, std::move(given));
    plan.directory = options.resume;
  } else {
    plan.run.spec = std::move(*given);
    plan.is_numbered = options.out.empty() && !options.force;
    plan.directory = options.out.empty() ? "runs/" + plan.run.spec.name : options.out;
  }
  return plan;
}

RunPreparation prepare_run(const RunOptions& options, RunPlan& plan, const Stopwatch& loading) {
  const ExperimentSpec& spec = plan.run.spec;
  check_place(options, plan);
  RunPreparation ready;
  ready.dataset = load_for_training(spec);
  const Dataset& dataset = ready.dataset;
  const DataLines lines = data_lines(spec, dataset);
  for (const std::string& fact : lines.facts)
    if (!options.data_is_said || fact == lines.facts.front()) spdlog::info("{}", wrap_message(fact));
  for (const std::string& warning : lines.warnings) spdlog::warn("{}", warning);
  take_place(options, plan);

  ManifestFacts& facts = ready.facts;
  facts.threads = options.threads > 0 ? options.threads : default_thread_count();
  facts.started = plan.run.started.empty() ? utc_now() : plan.run.started;
  facts.resumed = plan.run.resumed;
  facts.save_weights = options.save_weights || plan.run.save_weights;
  ready.identity = checkpoint_identity(spec, dataset);
  ready.identity.census = spec.record.census.kind == Cadence::Kind::off ? "off" : options.census;
  if (const Checkpoint* from = plan.from()) {
    if (const std::string warning = check_identity(*from, ready.identity); !warning.empty())
      spdlog::warn("{}", warning);
    facts.resumed.push_back(from->step);
    spdlog::info("going on after step {}", from->step);
  }
  facts.load_seconds = loading.seconds();
  return ready;
}

}  // namespace reluscope
