#include <spdlog/spdlog.h>

#include <iostream>
#include <memory>
#include <optional>

#include "cli/commands.hpp"
#include "report/fleet_progress.hpp"
#include "report/sweep_report.hpp"
#include "trials/merge.hpp"
#include "trials/shard.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/output_place.hpp"
#include "util/own_directory.hpp"
#include "util/signals.hpp"
#include "util/stopwatch.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

struct SweepOptions {
  std::string file;
  std::string shard = "1/1";
  std::string out;
  std::string runs;
  std::string by;
  int jobs = 0;
  bool list = false;
  bool markdown = false;
};

/// Settings that the table at the end has at most.
constexpr std::size_t kMostShown = 20;

/// What the sweep has found, on `out`: a row for each setting, the best ones where there are many, and a sentence.
void print_summary(const ComparedResults& results, const SweepOptions& options, std::ostream& out, int descriptor) {
  const SweepSummary summary = summarize(results.runs, options.by);
  const std::size_t width = terminal_width(descriptor);
  out << sweep_table(results, summary, kMostShown, options.markdown ? TableStyle::markdown : TableStyle::plain, width)
      << '\n'
      << wrap(summary.sentence, width) << '\n';
  for (const std::string& note : summary.notes) out << wrap("  " + note, width, "  ") << '\n';
  out << std::flush;
}

/// "job,id,KEY…,seed": what would be run, by number.
void list_jobs(const Sweep& sweep, const ShardOfJobs& shard) {
  TextSink out("-");
  std::string line = "job,id,";
  for (const std::string& key : sweep.keys) {
    append_csv_cell(line, key);
    line += ',';
  }
  out.write(line + "seed\n");
  JobReader reader(sweep.source);
  const std::int64_t total = shard.size(sweep.runs);
  for (std::int64_t place = 0; place < total; ++place) {
    const Job job = sweep.job(shard.job(place));
    line = std::to_string(job.number) + ',' + reader.id(job) + ',';
    for (const std::string& value : job.settings) {
      append_csv_cell(line, value);
      line += ',';
    }
    out.write(line + std::to_string(job.seed) + '\n');
  }
  out.flush();
}

int sweep_it(const SweepOptions& options, bool quiet) {
  hold_stop_signals();
  const ShardOfJobs shard = parse_shard(options.shard);
  const bool streamed = options.out == "-";
  if (streamed && shard.count > 1 && !options.list)
    throw UsageError("--shard " + options.shard +
                     " and --out -: shards are joined in a directory; name one with --out, or leave --shard away");
  const Sweep sweep = load_sweep(options.file);
  if (options.list) {
    list_jobs(sweep, shard);
    return kDone;
  }
  const std::filesystem::path directory = options.out.empty() ? "sweeps/" + sweep.name : options.out;
  const std::atomic<int>& stop = watch_stop_signals();
  std::optional<FleetProgress> progress;
  ShardProgress work;
  const Stopwatch watch;
  const auto begin = [&](const ShardProgress& found) {
    work = found;
    if (!work.damage.empty()) spdlog::warn("{}", work.damage);
    progress.emplace("sweep", work.total, work.before, !quiet);
  };
  const auto advance = [&](const Trial& trial) { progress->advance(trial.record.failed()); };
  const auto run_all = [&] {
    if (!streamed)
      return run_shard(sweep, shard, directory, job_count(options.jobs), &stop, begin, advance, options.runs);
    begin({sweep.runs, 0, ""});
    TextSink out("-");
    const auto write = [&](std::string_view piece) {
      out.write(piece);
      out.flush();
    };
    return stream_sweep(sweep, job_count(options.jobs), &stop, write, advance, options.runs);
  };
  const bool complete = run_all();
  const double seconds = watch.seconds();
  const std::int64_t failed = progress->failed();
  progress.reset();
  if (work.before > 0) spdlog::info("{} of {} runs were there already", work.before, work.total);
  if (failed > 0) spdlog::warn("{} runs failed: see the column failure", failed);
  if (!complete) {
    spdlog::info(streamed ? "stopped; with --out DIR the same command could go on"
                          : "stopped; the same command goes on where it ended");
    reraise(stop);
  }
  if (work.total > work.before)
    spdlog::info("{} runs in {} s, {} runs/s", work.total - work.before, format_short(seconds),
                 format_short(static_cast<double>(work.total - work.before) / seconds));
  if (streamed) return kDone;
  const std::filesystem::path results = directory / "results.csv";
  if (!quiet && shard.count == 1) {
    if (sweep.runs <= kMostRead)
      print_summary(read_compared(results, FileKind::regular), options, std::cout, STDOUT_FILENO);
    else
      spdlog::info("no table of more than {} runs", kMostRead);
  }
  spdlog::info("results are in {}", directory.string());
  return kDone;
}

