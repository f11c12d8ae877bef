#include "cli/run_outputs.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "experiment/setup.hpp"
#include "report/terminal.hpp"
#include "util/error.hpp"
#include "util/nearest.hpp"
#include "util/output_place.hpp"
#include "util/signals.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

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

}  // namespace

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

}  // namespace reluscope
