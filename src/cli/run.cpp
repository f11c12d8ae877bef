#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "cli/findings.hpp"
#include "config/load.hpp"
#include "experiment/documents.hpp"
#include "experiment/features.hpp"
#include "experiment/resume.hpp"
#include "experiment/run.hpp"
#include "experiment/setup.hpp"
#include "experiment/theory.hpp"
#include "report/html_report.hpp"
#include "report/progress_bar.hpp"
#include "report/run_report.hpp"
#include "report/strips.hpp"
#include "trace/run_directory.hpp"
#include "trace/trace_stream.hpp"
#include "trials/remedies.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/input.hpp"
#include "util/nearest.hpp"
#include "util/output_place.hpp"
#include "util/signals.hpp"

namespace reluscope {

namespace {

struct RunOptions {
  std::string config;
  std::vector<std::string> overrides;
  std::string out;
  std::string resume;
  bool force = false;
  std::vector<std::string> traces;
  std::string census = "exact";
  std::string fail_on;
  TraceFormat format = TraceFormat::csv;
  int threads = 0;  ///< 0: as many as there are CPUs
  bool print_config = false;
  bool json = false;
  bool markdown = false;
  bool strict = false;
  bool save_weights = false;
  std::string report;  ///< where the page goes; empty: there is none
};

struct TraceWish {
  std::string table;
  std::string path;
};

TraceWish parse_trace(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string table = text.substr(0, equals);
  if (equals == std::string::npos || equals + 1 == text.size())
    throw UsageError("--trace " + text + ": expected TABLE=PATH, for example layers=- or census=census.csv");
  const auto& known = TraceStream::tables();
  if (std::find(known.begin(), known.end(), table) == known.end()) {
    const auto near = nearest_name(table, known);
    throw UsageError("--trace " + text + ": there is no table '" + table +
                     "'; there are steps, layers, census, units, events" +
                     (near ? "; did you mean '" + *near + "'?" : ""));
  }
  return {table, text.substr(equals + 1)};
}

std::vector<TraceWish> parse_traces(const RunOptions& options) {
  std::vector<TraceWish> wishes;
  bool stdout_taken = options.json;
  for (const std::string& text : options.traces) {
    wishes.push_back(parse_trace(text));
    if (!is_standard_output(wishes.back().path)) continue;
    wishes.back().path = "-";
    if (stdout_taken)
      throw UsageError("--trace " + text + ": standard output is taken already; it can carry one thing");
    stdout_taken = true;
  }
  return wishes;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Prints the table and the verdict: to stdout, or to stderr where stdout carries data.
void print_report(const RunOptions& options, bool quiet, const RunSummary& summary, const RunDirectory& directory,
                  bool stdout_taken) {
  if (quiet && stdout_taken) return;  // it would go to stderr
  std::ostream& out = stdout_taken ? std::cerr : std::cout;
  out << layer_table(summary, options.markdown ? TableStyle::markdown : TableStyle::plain) << '\n'
      << final_figures(summary) << '\n'
      << wrap(printable(verdict(summary)), terminal_width(stdout_taken ? STDERR_FILENO : STDOUT_FILENO)) << '\n'
      << std::flush;
  spdlog::info("traces are in {}", directory.path().string());
}

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

/// Everything that writes while the run goes on.
struct Outputs {
  Tee all;
  std::shared_ptr<RunDirectory> directory;
  std::vector<std::shared_ptr<TraceStream>> streams;
  std::shared_ptr<ProgressBar> bar;
  bool stdout_taken = false;
};

void open_outputs(Outputs& out, const RunOptions& options, const std::vector<TraceWish>& wishes, RunLock lock,
                  const std::string& manifest, const Checkpoint* from, bool quiet) {
  out.stdout_taken = options.json;
  // Before the directory: where one cannot be opened, no run was begun.
  for (const TraceWish& wish : wishes) {
    out.streams.push_back(
        std::make_shared<TraceStream>(wish.table, wish.path, options.format, from, [] { request_stop(SIGPIPE); }));
    out.stdout_taken = out.stdout_taken || wish.path == "-";
  }
  out.directory = from == nullptr ? std::make_shared<RunDirectory>(std::move(lock), manifest)
                                  : std::make_shared<RunDirectory>(std::move(lock), manifest, *from);
  out.all.add(out.directory);
  for (const auto& stream : out.streams) out.all.add(stream);
  if (!quiet && is_terminal(STDERR_FILENO)) out.all.add(out.bar = std::make_shared<ProgressBar>());
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

void write_report(const std::filesystem::path& directory, const std::string& file) {
  const HtmlReport report = html_report({read_report_run(directory)});
  write_document(file, report.page);
  if (!report.without_charts.empty()) spdlog::warn("the report has no charts: {}", report.without_charts);
  spdlog::info("the report is in {}", file);
}

/// Nothing that the run writes may be what it reads, or be written twice.
void check_outputs(const RunOptions& options, const std::vector<TraceWish>& wishes, const ExperimentSpec& spec,
                   const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> inputs = input_files(spec);
  if (!options.config.empty()) inputs.emplace_back(options.config);
  RunDirectory::refuse_inputs(directory, inputs);
  const std::vector<std::filesystem::path> own = RunDirectory::own_files(directory);
  if (!options.report.empty()) {
    if (options.report == "-") throw UsageError("--report -: standard output has the table; name a file");
    inputs.insert(inputs.end(), own.begin(), own.end());
    refuse_overwriting("--report " + options.report, options.report, inputs);
    inputs.resize(inputs.size() - own.size());
  }
  for (std::size_t at = 0; at < wishes.size(); ++at) {
    const std::filesystem::path path = wishes[at].path;
    if (path == "-") continue;
    const std::string what = "--trace " + wishes[at].table + "=" + wishes[at].path;
    refuse_overwriting(what, path, inputs);
    if (std::any_of(own.begin(), own.end(), [&](const auto& file) { return is_same_file(path, file); }))
      throw UsageError(what + ": the run itself writes that file");
    for (std::size_t earlier = 0; earlier < at; ++earlier)
      if (wishes[earlier].path != "-" && is_same_file(path, wishes[earlier].path))
        throw UsageError(what + ": --trace " + wishes[earlier].table + "=" + wishes[earlier].path +
                         " goes to that file already: name another one");
  }
}

int say_that_it_ended(const RunOptions& options) {
  spdlog::info("the run in {} has ended: there is nothing to go on with", options.resume);
  if (options.json)
    write_document("-", read_whole_file(std::filesystem::path(options.resume) / RunDirectory::kSummary));
  return kDone;
}

int run_it(const RunOptions& options, bool quiet) {
  const auto loading = std::chrono::steady_clock::now();
  hold_stop_signals();
  check_usage(options);
  const std::vector<TraceWish> wishes = parse_traces(options);
  std::optional<ExperimentSpec> given;
  if (!options.config.empty()) given = load_experiment(options.config, options.overrides);
  std::optional<RunLock> lock;
  Resumption run;
  if (!options.resume.empty()) {
    lock.emplace(options.resume);
    run = find_resumption(options.resume, std::move(given));
  } else {
    run.spec = std::move(*given);
  }
  const ExperimentSpec& spec = run.spec;
  if (options.print_config) {
    write_document("-", spec.resolved_json + "\n");
    return kDone;
  }
  if (run.ended) {
    RunDirectory::remove_checkpoint(options.resume);  // killed in its last moment, it may have left one
    return say_that_it_ended(options);
  }
  const std::filesystem::path path = !options.resume.empty() ? options.resume
                                     : options.out.empty()   ? "runs/" + spec.name
                                                             : options.out;
  if (!lock && !options.force) RunDirectory::refuse_existing(path);
  check_outputs(options, wishes, spec, path);

  const Dataset dataset = load_for_training(spec);
  spdlog::info("{}: {} training and {} test samples, {} features{}", spec.data.source.name, dataset.train.count(),
               dataset.test.count(), dataset.features(), spec.data.reconstruct ? ", which are the targets too" : "");
  if (!lock) {
    lock.emplace(path);
    if (!options.force) RunDirectory::refuse_existing(path);
  }

  ManifestFacts facts;
  facts.threads = options.threads > 0 ? options.threads : default_thread_count();
  facts.started = run.started.empty() ? utc_now() : run.started;
  facts.resumed = run.resumed;
  facts.save_weights = options.save_weights || run.save_weights;
  Checkpoint identity = checkpoint_identity(spec, dataset);
  identity.census = spec.record.census.kind == Cadence::Kind::off ? "off" : options.census;
  const Checkpoint* from = run.checkpoint ? &*run.checkpoint : nullptr;
  if (from != nullptr) {
    if (const std::string warning = check_identity(*from, identity); !warning.empty()) spdlog::warn("{}", warning);
    facts.resumed.push_back(from->step);
    spdlog::info("going on after step {}", from->step);
  }
  facts.load_seconds = seconds_since(loading);
  ThreadPool pool(facts.threads);  // before anything is written: there may be too few
  Outputs out;
  open_outputs(out, options, wishes, std::move(*lock), manifest_json(spec, dataset, facts), from, quiet);
  if (from == nullptr) {
    out.directory->write_features(features_csv(describe_features(dataset)));
    out.directory->write_theory(theory_csv(predict(spec, dataset)));
  }

  const auto training = std::chrono::steady_clock::now();
  const std::atomic<int>& stop = watch_stop_signals();
  const auto finish = [&](const std::string& status, std::int64_t steps) {
    facts.status = status;
    facts.steps = std::max<std::int64_t>(0, steps - (from == nullptr ? 0 : from->step));
    facts.train_seconds = seconds_since(training);
    out.directory->write_manifest(manifest_json(spec, dataset, facts));
  };
  RunSummary summary;
  std::string sentence;
  std::string document;
  RunTables tables;
  Diagnosis diagnosis;
  try {
    Tensors weights;
    RunControl control;
    control.stop = &stop;
    control.brute_census = options.census == "brute";
    if (facts.save_weights) control.weights = &weights;
    control.resume = from;
    control.save = [&](Checkpoint&& checkpoint) {
      checkpoint.config = identity.config;
      checkpoint.data = identity.data;
      checkpoint.census = identity.census;
      checkpoint.build = identity.build;
      for (const auto& stream : out.streams) stream->note(checkpoint);
      out.directory->write_checkpoint(std::move(checkpoint));
    };
    summary = run_experiment(spec, dataset, out.all, pool, control);
    sentence = verdict(summary);
    tables = read_back(path);
    note_end(tables, spec, summary);
    diagnosis = diagnose(tables, spec.thresholds);
    advise(diagnosis, spec, facts_of(dataset));
    document = summary_json(spec, summary, sentence, findings_json(diagnosis.findings));
    if (facts.save_weights) write_safetensors(path / RunDirectory::kWeights, weights);
    for (const auto& stream : out.streams) stream->sync();
    out.directory->write_summary(document);
    finish(summary.failed ? "failed" : (summary.interrupted ? "interrupted" : "done"), summary.steps);
  } catch (const IoError&) {
    note_failure(finish);
    throw;
  }
  if (!summary.interrupted) RunDirectory::remove_checkpoint(path);
  if (out.bar) out.bar->clear();
  if (options.json) { write_document("-", document); }
  print_report(options, quiet, summary, *out.directory, out.stdout_taken);
  const int descriptor = out.stdout_taken ? STDERR_FILENO : STDOUT_FILENO;
  const bool heard = !quiet || !out.stdout_taken;
  if (heard && is_terminal(descriptor))
    (out.stdout_taken ? std::cerr : std::cout) << run_strips(tables, strip_style(descriptor)) << std::flush;
  if (heard) print_findings(diagnosis, out.stdout_taken ? std::cerr : std::cout);
  if (!options.report.empty() && !summary.interrupted) write_report(path, options.report);
  if (summary.interrupted) {
    spdlog::info("stopped after step {}: reluscope run --resume {} goes on", summary.steps, path.string());
    if (stop != SIGPIPE) reraise(stop.load());
    return kDone;
  }
  if (summary.failed) {
    if (quiet) spdlog::error("{}", sentence);
    if (options.strict) return kRunFailed;
  }
  return exit_code_for(diagnosis, options.fail_on);
}

}  // namespace

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
  command->add_option("-o,--out", options->out, "Run directory [runs/NAME, NAME from the config]")->take_last();
  command
      ->add_option(
          "--resume", options->resume,
          "Go on with the run in DIR, which was stopped or killed; with CONFIG, begin it there if there is none")
      ->type_name("DIR")
      ->take_last();
  command->add_flag("--force", options->force, "Replace a run that is in the directory already");
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
  command->callback(
      [&line, options] { line.action = [&line, options] { return run_it(*options, line.common.quiet); }; });
}

}  // namespace reluscope
