#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "cli/findings.hpp"
#include "cli/interrupt.hpp"
#include "config/load.hpp"
#include "experiment/documents.hpp"
#include "experiment/run.hpp"
#include "experiment/setup.hpp"
#include "experiment/theory.hpp"
#include "report/progress_bar.hpp"
#include "report/run_report.hpp"
#include "report/strips.hpp"
#include "trace/run_directory.hpp"
#include "util/error.hpp"
#include "util/nearest.hpp"

namespace reluscope {

namespace {

struct RunOptions {
  std::string config;
  std::vector<std::string> overrides;
  std::string out;
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
};

/// --trace TABLE=PATH: one kind of record, to a file or to standard output.
class TraceStream final : public RecordSink {
 public:
  TraceStream(const std::string& table, const std::string& path, TraceFormat format) {
    if (table == "steps") steps_.emplace(TextSink(path), format);
    if (table == "layers") layers_.emplace(TextSink(path), format);
    if (table == "census") census_.emplace(TextSink(path), format);
    if (table == "units") units_.emplace(TextSink(path), format);
    if (table == "events") events_.emplace(TextSink(path), TraceFormat::jsonl);
  }
  void step(const StepRecord& record) override { write(steps_, std::span(&record, 1)); }
  void layers(std::span<const LayerRecord> records) override { write(layers_, records); }
  void census(std::span<const CensusRecord> records) override { write(census_, records); }
  void units(std::span<const UnitRecord> records) override { write(units_, records); }
  void event(const EventRecord& record) override { write(events_, std::span(&record, 1)); }
  void flush() override {
    flush(steps_);
    flush(layers_);
    flush(census_);
    flush(units_);
    flush(events_);
  }

  static const std::vector<std::string>& tables() {
    static const std::vector<std::string> names = {"steps", "layers", "census", "units", "events"};
    return names;
  }

