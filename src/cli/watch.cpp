#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "report/strips.hpp"
#include "report/terminal.hpp"
#include "util/error.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

/// "running", "done", …; empty while there is no manifest.
std::string status_of(const std::filesystem::path& run) {
  std::ifstream file(run / "manifest.json");
  const auto manifest = nlohmann::json::parse(file, nullptr, false);
  return manifest.is_object() ? manifest.value("status", "") : "";
}

std::string headline(const RunTables& tables, const std::string& status) {
  std::string text = status.empty() ? "no manifest yet" : status;
  if (!tables.steps.rows.empty()) {
    const StepRecord& last = tables.steps.rows.back();
    text += ", step " + std::to_string(last.step) + ", loss " + format_short(last.loss);
    if (last.accuracy) text += ", accuracy " + format_fixed(100.0 * *last.accuracy, 1) + " %";
  }
  return text;
}

int watch_it(const std::filesystem::path& run, double seconds) {
  if (!std::filesystem::is_directory(run)) throw UsageError(run.string() + ": expected the directory of a run");
  const std::atomic<int>& stop = watch_stop_signals();
  const bool terminal = is_terminal(STDOUT_FILENO);
  std::string last;
  while (stop == 0) {
    const std::string status = status_of(run);
    std::string text;
    try {
      const RunTables tables = read_run(run);
      // A pipe gets a line for each change, a terminal the whole picture in place.
      text = headline(tables, status) + "\n" + (terminal ? run_strips(tables, strip_style(STDOUT_FILENO)) : "");
    } catch (const DataError&) {
      // Nothing there yet, or a row that is just being written: the next look will see it.
    }
    if (!text.empty() && text != last) {
      std::cout << (terminal ? "\x1b[H\x1b[J" : "") << text << std::flush;
      if (!std::cout) return kDone;
      last = text;
    }
    if (!status.empty() && status != "running") return kDone;
    for (int part = 0; part < 10 && stop == 0; ++part)
      std::this_thread::sleep_for(std::chrono::duration<double>(seconds / 10.0));
  }
  reraise(stop);
  return kDone;
}

}  // namespace

void add_watch(CommandLine& line) {
  auto run = std::make_shared<std::string>();
  auto seconds = std::make_shared<double>(1.0);
  CLI::App* command =
      line.add("watch", "Follow a run in progress, from its files", "\nExample:\n  reluscope watch runs/mnist");
  command->add_option("RUN", *run, "A run directory")->required();
  command->add_option("--every", *seconds, "Seconds between two looks [1]")
      ->check(CLI::Range(0.05, 3600.0))
      ->type_name("S");
  command->callback([&line, run, seconds] { line.action = [run, seconds] { return watch_it(*run, *seconds); }; });
}

}  // namespace reluscope
