#include "cli/run.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "cli/commands.hpp"
#include "cli/findings.hpp"
#include "cli/next_command.hpp"
#include "cli/run_outputs.hpp"
#include "config/load.hpp"
#include "diagnose/findings_json.hpp"
#include "diagnose/run_reader.hpp"
#include "experiment/documents.hpp"
#include "experiment/resume.hpp"
#include "experiment/run.hpp"
#include "experiment/setup.hpp"
#include "experiment/verdict.hpp"
#include "report/data_lines.hpp"
#include "report/html_report.hpp"
#include "report/prescribe_report.hpp"
#include "report/run_report.hpp"
#include "report/strips.hpp"
#include "trials/remedies.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/input.hpp"
#include "util/signals.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// What is to be run, and where.
struct RunPlan {
  Resumption run;
  std::filesystem::path directory;
  bool is_numbered = false;  ///< where the directory is taken, the next one that is free is
  std::vector<TraceWish> traces;
  std::optional<RunLock> lock;  ///< of a run that is resumed, from the start; of a new one, once its data are there

  [[nodiscard]] const Checkpoint* from() const { return run.checkpoint ? &*run.checkpoint : nullptr; }
};

/// All that a run needs before its first step.
struct Preparation {
  Dataset dataset;
  ManifestFacts facts;
  Checkpoint identity;
};

/// What came of a run.
struct Outcome {
  RunSummary summary;
  std::string sentence;
  std::string document;  ///< summary.json
  RunTables tables;
  Diagnosis diagnosis;
};

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

/// Reads the config, or the directory of the run that is resumed. Nothing is written.
RunPlan find_plan(const RunOptions& options) {
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

int say_that_it_ended(const RunOptions& options) {
  RunDirectory::remove_checkpoint(options.resume);  // killed in its last moment, it may have left one
  spdlog::info("the run in {} has ended: there is nothing to go on with", options.resume);
  if (options.json)
    write_document("-", read_whole_file(std::filesystem::path(options.resume) / RunDirectory::kSummary));
  return kDone;
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

/// Loads the data, and takes the directory.
Preparation prepare(const RunOptions& options, RunPlan& plan, Clock::time_point loading) {
  const ExperimentSpec& spec = plan.run.spec;
  check_place(options, plan);
  Preparation ready;
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
  facts.load_seconds = seconds_since(loading);
  return ready;
}

/// The disk may be full: then the manifest stays as it is, and the fault at hand is the one to hear of.
void note_failure(const std::function<void(const std::string&, std::int64_t)>& finish) {
  try {
    finish("failed", 0);
  } catch (const IoError&) {  // said already, by the fault that led here
  }
}

/// From the files: what diagnose will say of them later.
RunTables read_back(const std::filesystem::path& path) {
  try {
    return read_run(path);
  } catch (const DataError& fault) {
    throw IoError("the run has ended, but what it wrote is not there any more: " + std::string(fault.what()));
  }
}

/// Trains, and writes what the run directory has at the end.
Outcome train(const RunOptions& options, const RunPlan& plan, Preparation& ready, Outputs& out, ThreadPool& pool,
              const std::atomic<int>& stop) {
  const auto training = Clock::now();
  const ExperimentSpec& spec = plan.run.spec;
  const Checkpoint* from = plan.from();
  ManifestFacts& facts = ready.facts;
  const auto finish = [&](const std::string& status, std::int64_t steps) {
    facts.status = status;
    facts.steps = std::max<std::int64_t>(0, steps - (from == nullptr ? 0 : from->step));
    facts.train_seconds = seconds_since(training);
    out.directory->write_manifest(manifest_json(spec, ready.dataset, facts));
  };
  Outcome outcome;
  try {
    Tensors weights;
    RunControl control;
    control.stop = &stop;
    control.brute_census = options.census == "brute";
    if (facts.save_weights) control.weights = &weights;
    control.resume = from;
    control.save = [&](Checkpoint&& checkpoint) {
      checkpoint.config = ready.identity.config;
      checkpoint.data = ready.identity.data;
      checkpoint.census = ready.identity.census;
      checkpoint.build = ready.identity.build;
      for (const auto& stream : out.streams) stream->note(checkpoint);
      out.directory->write_checkpoint(std::move(checkpoint));
    };
    outcome.summary = run_experiment(spec, ready.dataset, out.all, pool, control);
    outcome.sentence = verdict(outcome.summary);
    outcome.tables = read_back(plan.directory);
    note_end(outcome.tables, spec, outcome.summary);
    outcome.diagnosis = diagnose(outcome.tables, spec.thresholds);
    advise(outcome.diagnosis, spec, facts_of(ready.dataset));
    outcome.document = summary_json(spec, outcome.summary, outcome.sentence, findings_json(outcome.diagnosis.findings));
    if (facts.save_weights) write_safetensors(plan.directory / RunDirectory::kWeights, weights);
    for (const auto& stream : out.streams) stream->sync();
    out.directory->write_summary(outcome.document);
    finish(outcome.summary.failed ? "failed" : (outcome.summary.interrupted ? "interrupted" : "done"),
           outcome.summary.steps);
  } catch (const IoError&) {
    note_failure(finish);
    throw;
  }
  if (!outcome.summary.interrupted) RunDirectory::remove_checkpoint(plan.directory);
  return outcome;
}

/// For people: the table, the verdict, the strips and the findings. To stdout, or to stderr where stdout carries data.
void print_outcome(const RunOptions& options, bool quiet, const Outcome& outcome, bool stdout_taken) {
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

/// Prints what came of the run, writes its page, and finds the exit code.
int tell(const RunOptions& options, bool quiet, const RunPlan& plan, const Outcome& outcome, const Outputs& out,
         const std::atomic<int>& stop) {
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

}  // namespace

int run_experiment_command(const RunOptions& options, bool quiet) {
  const auto loading = Clock::now();
  hold_stop_signals();
  RunPlan plan = find_plan(options);
  if (options.print_config) {
    write_document("-", plan.run.spec.resolved_json + "\n");
    return kDone;
  }
  if (plan.run.ended) return say_that_it_ended(options);
  Preparation ready = prepare(options, plan, loading);
  ThreadPool pool(ready.facts.threads);  // before anything is written: there may be too few
  Outputs out;
  open_outputs(out, options, plan.traces, std::move(*plan.lock),
               manifest_json(plan.run.spec, ready.dataset, ready.facts), plan.from(), quiet);
  if (plan.from() == nullptr) write_start(*out.directory, plan.run.spec, ready.dataset);
  const std::atomic<int>& stop = watch_stop_signals();
  const Outcome outcome = train(options, plan, ready, out, pool, stop);
  return tell(options, quiet, plan, outcome, out, stop);
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
