#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <optional>

#include "cli/commands.hpp"
#include "config/short_names.hpp"
#include "experiment/setup.hpp"
#include "report/comparison_directory.hpp"
#include "report/fleet_progress.hpp"
#include "trials/compare.hpp"
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
  std::string activations;
  std::string rates;
  bool sweeps_rates = false;
  std::string by;
  std::int64_t seeds = 5;
  int jobs = 0;
  std::string out;
  std::string runs;
  std::string report;
  bool json = false;
  bool markdown = false;
  /// Whether anybody sees more than the rows.
  [[nodiscard]] bool shows_figures(bool quiet) const {
    return json || !report.empty() || !runs.empty() || !quiet || rows() != "-";
  }
  /// Where the rows of the runs go.
  [[nodiscard]] std::string rows() const { return out.empty() ? "compare.csv" : out; }
};

/// Costs are measured of so many variants; of more nobody asks for them.
constexpr std::size_t kMostTimed = 12;

/// What is compared, and how its runs are made.
struct Plan {
  ConfigSource source;
  ExperimentSpec base;
  Variation variation;
  std::vector<Job> jobs;
};

Plan make_plan(const CompareOptions& options) {
  Plan plan{read_config_source(options.config), {}, {}, {}};
  plan.base = plan.source.parse(options.overrides);
  if (!options.vary.empty()) {
    plan.variation = parse_variation(options.vary);
  } else {
    std::vector<std::string> activations;
    if (!options.activations.empty()) activations = split_values(options.activations);
    plan.variation = vary_activations(plan.base, activations);
    if (options.sweeps_rates) plan.variation = with_rates(plan.variation, rates_to_try(plan.base, options.rates));
  }
  plan.jobs = comparison_jobs(plan.source, plan.variation, options.overrides, plan.base.seed, options.seeds);
  return plan;
}

/// The jobs of the first seed, for the variants that are shown.
std::vector<Job> first_jobs(const Plan& plan, std::span<const std::size_t> shown) {
  std::vector<Job> jobs;
  for (const std::size_t variant : shown) jobs.push_back(plan.jobs[variant]);
  return jobs;
}

ComparedFigures figures_of(const Plan& plan, const ComparedRuns& runs, const CompareOptions& options) {
  ComparedFigures figures;
  std::string by = options.by.empty() ? usual_metric(runs) : options.by;
  if (std::isnan(median_of(runs, metric_called(by), 0)) && failures_of(runs, 0) < std::ssize(runs.seeds)) {
    spdlog::warn("--by {}: these runs have no such figure; loss decides", by);
    by = "loss";
  }
  choose_shown(figures, runs, short_names(plan.variation.keys), by, options.sweeps_rates);
  conclude(figures, runs, by, options.sweeps_rates);
  if (figures.shown.size() <= kMostTimed)
    figures.costs = measure_step_costs(plan.source, first_jobs(plan, figures.shown));
  return figures;
}

/// What the page shows of single runs: those of the first seed, made once more where a journal had their figures alone.
std::vector<RunDetail> details_of(const Plan& plan, const ComparedRuns& runs, std::span<const std::size_t> shown,
                                  int threads) {
  std::vector<RunDetail> details;
  std::vector<Job> missing;
  JobReader reader(plan.source);
  for (const std::size_t variant : shown) {
    RunDetail& detail = details.emplace_back();
    const Job& job = plan.jobs[variant];
    detail.seed = job.seed;
    try {
      detail.config = nlohmann::ordered_json::parse(reader.experiment(job).resolved_json);
    } catch (const UserError&) {
      continue;  // its runs have failed, and say why
    }
    detail.tables = runs.trials[variant].front().tables;
    if (detail.tables) continue;
    Job again = job;
    again.number = static_cast<std::int64_t>(details.size()) - 1;
    again.keep = Keep::tables;
    missing.push_back(again);
  }
  run_fleet(plan.source, missing, threads, nullptr, [&](const Job& job, const Trial& trial) {
    details[static_cast<std::size_t>(job.number)].tables = trial.tables;
  });
  return details;
}

void write_comparison(const CompareOptions& options, bool quiet, const Plan& plan, const ComparisonRuns& runs) {
  const std::string out = options.rows();
  std::string table = ResultColumns(plan.variation.keys).header() + '\n';
  for (const std::string& row : runs.rows) table += row + '\n';
  write_document(out, table);
  if (!options.shows_figures(quiet)) return;
  ComparisonPage page;
  page.title = plan.base.name;
  page.keys = short_names(plan.variation.keys);
  page.figures = figures_of(plan, runs.compared, options);
  page.runs = runs.compared;
  if (!options.runs.empty()) write_comparison_directory(options.runs, table, page, options.sweeps_rates);
  if (options.json) {
    write_document("-", comparison_json(page.figures));
  } else if (!quiet || out != "-") {
    std::ostream& stream = out == "-" ? std::cerr : std::cout;
    const std::size_t width = terminal_width(out == "-" ? STDERR_FILENO : STDOUT_FILENO);
    stream << comparison_table(page.figures, options.markdown ? TableStyle::markdown : TableStyle::plain, width) << '\n'
           << recommendation_text(page.figures, width) << std::flush;
  }
  if (options.report.empty()) return;
  page.details = details_of(plan, runs.compared, page.figures.shown, job_count(options.jobs));
  write_page(comparison_page(page), options.report);
}

