#include <unistd.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/commands.hpp"
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
  if (lock == LockState::free) return {"stopped: `reluscope run --resume` goes on with it", false};
  return {"not running here: the manifest says running, but the directory has no lock of a process (is it a copy?)",
          false};
}

std::string headline(const RunTables& tables, const std::string& status) {
  std::string text = printable(status);
  if (!tables.steps.rows.empty()) {
    const StepRecord& last = tables.steps.rows.back();
    if (is_measured(last, &StepRecord::step)) text += ", step " + std::to_string(last.step);
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
  while (stop == 0) {
    const Status status = status_of(run);
    std::string text;
    try {
      const RunTables tables = read_run(run);
      // A pipe gets a line for each change, a terminal the whole picture in place.
      text = headline(tables, status.text) + "\n" + (terminal ? run_strips(tables, strip_style(STDOUT_FILENO)) : "");
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
