#include "cli/run.hpp"

#include <spdlog/spdlog.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <utility>

#include "cli/commands.hpp"
#include "cli/findings.hpp"
#include "cli/run_outcome.hpp"
#include "cli/run_outputs.hpp"
#include "cli/run_plan.hpp"
#include "cli/run_training.hpp"
#include "experiment/documents.hpp"
#include "trace/run_directory.hpp"
#include "util/signals.hpp"
#include "util/stopwatch.hpp"
#include "util/text_file.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

namespace {

int say_that_it_ended(const RunOptions& options) {
  RunDirectory::remove_checkpoint(options.resume);  // killed in its last moment, it may have left one
  spdlog::info("the run in {} has ended: there is nothing to go on with", options.resume);
  if (options.json)
    write_document("-", read_whole_file(std::filesystem::path(options.resume) / RunDirectory::kSummary));
  return kDone;
}

}  // namespace

int run_experiment_command(const RunOptions& options, bool quiet) {
  const Stopwatch loading;
  hold_stop_signals();
  RunPlan plan = plan_run(options);
  if (options.print_config) {
    write_document("-", plan.run.spec.resolved_json + "\n");
    return kDone;
  }
  if (plan.run.ended) return say_that_it_ended(options);
  RunPreparation ready = prepare_run(options, plan, loading);
  ThreadPool pool(ready.facts.threads);  // before anything is written: there may be too few
  Outputs out;
  open_outputs(out, options, plan.traces, std::move(*plan.lock),
               manifest_json(plan.run.spec, ready.dataset, ready.facts), plan.from(), quiet);
  if (plan.from() == nullptr) write_start(*out.directory, plan.run.spec, ready.dataset);
  const std::atomic<int>& stop = watch_stop_signals();
  const RunOutcome outcome = train_run(options, plan, ready, out, pool, stop);
  return tell_outcome(options, quiet, plan, outcome, out, stop);
}

void add_run(CommandLine& line) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = line.add(
      "run", "Train a network with every layer watched",
      "\nKEY=VALUE sets a value of the config by its dotted path; * stands for every layer that has the key:\n"
      "  reluscope run c.json train.optimizer.lr=0.05 'network.layers.*.activation=leaky_relu'\n"
      "\nExamples:\n"
      "  reluscope run configs/digits-relu.json\n"
      "  reluscope run --resume runs/digits-relu      after ^C, kill -9 or a power cut; the same bytes come out\n"
      "  reluscope run c.json --trace layers=- | python3 scripts/plot_traces.py -o traces.png\n"
      "  reluscope run c.json --json --quiet | jq .test.accuracy");
  command->add_option("CONFIG", options->config,
                      "The experiment (JSON, comments allowed); - reads standard input. Not needed with --resume");
  command->add_option("KEY=VALUE", options->overrides, "Changes to the config");
  command
      ->add_option("-o,--out", options->out,
                   "Run directory [runs/NAME, NAME from the config; runs/NAME-2, -3, … where that is taken]")
      ->take_last();
  command
      ->add_option(
          "--resume", options->resume,
          "Go on with the run in DIR, which was stopped or killed; with CONFIG, begin it there if there is none")
      ->type_name("DIR")
      ->take_last();
  command->add_flag("--force", options->force,
                    "Replace a run that is in the directory (without --out, in runs/NAME) already");
  command
      ->add_option("--trace", options->traces,
                   "Also write a table (steps, layers, census, units, events) to PATH; - is standard output")
      ->type_name("TABLE=PATH")
      ->expected(1)
      ->allow_extra_args(false)  // else it would swallow the KEY=VALUE that follow
      ->take_all();
  add_format_option(*command, options->format, "Format of --trace [csv]; events are always jsonl");
  add_jobs_option(*command, options->threads);
  command
      ->add_option("--census", options->census,
                   "How censuses are taken: exact [the default] proves what it can; brute looks at every sample. They "
                   "find the same dead units")
      ->check(CLI::IsMember({"exact", "brute"}))
      ->type_name("ENGINE");
  command->add_flag("--print-config", options->print_config, "Print the config with every default filled in, and exit");
  command->add_flag("--json", options->json, "Print summary.json on standard output");
  command->add_flag("--markdown", options->markdown, "Print the table of layers as Markdown");
  command->add_flag("--save-weights", options->save_weights,
                    "Write the trained parameters to weights.safetensors, named as in a PyTorch nn.Sequential");
  command->add_option("--report", options->report, "Write the page of `reluscope report` once the run has ended")
      ->type_name("FILE.html");
  add_fail_on_option(*command, options->fail_on);
  command->add_flag("--strict", options->strict, "Exit with 1 if the run becomes non-finite");
  command->callback([&line, options] {
    line.action = [&line, options] { return run_experiment_command(*options, line.common.quiet); };
  });
}

}  // namespace reluscope