void refuse_bad_places(const CompareOptions& options, const Plan& plan) {
  if (options.json && options.rows() == "-")
    throw UsageError("--json and --out -: standard output can carry one thing");
  if (options.report == "-" && (options.json || options.rows() == "-"))
    throw UsageError("--report - and another thing on standard output: it can carry one");
  std::vector<std::filesystem::path> inputs = {options.config};
  for (std::size_t variant = 0; variant < plan.variation.variants.size(); ++variant)
    for (std::filesystem::path& file : input_files(plan.source.parse(plan.jobs[variant].overrides)))
      inputs.push_back(std::move(file));
  for (const auto& [option, place] : {std::pair("--out ", options.rows()), std::pair("--report ", options.report)})
    if (place != "-" && !place.empty()) refuse_overwriting(option + place, place, inputs);
}

int compare_them(const CompareOptions& options, bool quiet) {
  hold_stop_signals();
  Plan plan = make_plan(options);
  refuse_bad_places(options, plan);
  if (!options.report.empty())
    for (std::size_t variant = 0; variant < plan.variation.variants.size() && variant < kMostTimed; ++variant)
      plan.jobs[variant].keep = Keep::tables;
  const std::string out = options.rows();
  // Beside what cannot be replaced there is no place for a journal.
  const bool streamed = out == "-" || is_stream(out);
  const std::atomic<int>& stop = watch_stop_signals();
  ComparisonControl control;
  control.threads = job_count(options.jobs);
  if (!streamed) control.journal = journal_path(out);
  control.stop = &stop;
  control.traces = options.runs;
  std::optional<FleetProgress> progress;
  std::int64_t before = 0;
  const std::optional<ComparisonRuns> runs = run_comparison(
      plan.source, plan.variation, plan.jobs, control,
      [&](std::int64_t there, const std::string& warning) {
        before = there;
        if (!warning.empty()) spdlog::warn("{}", warning);
        progress.emplace("compare", std::ssize(plan.jobs), there, !quiet);
      },
      [&](const Trial& trial) { progress->advance(trial.record.failed()); });
  progress.reset();
  if (before > 0) spdlog::info("{} of {} runs were there already", before, plan.jobs.size());
  if (!runs) {
    spdlog::info(streamed ? "stopped; with --out FILE the same command could go on"
                          : "stopped; the same command goes on where it ended");
    reraise(stop);
  }
  if (runs->failed > 0) spdlog::warn("{} of {} runs failed: see the column failure", runs->failed, plan.jobs.size());
  try {
    write_comparison(options, quiet, plan, *runs);
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
      "compare", "Which activation, or any other variant: run them over paired seeds, and say which and why",
      "\nWithout --vary it tries relu, leaky_relu, prelu and elu in the hidden layers.\n"
      "A comparison that was stopped, or killed, goes on when the same command is given again (not with --out -).\n"
      "\nExamples:\n"
      "  reluscope compare configs/dying-relu.json --report which.html\n"
      "  reluscope compare configs/digits-relu.json --activations relu,gelu,tanh --lr\n"
      "  reluscope compare c.json --vary train.optimizer.lr=0.1,0.01 --seeds 10 -o - | mlr --icsv --opprint cat");
  command->add_option("CONFIG", options->config, "The experiment; - reads standard input")->required();
  command->add_option("KEY=VALUE", options->overrides, "Changes to the config, for all variants");
  CLI::Option* vary = command
                          ->add_option("--vary", options->vary,
                                       "What differs; given twice or more, every combination. The first is the "
                                       "reference")
                          ->type_name("KEY=A,B,…")
                          ->expected(1)
                          ->allow_extra_args(false)
                          ->take_all();
  command
      ->add_option("--activations", options->activations,
                   "Of the hidden layers, the reference first [relu,leaky_relu,prelu,elu]")
      ->type_name("A,B,…")
      ->excludes(vary);
  CLI::Option* rates = command->add_option(
      "--lr", options->rates,
      "Each activation at each of these learning rates, and then at its best; without a list five rates "
      "around the config's");
  rates->type_name("A,B,…")->expected(0, 1)->excludes(vary);
  add_by_option(*command, options->by, "The figure that decides [accuracy; for a regression loss]");
  command->add_option("--seeds", options->seeds, "Seeds of each variant, from the config's own on [5]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100'000}))
      ->type_name("N");
  add_jobs_option(*command, options->jobs);
  command->add_option("-o,--out", options->out, "Where each run becomes a row [compare.csv]; - is standard output")
      ->type_name("FILE");
  command->add_option("--report", options->report, "Write a page with the answer and its pictures")->type_name("FILE");
  command->add_option("--runs", options->runs, "Keep the traces of each run, in DIR/ID, as for reluscope report DIR")
      ->type_name("DIR");
  command->add_flag("--json", options->json, "The figures and the recommendation as JSON on standard output");
  command->add_flag("--markdown", options->markdown, "The table as Markdown");
  command->callback([&line, options, rates] {
    options->sweeps_rates = rates->count() > 0;
    line.action = [&line, options] { return compare_them(*options, line.common.quiet); };
  });
}

}  // namespace reluscope
