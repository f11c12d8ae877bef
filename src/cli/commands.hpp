#pragma once
// The subcommands. Each file adds one to the app: its arguments, and a call that returns the exit code.

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "report/html_report.hpp"
#include "trace/table_writer.hpp"

namespace reluscope {

/// What every subcommand shares.
struct CommonOptions {
  bool quiet = false;
};

/// The command tree, and what the chosen subcommand wants done.
struct CommandLine {
  CLI::App app;
  CommonOptions common;
  std::function<int()> action;

  /// Adds a subcommand with the common options, a description, and a footer with examples.
  CLI::App* add(const std::string& name, const std::string& description, const std::string& examples);
};

/// -j, --jobs or --threads N: CPUs to use, the same in every command; 0 where it is not given. And what it then means.
void add_jobs_option(CLI::App& command, int& jobs);
int job_count(int jobs);

/// --format csv|jsonl, into `format`.
void add_format_option(CLI::App& command, TraceFormat& format, const std::string& description);

/// --by METRIC, into `by`: one that can decide a comparison.
void add_by_option(CLI::App& command, std::string& by, const std::string& description);

/// Writes a page, and says where it is and what it lacks. "-": standard output. Throws IoError.
void write_page(const HtmlReport& report, const std::string& file);

void add_run(CommandLine& line);
void add_try(CommandLine& line);
void add_validate(CommandLine& line);
void add_schema(CommandLine& line);
void add_init(CommandLine& line);
void add_curves(CommandLine& line);
void add_theory(CommandLine& line);
void add_diagnose(CommandLine& line);
void add_explain(CommandLine& line);
void add_compare(CommandLine& line);
void add_sweep(CommandLine& line);
void add_merge(CommandLine& line);
void add_prescribe(CommandLine& line);
void add_census(CommandLine& line);
void add_prune(CommandLine& line);
void add_report(CommandLine& line);
void add_watch(CommandLine& line);
void add_capture(CommandLine& line);
void add_export(CommandLine& line);
void add_inspect(CommandLine& line);
void add_completion(CommandLine& line);

/// Parses the arguments and runs the subcommand. Returns the exit code; faults of the user are reported on stderr.
int run_command_line(int argc, const char* const* argv);

}  // namespace reluscope
