#include <spdlog/spdlog.h>

#include <memory>

#include "cli/commands.hpp"
#include "report/tensorboard.hpp"
#include "util/error.hpp"
#include "util/output_place.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

int export_it(const std::string& run, const std::string& out) {
  const std::filesystem::path directory =
      out.empty() ? std::filesystem::path(run) / "tensorboard" : std::filesystem::path(out);
  const std::string events = tensorboard_events(read_run(run));
  make_directory(directory, run);
  write_file_atomically(directory / "events.out.tfevents.0000000000.reluscope", events);
  spdlog::info("tensorboard --logdir {}", directory.string());
  return kDone;
}

}  // namespace

void add_export(CommandLine& line) {
  auto run = std::make_shared<std::string>();
  auto to = std::make_shared<std::string>("tensorboard");
  auto out = std::make_shared<std::string>();
  CLI::App* command =
      line.add("export", "Write a run's traces as TensorBoard's event files",
               "\nExample:\n  reluscope export runs/mnist --to tensorboard && tensorboard --logdir runs/mnist");
  command->add_option("RUN", *run, "A run directory")->required();
  command->add_option("--to", *to, "The format [tensorboard]")
      ->check(CLI::IsMember({"tensorboard"}))
      ->type_name("FORMAT");
  command->add_option("-o,--out", *out, "Directory of the event file [RUN/tensorboard]")->type_name("DIR");
  // `to` lives as long as the option that writes to it.
  command->callback([&line, run, to, out] { line.action = [run, out] { return export_it(*run, *out); }; });
}

}  // namespace reluscope
