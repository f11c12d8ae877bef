#include <spdlog/spdlog.h>

#include <filesystem>
#include <memory>

#include "cli/commands.hpp"
#include "cli/own_data.hpp"
#include "config/starter.hpp"
#include "report/terminal.hpp"
#include "util/error.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

struct InitOptions {
  std::string file;
  std::string data;
  std::string label;
  std::vector<std::string> settings;
  bool force = false;
};

/// CONFIG, and the first of KEY=VALUE where CONFIG was left out.
void sort_words(InitOptions& options) {
  if (options.data.empty() || options.file.find('=') == std::string::npos) return;
  options.settings.insert(options.settings.begin(), options.file);
  options.file.clear();
}

int write_config(InitOptions options) {
  sort_words(options);
  if (options.data.empty() && !options.label.empty()) throw UsageError("--label COLUMN goes with --data FILE");
  if (options.data.empty() && !options.settings.empty())
    throw UsageError("KEY=VALUE goes with --data FILE; the starter config is there to be edited");
  if (options.file.empty())
    options.file = options.data.empty() ? "experiment.jsonc" : experiment_name(options.data) + ".jsonc";
  // A link that leads nowhere yet is there too.
  if (std::error_code error;
      options.file != "-" && !options.force && exists(std::filesystem::symlink_status(options.file, error)))
    throw UsageError("'" + options.file + "' exists already: name another file, or replace it with --force");
  if (options.data.empty()) {
    write_document(options.file, starter_config());
  } else {
    const std::filesystem::path directory =
        options.file == "-" ? "." : std::filesystem::path(options.file).parent_path();
    const OwnConfig config = make_config({options.data, options.label, directory, options.settings, ""});
    for (const std::string& choice : config.choices) spdlog::info("{}", wrap_message(choice));
    write_document(options.file, config.text);
    if (options.file != "-") write_schema_beside(options.file);
  }
  if (options.file == "-") return kDone;
  spdlog::info("wrote {0}; train it with: reluscope run {0}", options.file);
  return kDone;
}

}  // namespace

void add_init(CommandLine& line) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* command = line.add(
      "init", "Write a commented config: for your own table, or to start with",
      "\nWith --data the config is for these data, and runs at once: which columns are features, and why, stands in "
      "its\n"
      "comments. KEY=VALUE of the table's own keys (data.drop=a,b, data.decimal=,) come before what is guessed.\n"
      "\nExamples:\n  reluscope init --data birds.csv --label species\n  reluscope init\n"
      "  reluscope init -            # to standard output");
  command->add_option("FILE", options->file, "Where to; - is standard output [experiment.jsonc; with --data its name]");
  command->add_option("KEY=VALUE", options->settings, "Settings of the table");
  command->add_option("--data", options->data, "Your data: a table (CSV or the like), NPY, NPZ or IDX; plain or gzip")
      ->type_name("FILE");
  command
      ->add_option("--label", options->label,
                   "Its label: of a table a column, by name or number from 0, of NPZ an array, else a file [guessed]")
      ->type_name("LABEL");
  command->add_flag("--force", options->force, "Replace the file if it exists");
  command->callback([&line, options] { line.action = [options] { return write_config(*options); }; });
}

}  // namespace reluscope
