#include <unistd.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "cli/commands.hpp"
#include "diagnose/run_reader.hpp"
#include "experiment/batches.hpp"
#include "experiment/resume.hpp"
#include "report/progress_bar.hpp"
#include "report/strips.hpp"
#include "report/terminal.hpp"
#include "trace/run_directory.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"
#include "util/signals.hpp"

namespace reluscope {

namespace {

/// How a run stands, and whether something may still come.
struct Status {
  std::string text;
  bool goes_on = false;
};

std::string manifest_status(const std::filesystem::path& manifest) {
  const auto status = member_or<std::string>(read_json_object(manifest), "status", "");
  if (status.empty()) throw DataError(manifest.string() + ": expected the manifest of a run, with a status");
  return status;
}

/// From the manifest, and from whether a process has the run's lock: a run that was killed still calls itself running.
Status status_of(const std::filesystem::path& run) {
  const std::filesystem::path manifest = run / RunDirectory::kManifest;
  const bool begun = has_own_file(manifest);
  const std::string status = begun ? manifest_status(manifest) : "no manifest yet";
  if (begun && status != "running") return {status, false};
  const LockState lock = RunLock::state_of(run);
  if (lock == LockState::held) return {status, true};
  if (!begun)
    throw DataError(run.string() +
                    ": there is no run, and none is about to begin: no process has the directory's lock");
  if (lock == LockState::unknown)
    return {"running, says the manifest (the lock that would tell whether a process is there cannot be read)", true};
  // It may have ended between the two looks: the manifest says so before the lock goes.
  if (const std::string now = manifest_status(manifest); now != "running") return {now, false};
  if (lock == LockState::free)
    return {is_capture(read_json_object(manifest)) ? "stopped: its process has ended"
                                                   : "stopped: `reluscope run --resume` goes on with it",
            false};
  return {"not running here: the manifest says running, but the directory has no lock of a process (is it a copy?)",
          false};
}

/// The steps that the run is to have, by its manifest; nothing where that does not say.
std::optional<std::int64_t> total_steps(const std::filesystem::path& run) {
  const std::filesystem::path file = run / RunDirectory::kManifest;
  if (!has_own_file(file)) return std::nullopt;
  try {
    const nlohmann::ordered_json manifest = read_json_object(file);
    const ExperimentSpec spec = spec_of_manifest(manifest, file);
    const nlohmann::ordered_json data = member_or(manifest, "data", nlohmann::ordered_json::object());
    const auto samples = member_or(data, "train_samples", std::int64_t{0});
    return samples > 0 ? std::optional(BatchPlan(spec.train, samples, spec.seed).total_steps()) : std::nullopt;
  } catch (const UserError&) {
    return std::nullopt;  // another program's, or an older one's
  }
}

/// How fast the run goes, from look to look.
class Pace {
 public:
  /// Seconds until the end; nothing before two looks saw different steps.
  std::optional<double> seconds_left(std::int64_t step, std::int64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (!first_step_) {
      first_step_ = step;
      first_look_ = now;
    }
    const double seconds = std::chrono::duration<double>(now - first_look_).count();
    if (step <= *first_step_ || seconds <= 0.0) return std::nullopt;
    return static_cast<double>(total - step) * seconds / static_cast<double>(step - *first_step_);
  }

 private:
  std::optional<std::int64_t> first_step_;
  std::chrono::steady_clock::time_point first_look_;
};

std::string headline(const RunTables& tables, const Status& status, std::optional<std::int64_t> total, Pace& pace) {
  std::string text = printable(status.text);
  if (!tables.steps.rows.empty()) {
    const StepRecord& last = tables.steps.rows.back();
    if (const auto step = measured(last, &StepRecord::step)) {
      text += ", step " + std::to_string(*step) + (total ? " of " + std::to_string(*total) : "");
      if (const auto left = total && status.goes_on ? pace.seconds_left(*step, *total) : std::nullopt)
        text += ", ETA " + clock_time(*left);
    }
    if (is_measured(last, &StepRecord::loss)) text += ", loss " + format_short(last.loss);
    if (last.accuracy) text += ", accuracy " + format_fixed(100.0 * *last.accuracy, 1) + " %";
  }
  return text;
}

int watch_it(const std::filesystem::path& run, double seconds) {
  hold_stop_signals();
  if (!has_directory(run)) throw UsageError(run.string() + ": expected the directory of a run");
  const std::atomic<int>& stop = watch_stop_signals();
  const bool terminal = is_terminal(STDOUT_FILENO);
  std::string last;
  std::optional<std::int64_t> total;
  Pace pace;
  while (stop == 0) {
    const Status status = status_of(run);
    std::string text;
    try {
      const RunTables tables = read_run(run);
      if (!total) total = total_steps(run);
      // A pipe gets a line for each change, a terminal the whole picture in place.
      text = headline(tables, status, total, pace) + "\n";
      if (terminal) text = wrap(text, terminal_width(STDOUT_FILENO)) + run_strips(tables, strip_style(STDOUT_FILENO));
    } catch (const DataError&) {
      // Nothing there yet, or a row that is just being written: the next look will see it, if there is one.
      if (!status.goes_on) throw;
    }
    if (!text.empty() && text != last) {
      std::cout << (terminal ? "\x1b[H\x1b[J" : "") << text << std::flush;
      if (!std::cout) return kDone;
      last = text;
    }
    if (!status.goes_on) return kDone;
    for (int part = 0; part < 10 && stop == 0; ++part)
      std::this_thread::sleep_for(std::chrono::duration<double>(seconds / 10.0));
  }
  reraise(stop);
}

}  // namespace

void add_watch(CommandLine& line) {
  auto run = std::make_shared<std::string>();
  auto seconds = std::make_shared<double>(1.0);
  CLI::App* command =
      line.add("watch", "Follow a run in progress, from its files", "\nExample:\n  reluscope watch runs/mnist");
  command->add_option("RUN", *run, "A run directory")->required();
  command->add_option("--every", *seconds, "Seconds between two looks [1]")
      ->check([](const std::string& given) {
        double value = 0.0;
        return CLI::detail::lexical_cast(given, value) && value >= 0.05 && value <= 3600.0
                   ? std::string()
                   : "found " + given + ", expected 0.05 to 3600";
      })
      ->type_name("S");
  command->callback([&line, run, seconds] { line.action = [run, seconds] { return watch_it(*run, *seconds); }; });
}

}  // namespace reluscope
