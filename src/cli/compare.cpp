#include <spdlog/spdlog.h>

#include <iostream>
#include <memory>
#include <optional>

#include "cli/commands.hpp"
#include "experiment/setup.hpp"
#include "report/compare_report.hpp"
#include "report/fleet_progress.hpp"
#include "trials/compare.hpp"
#include "trials/results.hpp"
#include "util/error.hpp"
#include "util/output_place.hpp"
#include "util/signals.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

struct CompareOptions {
  std::string config;
  std::vector<std::string> overrides;
  std::vector<std::string> vary;
  std::int64_t seeds = 5;
  int jobs = 0;
  std::string out;
  std::string runs;
  bool json = false;
  bool markdown = false;
};

void write_comparison(const CompareOptions& options, bool quiet, const std::string& out, const Variation& variation,
                      const ComparisonRuns& runs) {
  std::string table = results_header(variation.keys) + '\n';
  for (const std::string& row : runs.rows) table += row + '\n';
  write_document(out, table);
  const std::vector<Comparison> comparison = compare(variation.variants, runs.trials);
  if (options.json) {
    write_document("-", comparison_json(comparison));
  } else if (!quiet || out != "-") {
    (out == "-" ? std::cerr : std::cout) << comparison_table(
                                                comparison, options.markdown ? TableStyle::markdown : TableStyle::plain)
                                         << std::flush;
  }
}

int compare_them(const CompareOptions& options, bool quiet) {
  hold_stop_signals();
  if (options.json && options.out == "-") throw UsageError("--json and --out -: standard output can carry one thing");
  const Variation variation = parse_variation(options.vary);
  const ConfigSource source = read_config_source(options.config);
  const ExperimentSpec base = source.parse(options.overrides);
  const std::vector<Job> jobs = comparison_jobs(source, variation, options.overrides, base.seed, options.seeds);
  const std::string out = options.out.empty() ? "compare.csv" : options.out;
  if (out != "-") {
    std::vector<std::filesystem::path> inputs = {options.config};
    for (std::size_t variant = 0; variant < variation.variants.size(); ++variant)
      for (std::filesystem::path& file : input_files(source.parse(jobs[variant].overrides)))
        inputs.push_back(std::move(file));
    refuse_overwriting("--out " + out, out, inputs);
  }
  // Beside what cannot be replaced there is no place for a journal.
  const bool streamed = out == "-" || is_stream(out);
  const std::atomic<int>& stop = watch_stop_signals();
  std::optional<FleetProgress> progress;
  std::int64_t before = 0;
  const std::optional<ComparisonRuns> runs = run_comparison(
      source, variation, jobs, job_count(options.jobs), streamed ? std::filesystem::path() : journal_path(out), &stop,
      [&](std::int64_t there, const std::string& warning) {
        before = there;
        if (!warning.empty()) spdlog::warn("{}", warning);
        progress.emplace("compare", std::ssize(jobs), there, !quiet);
      },
      [&](const Trial& trial) { progress->advance(trial.figures.failed()); }, options.runs);
  progress.reset();
  if (before > 0) spdlog::info("{} of {} runs were there already", before, jobs.size());
  if (!runs) {
    spdlog::info(streamed ? "stopped; with --out FILE the same command could go on"
                          : "stopped; the same command goes on where it ended");
    reraise(stop);
  }
  if (runs->failed > 0) spdlog::warn("{} of {} runs failed: see the column failure", runs->failed, jobs.size());
  try {
    write_comparison(options, quiet, out, variation, *runs);
  } catch (const BrokenPipe&) {
    // Whoever listened has heard enough.
    if (runs->journal) runs->journal->remove();
    throw;
  }
  if (runs->journal) runs->journal->remove();
  if (out != "-") spdlog::info("each run is a row of {}", out);
  return kDone;
}

}  // namespace

void add_compare(CommandLine& line) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command = line.add(
      "compare", "Run variants of an experiment over paired seeds, and say what differs",
      "\nA comparison that was stopped, or killed, goes on when the same command is given again (not with --out -).\n"
      "\nExamples:\n"
      "  reluscope compare configs/dying-relu.json --vary 'network.layers.*.activation=relu,leaky_relu,elu'\n"
      "  reluscope compare c.json --vary train.optimizer.lr=0.1,0.01 --seeds 10 -o - | mlr --icsv --opprint cat");
  command->add_option("CONFIG", options->config, "The experiment; - reads standard input")->required();
  command->add_option("KEY=VALUE", options->overrides, "Changes to the config, for all variants");
  command
      ->add_option("--vary", options->vary,
                   "What differs; given twice or more, every combination. The first is the "
                   "reference")
      ->type_name("KEY=A,B,…")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all()
      ->required();
  command->add_option("--seeds", options->seeds, "Seeds of each variant, from the config's own on [5]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100'000}))
      ->type_name("N");
  add_jobs_option(*command, options->jobs);
  command->add_option("-o,--out", options->out, "Where each run becomes a row [compare.csv]; - is standard output")
      ->type_name("FILE");
  command->add_option("--runs", options->runs, "Keep the traces of each run, in DIR/ID, as for reluscope report")
      ->type_name("DIR");
  command->add_flag("--json", options->json, "The table as JSON on standard output");
  command->add_flag("--markdown", options->markdown, "The table as Markdown");
  command->callback(
      [&line, options] { line.action = [&line, options] { return compare_them(*options, line.common.quiet); }; });
}

}  // namespace reluscope
