#include "cli/run_outcome.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <iostream>
#include <limits>
#include <string>

#include "cli/commands.hpp"
#include "cli/findings.hpp"
#include "cli/next_command.hpp"
#include "report/html_report.hpp"
#include "report/run_report.hpp"
#include "report/strips.hpp"
#include "report/terminal.hpp"
#include "util/format.hpp"
#include "util/signals.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

/// For people: the table, the verdict, the strips and the findings. To stdout, or to stderr where stdout carries data.
void print_outcome(const RunOptions& options, bool quiet, const RunOutcome& outcome, bool stdout_taken) {
  if (quiet && stdout_taken) return;  // it would go to stderr
  const int descriptor = stdout_taken ? STDERR_FILENO : STDOUT_FILENO;
  std::ostream& out = stdout_taken ? std::cerr : std::cout;
  const std::size_t width = terminal_width(descriptor);
  // In a file or a pipe there is room for all columns.
  const std::size_t table_width = is_terminal(descriptor) ? width : std::numeric_limits<std::size_t>::max();
  out << layer_table(outcome.summary, options.markdown ? TableStyle::markdown : TableStyle::plain, table_width) << '\n'
      << wrap(final_figures(outcome.summary), width) << '\n'
      << wrap(printable(outcome.sentence), width) << '\n'
      << std::flush;
  if (is_terminal(descriptor)) out << run_strips(outcome.tables, strip_style(descriptor)) << std::flush;
  print_findings(outcome.diagnosis, out);
}

}  // namespace

int tell_outcome(const RunOptions& options, bool quiet, const RunPlan& plan, const RunOutcome& outcome,
                 const Outputs& out, const std::atomic<int>& stop) {
  const RunSummary& summary = outcome.summary;
  if (out.bar) out.bar->clear();
  if (options.json) write_document("-", outcome.document);
  print_outcome(options, quiet, outcome, out.stdout_taken);
  if (!options.report.empty() && !summary.interrupted)
    write_page(html_report({read_report_run(plan.directory)}), options.report);
  if (summary.interrupted) {
    spdlog::info("stopped after step {}: reluscope run --resume {} goes on", summary.steps,
                 shell_word(plan.directory.string()));
    if (stop != SIGPIPE) reraise(stop.load());
    return kDone;
  }
  const std::string next = next_command(outcome.diagnosis, options, plan.directory);
  spdlog::info("traces are in {}", plan.directory.string());
  if (!next.empty()) spdlog::info("next: {}", next);
  if (summary.failed) {
    if (quiet) spdlog::error("{}", outcome.sentence);
    if (options.strict) return kRunFailed;
  }
  return exit_code_for(outcome.diagnosis, options.fail_on);
}

}  // namespace reluscope
