#include <spdlog/spdlog.h>

#include <memory>

#include "cli/commands.hpp"
#include "report/html_report.hpp"
#include "trace/run_directory.hpp"
#include "util/error.hpp"
#include "util/output_place.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

int report_them(const std::vector<std::string>& directories, const std::string& out) {
  std::vector<std::filesystem::path> inputs;
  for (const std::string& directory : directories)
    for (std::filesystem::path& file : RunDirectory::own_files(directory)) inputs.push_back(std::move(file));
  if (out != "-") refuse_overwriting("--out " + out, out, inputs);
  std::vector<ReportRun> runs;
  for (const std::string& directory : directories) runs.push_back(read_report_run(directory));
  const HtmlReport report = html_report(runs);
  write_document(out, report.page);
  if (!report.without_charts.empty()) spdlog::warn("the report has no charts: {}", report.without_charts);
  if (out != "-") spdlog::info("the report is in {}", out);
  return kDone;
}

}  // namespace

void add_report(CommandLine& line) {
  auto directories = std::make_shared<std::vector<std::string>>();
  auto out = std::make_shared<std::string>("report.html");
  CLI::App* command = line.add(
      "report", "Make a self-contained HTML page of a run, or of several side by side",
      "\nSeveral runs share their axes; runs of one config that differ in the seed alone become a line with a band.\n"
      "\nExamples:\n  reluscope report runs/dying-relu -o dying.html\n"
      "  reluscope report runs/dying-relu runs/dying-leaky");
  command->add_option("RUN", *directories, "Run directories")->required();
  command->add_option("-o,--out", *out, "Where the page goes [report.html]; - is standard output")->type_name("FILE");
  command->callback(
      [&line, directories, out] { line.action = [directories, out] { return report_them(*directories, *out); }; });
}

}  // namespace reluscope
