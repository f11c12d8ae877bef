#include <spdlog/spdlog.h>

#include <filesystem>
#include <memory>

#include "cli/commands.hpp"
#include "config/starter.hpp"
#include "util/error.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

struct InitOptions {
  std::string file = "experiment.jsonc";
  bool force = false;
};

int write_starter(const InitOptions& options) {
  // A link that leads nowhere yet is there too.
  if (std::error_code error;
      options.file != "-" && !options.force && exists(std::filesystem::symlink_status(options.file, error)))
    throw UsageError("'" + options.file + "' exists already: name another file, or replace it with --force");
  write_document(options.file, starter_config());
  if (options.file == "-") return kDone;
  spdlog::info("wrote {0}; train it with: reluscope run {0}", options.file);
  return kDone;
}

}  // namespace

void add_init(CommandLine& line) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* command = line.add("init", "Write a commented starter config",
                               "\nExamples:\n  reluscope init\n  reluscope init -            # to standard output");
  command->add_option("FILE", options->file, "Where to; - is standard output")->capture_default_str();
  command->add_flag("--force", options->force, "Replace the file if it exists");
  command->callback([&line, options] { line.action = [options] { return write_starter(*options); }; });
}

}  // namespace reluscope
