#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "cli/commands.hpp"
#include "report/comparison_directory.hpp"
#include "trace/run_directory.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/output_place.hpp"

namespace reluscope {

namespace {

/// Of runs, or of the one directory that a comparison or a sweep has left.
HtmlReport make_report(const std::vector<std::string>& directories, const std::string& by) {
  if (directories.size() == 1 && is_comparison_directory(directories.front()))
    return comparison_page(read_comparison_page(directories.front(), by));
  if (!by.empty())
    throw UsageError("--by " + by + ": only the page of a comparison or a sweep has a figure that decides");
  std::vector<ReportRun> runs;
  for (const std::string& directory : directories) {
    // DIR/* of a comparison names its own files, too.
    if (directories.size() > 1 && is_comparison_file(directory)) continue;
    if (directories.size() > 1 && is_comparison_directory(directory))
      throw UsageError(directory + ": a comparison or a sweep has a page of its own: reluscope report " +
                       shell_word(directory));
    runs.push_back(read_report_run(directory));
  }
  if (runs.empty()) throw UsageError("found no directory of a run, expected one at least");
  return html_report(std::move(runs));
}

/// Hands the page to the desktop's browser, without waiting for it.
void open_page(const std::string& page) {
  std::string opener = "xdg-open";
  std::string path = std::filesystem::absolute(page).string();
  posix_spawn_file_actions_t streams;
  ::posix_spawn_file_actions_init(&streams);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::posix_spawn_file_actions_addopen(&streams, stream, "/dev/null", O_RDWR, 0);
  std::array<char*, 3> words = {opener.data(), path.data(), nullptr};
  pid_t child = 0;
  const int fault = ::posix_spawnp(&child, opener.c_str(), &streams, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&streams);
  if (fault != 0) spdlog::warn("{} is not there (apt install xdg-utils): open {} in a browser", opener, path);
}

int report_them(const std::vector<std::string>& directories, const std::string& by, const std::string& out, bool open) {
  if (open && out == "-") throw UsageError("--open and --out -: only a page in a file can be opened");
  std::vector<std::filesystem::path> inputs;
  for (const std::string& directory : directories) {
    for (std::filesystem::path& file : RunDirectory::own_files(directory)) inputs.push_back(std::move(file));
    for (std::filesystem::path& file : comparison_files(directory)) inputs.push_back(std::move(file));
  }
  if (out != "-") refuse_overwriting("--out " + out, out, inputs);
  write_page(make_report(directories, by), out);
  if (open) open_page(out);
  return kDone;
}

}  // namespace

void add_report(CommandLine& line) {
  auto directories = std::make_shared<std::vector<std::string>>();
  auto by = std::make_shared<std::string>();
  auto open = std::make_shared<bool>(false);
  auto out = std::make_shared<std::string>("report.html");
  CLI::App* command = line.add(
      "report", "Make a self-contained HTML page of a run, of several side by side, or of a comparison or sweep",
      "\nSeveral runs share their axes; runs of one config that differ in the seed alone become a line with a band.\n"
      "\nExamples:\n  reluscope report runs/dying-relu -o dying.html\n"
      "  reluscope report runs/dying-relu runs/dying-leaky\n"
      "  reluscope report sweeps/lr-activation");
  command->add_option("RUN", *directories, "Run directories; or that of a sweep, or of compare --runs")->required();
  add_by_option(*command, *by, "Of a comparison or sweep: the figure that decides");
  command->add_option("-o,--out", *out, "Where the page goes [report.html]; - is standard output")->type_name("FILE");
  command->add_flag("--open", *open, "Open the page in the browser, by xdg-open");
  command->callback([&line, directories, by, out, open] {
    line.action = [directories, by, out, open] { return report_them(*directories, *by, *out, *open); };
  });
}

}  // namespace reluscope