 private:
  template <class R>
  static void write(std::optional<TableWriter<R>>& table, std::span<const R> records) {
    if (table) table->write(records);
  }
  template <class R>
  static void flush(std::optional<TableWriter<R>>& table) {
    if (table) table->flush();
  }
  std::optional<TableWriter<StepRecord>> steps_;
  std::optional<TableWriter<LayerRecord>> layers_;
  std::optional<TableWriter<CensusRecord>> census_;
  std::optional<TableWriter<UnitRecord>> units_;
  std::optional<TableWriter<EventRecord>> events_;
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
    if (wishes.back().path != "-") continue;
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
  if (quiet) return;
  std::ostream& out = stdout_taken ? std::cerr : std::cout;
  out << layer_table(summary, options.markdown ? TableStyle::markdown : TableStyle::plain) << '\n'
      << final_figures(summary) << '\n'
      << verdict(summary) << '\n'
      << std::flush;
  spdlog::info("traces are in {}", directory.path().string());
}

int run_it(const RunOptions& options, bool quiet) {
  const auto loading = std::chrono::steady_clock::now();
  const std::vector<TraceWish> wishes = parse_traces(options);
  const ExperimentSpec spec = load_experiment(options.config, options.overrides);
  if (options.print_config) {
    write_document("-", spec.resolved_json + "\n");
    return kDone;
  }
  ManifestFacts facts;
  facts.threads = options.threads > 0 ? options.threads : default_thread_count();
  facts.started = utc_now();
  check_memory(spec);
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  check_against_data(spec, dataset);
  spdlog::info("{}: {} training and {} test samples, {} features", spec.data.source.name, dataset.train.count(),
               dataset.test.count(), dataset.features());
  check_memory(spec, static_cast<std::uint64_t>(dataset.features()), static_cast<std::uint64_t>(dataset.train.count()));

  Tee sink;
  const auto directory =
      std::make_shared<RunDirectory>(options.out.empty() ? "runs/" + spec.name : options.out, options.force);
  sink.add(directory);
  bool stdout_taken = options.json;
  for (const TraceWish& wish : wishes) {
    sink.add(std::make_shared<TraceStream>(wish.table, wish.path, options.format));
    stdout_taken = stdout_taken || wish.path == "-";
  }
  auto bar = !quiet && is_terminal(STDERR_FILENO) ? std::make_shared<ProgressBar>() : nullptr;
  if (bar) sink.add(bar);

  facts.load_seconds = seconds_since(loading);
  directory->write_manifest(manifest_json(spec, dataset, facts));
  directory->write_theory(theory_csv(predict(spec, dataset)));
  const auto training = std::chrono::steady_clock::now();
  const std::atomic<int>& stop = watch_stop_signals();
  const auto finish = [&](const std::string& status, std::int64_t steps) {
    facts.status = status;
    facts.steps = steps;
    facts.train_seconds = seconds_since(training);
    directory->write_manifest(manifest_json(spec, dataset, facts));
  };
  RunSummary summary;
  Weights weights;
  try {
    ThreadPool pool(facts.threads);
    RunControl control;
    control.stop = &stop;
    control.brute_census = options.census == "brute";
    if (options.save_weights) control.weights = &weights;
    summary = run_experiment(spec, dataset, sink, pool, control);
  } catch (const BrokenPipe&) {
    finish("interrupted", 0);
    throw;
  } catch (const IoError&) {
    finish("failed", 0);
    throw;
  }
  const std::string sentence = verdict(summary);
  // From the files: what diagnose will say of them later.
  const RunTables tables = read_run(directory->path());
  const Diagnosis diagnosis = diagnose(tables, spec.thresholds);
  const std::string document = summary_json(spec, summary, sentence, findings_json(diagnosis.findings));
  if (options.save_weights) write_weights(directory->path() / RunDirectory::kWeights, weights);
  directory->write_summary(document);
  finish(summary.failed ? "failed" : (summary.interrupted ? "interrupted" : "done"), summary.steps);
  if (bar) bar->clear();
  if (options.json) { write_document("-", document); }
  print_report(options, quiet, summary, *directory, stdout_taken);
  const int descriptor = stdout_taken ? STDERR_FILENO : STDOUT_FILENO;
  if (!quiet && is_terminal(descriptor))
    (stdout_taken ? std::cerr : std::cout) << run_strips(tables, strip_style(descriptor)) << std::flush;
  if (!quiet) print_findings(diagnosis, stdout_taken ? std::cerr : std::cout);
  if (summary.interrupted) reraise(stop.load());
  if (summary.failed) {
    if (quiet) spdlog::error("{}", sentence);
    if (options.strict) return kRunFailed;
  }
  return exit_code_for(diagnosis, options.fail_on);
}

}  // namespace

void add_run(CommandLine& line) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command =
      line.add("run", "Train a network with every layer watched",
               "\nKEY=VALUE sets a value of the config by its dotted path; * stands for every layer that has the key:\n"
               "  reluscope run c.json train.optimizer.lr=0.05 'network.layers.*.activation=leaky_relu'\n"
               "\nExamples:\n"
               "  reluscope run configs/digits-relu.json\n"
               "  reluscope run c.json --trace layers=- | python3 scripts/plot_traces.py -o traces.png\n"
               "  reluscope run c.json --json --quiet | jq .test.accuracy");
  command->add_option("CONFIG", options->config, "The experiment (JSON, comments allowed); - reads standard input")
      ->required();
  command->add_option("KEY=VALUE", options->overrides, "Changes to the config");
  command->add_option("-o,--out", options->out, "Run directory [runs/NAME, NAME from the config]")->take_last();
  command->add_flag("--force", options->force, "Replace a run that is in the directory already");
  command
      ->add_option("--trace", options->traces,
                   "Also write a table (steps, layers, census, units, events) to PATH; - is standard output")
      ->type_name("TABLE=PATH")
      ->expected(1)
      ->allow_extra_args(false)  // else it would swallow the KEY=VALUE that follow
      ->take_all();
  add_format_option(*command, options->format, "Format of --trace [csv]; events are always jsonl");
  command->add_option("--threads", options->threads, "Threads [all CPUs]; results do not depend on it")
      ->check(CLI::Range(1, 1024))
      ->type_name("N");
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
  add_fail_on_option(*command, options->fail_on);
  command->add_flag("--strict", options->strict, "Exit with 1 if the run becomes non-finite");
  command->callback(
      [&line, options] { line.action = [&line, options] { return run_it(*options, line.common.quiet); }; });
}

}  // namespace reluscope
