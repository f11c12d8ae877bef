#include <spdlog/spdlog.h>

#include <memory>

#include "cli/commands.hpp"
#include "diagnose/run_reader.hpp"
#include "report/joined_table.hpp"
#include "report/tensorboard.hpp"
#include "trace/run_directory.hpp"
#include "util/error.hpp"
#include "util/output_place.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

struct ExportOptions {
  std::vector<std::string> runs;
  std::string to = "tensorboard";
  std::string table;
  std::string out;
};

int export_events(const ExportOptions& options) {
  if (options.runs.size() > 1)
    throw UsageError("--to tensorboard: found " + std::to_string(options.runs.size()) +
                     " runs, expected one; --to csv joins those of several");
  if (!options.table.empty())
    throw UsageError("--table " + options.table +
                     " and --to tensorboard: event files hold all tables; leave --table away, or choose --to csv");
  const std::string& run = options.runs.front();
  const std::filesystem::path directory =
      options.out.empty() ? std::filesystem::path(run) / "tensorboard" : std::filesystem::path(options.out);
  const std::string events = tensorboard_events(read_run(run));
  make_directory(directory, run);
  write_file_atomically(directory / "events.out.tfevents.0000000000.reluscope", events);
  spdlog::info("tensorboard --logdir {}", directory.string());
  return kDone;
}

int export_table(const ExportOptions& options) {
  const std::string out = options.out.empty() ? "-" : options.out;
  std::vector<std::filesystem::path> inputs;
  for (const std::string& run : options.runs) {
    for (std::filesystem::path& file : RunDirectory::own_files(run)) inputs.push_back(std::move(file));
    for (const std::string_view table : kJoinedTables)
      inputs.push_back(std::filesystem::path(run) / (std::string(table) + ".csv"));
  }
  if (out != "-") refuse_overwriting("--out " + out, out, inputs);
  const JoinedTable table(options.runs, options.table.empty() ? kJoinedTables.front() : options.table);
  for (const std::string& fault : table.damaged_manifests())
    spdlog::warn("{}: the run's seed and settings are left empty", fault);
  write_large_document(out, [&table](const WritePiece& write) { table.write(write); });
  return kDone;
}

}  // namespace

void add_export(CommandLine& line) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = line.add(
      "export", "Write traces for other programs: one table of several runs, or TensorBoard's event files",
      "\nThe rows of the runs stand one after the other, behind the run's directory, its seed, and a column for each\n"
      "setting in which the runs differ. Columns without a single value are left out.\n"
      "\nExamples:\n  reluscope compare configs/dying-relu.json --runs kept\n"
      "  reluscope export kept/*/ --to csv --table census | mlr --icsv --opprint stats1 -a max -f dead -g activation\n"
      "  reluscope export kept/*/ --to csv -o steps.csv\n"
      "  python3 -c \"import pandas; print(pandas.read_csv('steps.csv').query('seed == 7').groupby('activation')"
      ".loss.min())\"\n"
      "  reluscope export runs/mnist --to tensorboard && tensorboard --logdir runs/mnist");
  command->add_option("RUN", options->runs, "Run directories; of --to tensorboard one")->required();
  command->add_option("--to", options->to, "The format [tensorboard]")
      ->check(CLI::IsMember({"csv", "tensorboard"}))
      ->type_name("FORMAT");
  command->add_option("--table", options->table, "Of --to csv: NAME.csv of each run [steps]")
      ->check(CLI::IsMember(std::vector<std::string>(kJoinedTables.begin(), kJoinedTables.end())))
      ->type_name("NAME");
  command
      ->add_option("-o,--out", options->out,
                   "The file of --to csv [-, which is standard output]; the directory of the event file "
                   "[RUN/tensorboard]")
      ->type_name("PLACE");
  command->callback([&line, options] {
    line.action = [options] { return options->to == "csv" ? export_table(*options) : export_events(*options); };
  });
}

}  // namespace reluscope