int merge_them(const std::vector<std::string>& directories, const std::string& out) {
  const Shards shards({directories.begin(), directories.end()});
  // Beside the shards, in a directory that may come from a stranger, or where the user wants it.
  const std::filesystem::path path =
      out.empty() ? std::filesystem::path(directories.front()) / "results.csv" : std::filesystem::path(out);
  if (!out.empty() && out != "-") refuse_overwriting("--out " + out, out, shards.inputs());
  if (!out.empty() && (out == "-" || is_stream(path))) {
    TextSink sink(path);
    shards.write([&](std::string_view piece) { sink.write(piece); });
    sink.flush();
  } else {
    write_large_file_atomically(path, [&](const WritePiece& write) { shards.write(write); });
  }
  if (path != "-") spdlog::info("results are in {}", path.string());
  return kDone;
}

}  // namespace

void add_sweep(CommandLine& line) {
  auto options = std::make_shared<SweepOptions>();
  CLI::App* command = line.add(
      "sweep", "Run an experiment over settings and seeds; resumable, and shared out among machines",
      "\nA sweep that was stopped, or killed, goes on when the same command is given again (not with --out -).\n"
      "\nExamples:\n"
      "  reluscope sweep configs/sweeps/lr.json\n"
      "  reluscope sweep lr.json --shard 2/8 -o shared/lr     one of eight parts; reluscope merge joins them\n"
      "  reluscope sweep lr.json -o - | mlr --icsv --opprint cat\n"
      "  reluscope sweep lr.json --list | head");
  command->add_option("SWEEP", options->file, "The sweep (JSON, comments allowed)")->required();
  command
      ->add_option("-o,--out", options->out,
                   "Directory of the results [sweeps/NAME]; - writes them to standard output alone")
      ->type_name("DIR");
  command->add_option("--shard", options->shard, "Only every N-th run, from the I-th on")->type_name("I/N");
  add_jobs_option(*command, options->jobs);
  command->add_option("--runs", options->runs, "Keep the traces of each run, in DIR/ID, as for reluscope report")
      ->type_name("DIR");
  add_by_option(*command, options->by, "The figure that decides [accuracy; for a regression loss]");
  command->add_flag("--markdown", options->markdown, "The table at the end as Markdown");
  command->add_flag("--list", options->list, "List the numbered runs as CSV, and run none");
  command->callback(
      [&line, options] { line.action = [&line, options] { return sweep_it(*options, line.common.quiet); }; });
}

void add_merge(CommandLine& line) {
  auto directories = std::make_shared<std::vector<std::string>>();
  auto out = std::make_shared<std::string>();
  CLI::App* command =
      line.add("merge", "Join the shards of a sweep into the results one process would have written",
               "\nExamples:\n  reluscope merge shared/lr\n  reluscope merge part1 part2 -o results.csv");
  command->add_option("DIR", *directories, "Directories with shards")->required();
  command->add_option("-o,--out", *out, "Where the results go [DIR/results.csv]; - is standard output")
      ->type_name("FILE");
  command->callback(
      [&line, directories, out] { line.action = [directories, out] { return merge_them(*directories, *out); }; });
}

}  // namespace reluscope
