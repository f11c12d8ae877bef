#include <spdlog/spdlog.h>

#include <filesystem>
#include <memory>

#include "cli/commands.hpp"
#include "cli/findings.hpp"
#include "cli/own_data.hpp"
#include "cli/run.hpp"
#include "report/terminal.hpp"
#include "trace/run_directory.hpp"
#include "util/error.hpp"
#include "util/output_place.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

namespace fs = std::filesystem;

struct TryOptions {
  std::string data;
  std::string label;
  std::vector<std::string> overrides;
  RunOptions run;
};

constexpr const char* kConfigEnding = ".jsonc";

/// The directory of the run: the first of birds, birds-2, … in runs/ that nothing has, neither it nor its config.
fs::path choose_directory(const TryOptions& options) {
  if (!options.run.out.empty()) {
    const fs::path given = options.run.out;
    return given.has_filename() ? given : given.parent_path();  // "mine/" is "mine"
  }
  const fs::path directory = fs::path("runs") / experiment_name(options.data);
  return options.run.force ? directory : RunLock::next_free(directory, kConfigEnding);
}

int try_it(TryOptions options, bool quiet) {
  const fs::path directory = choose_directory(options);
  const fs::path config = directory.string() + kConfigEnding;
  if (std::error_code error; !options.run.force && exists(fs::symlink_status(config, error)))
    throw UsageError("'" + config.string() +
                     "' exists already: name another directory with --out, or replace both with --force");
  // Settings of the table go into the config, the others change the run.
  std::vector<std::string> settings;
  for (const std::string& one : options.overrides)
    (is_own_setting(options.data, one) ? settings : options.run.overrides).push_back(one);
  const OwnConfig made =
      make_config({options.data, options.label, directory.parent_path(), settings, directory.filename().string()});
  for (const std::string& choice : made.choices) spdlog::info("{}", wrap_message(choice));
  const fs::path inputs[] = {options.data};
  refuse_overwriting("the config " + config.string(), config, inputs);
  make_directory(directory.has_parent_path() ? directory.parent_path() : fs::path("."));
  write_document(config.string(), made.text);
  write_schema_beside(config);
  spdlog::info("the config is {}", config.string());
  options.run.config = config.string();
  options.run.out = directory.string();
  options.run.data_is_said = true;
  return run_experiment_command(options.run, quiet);
}

}  // namespace

void add_try(CommandLine& line) {
  auto options = std::make_shared<TryOptions>();
  CLI::App* command =
      line.add("try", "Train a network on your own table, and say what died: init, run and the verdict in one go",
               "\nWhat is chosen is said, and stands in the config that is left beside the run: runs/birds.jsonc for "
               "runs/birds.\n"
               "\nExamples:\n"
               "  reluscope try birds.csv --label species\n"
               "  reluscope try sales.csv data.decimal=, data.drop=region train.epochs=50\n"
               "  reluscope try birds.csv --report birds.html");
  command->add_option("FILE", options->data, "A table (CSV or the like), NPY, NPZ or IDX; plain or gzip")->required();
  command->add_option("KEY=VALUE", options->overrides, "Settings of the table, and changes to the config");
  command
      ->add_option("--label", options->label,
                   "The label: of a table a column, by name or number from 0, of NPZ an array, else a file [guessed]")
      ->type_name("LABEL");
  command->add_option("-o,--out", options->run.out, "Run directory [runs/FILE's name]");
  command->add_flag("--force", options->run.force, "Replace a run that is there already, and its config");
  command->add_flag("--json", options->run.json, "Print summary.json on standard output");
  command->add_option("--report", options->run.report, "Write the page of `reluscope report` once the run has ended")
      ->type_name("FILE.html");
  add_jobs_option(*command, options->run.threads);
  add_fail_on_option(*command, options->run.fail_on);
  command->callback(
      [&line, options] { line.action = [&line, options] { return try_it(*options, line.common.quiet); }; });
}

}  // namespace reluscope
