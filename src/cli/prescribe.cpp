#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>

#include "cli/commands.hpp"
#include "config/load.hpp"
#include "experiment/setup.hpp"
#include "report/findings_text.hpp"
#include "report/fleet_progress.hpp"
#include "report/prescribe_report.hpp"
#include "trials/prescribe.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/output_place.hpp"
#include "util/signals.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

struct PrescribeChoices {
  std::string config;
  std::vector<std::string> overrides;
  std::optional<std::int64_t> seeds;
  std::int64_t budget = 200;
  std::string objective;
  std::string write;
  int jobs = 0;
  bool json = false;
  bool markdown = false;
};

/// The changed config, such that it finds its data from where it is written.
std::string document_for(const ConfigSource& source, std::vector<std::string> changes, const ExperimentSpec& spec,
                         const std::filesystem::path& target) {
  const auto whole = [](const std::filesystem::path& path) {
    return std::filesystem::weakly_canonical(path.empty() ? std::filesystem::path(".") : path);
  };
  const std::filesystem::path home = whole(target.parent_path());
  const bool from_files =
      spec.data.source.name == "idx" || spec.data.source.name == "csv" || spec.data.source.name == "npy";
  if (from_files && home != whole(source.base_directory))
    changes.push_back("data.directory=" + std::filesystem::relative(whole(spec.data.base_directory), home).string());
  return change_config(source.text, source.origin, changes).document;
}

/// What is printed at once is no wider than this.
constexpr std::size_t kWidest = 80;

void print_prescription(const Prescription& prescription, const Change& change, const std::vector<std::string>& command,
                        bool markdown) {
  const TableStyle style = markdown ? TableStyle::markdown : TableStyle::plain;
  const std::size_t width = std::min(kWidest, terminal_width(STDOUT_FILENO));
  // What to do about them is what follows.
  std::cout << findings_text(prescription.diagnosis, {width, wants_color(STDOUT_FILENO), false, false});
  if (prescription.screening.size() > 1) std::cout << '\n' << screening_table(prescription, style, width);
  if (prescription.confirmation.seeds > 0) std::cout << '\n' << confirmation_table(prescription, style, width);
  std::cout << (prescription.findings.empty() ? "" : "\n");
  for (const std::string& text :
       {sentence_of(prescription), reason_of(prescription), left_out_text(prescription), effort_text(prescription)})
    if (!text.empty()) std::cout << wrap(printable(text), width) << '\n';
  if (!change.patch.empty())
    std::cout << "\nThe change to the config, as JSON Patch:\n"
              << change.patch << "\nThe same as a command:\n"
              << printable(shell_lines(command, width), LineBreaks::kept) << '\n';
  std::cout << std::flush;
}

int prescribe_it(const PrescribeChoices& choices, bool quiet) {
  hold_stop_signals();
  if (choices.write == "-") throw UsageError("--write -: standard output has the findings; name a file");
  const ConfigSource source = read_config_source(choices.config);
  if (!choices.write.empty()) {
    std::vector<std::filesystem::path> inputs = input_files(source.parse(choices.overrides));
    inputs.emplace_back(choices.config);
    refuse_overwriting("--write " + choices.write, choices.write, inputs);
  }
  PrescribeOptions options;
  options.seeds = choices.seeds;
  options.budget = choices.budget;
  options.threads = job_count(choices.jobs);
  if (!choices.objective.empty())
    options.objective = choices.objective == "accuracy" ? Objective::accuracy : Objective::loss;
  const std::atomic<int>& stop = watch_stop_signals();
  FleetProgress progress("prescribe", 1, 0, !quiet);
  PrescribeListener listener;
  listener.plan = [&](const Workload& planned) { progress.expect({planned.runs, planned.length}); };
  listener.advance = [&](const Trial& trial, const Workload& done) {
    progress.advance(trial.record.failed(), {done.runs, done.length});
  };
  const auto found = prescribe(source, choices.overrides, options, &stop, listener);
  progress.clear();
  if (!found) reraise(stop);
  const Prescription& prescription = *found;
  Change change;
  std::vector<std::string> command;
  if (is_recommended(prescription.verdict)) {
    const std::string name = source.parse(choices.overrides).name;
    const std::vector<std::string> changes = named_changes(*prescription.winner, name);
    // To the config as it was run, KEY=VALUE and all.
    const std::string before = change_config(source.text, source.origin, choices.overrides).document;
    change.patch = change_config(before, source.origin, changes).patch;
    std::vector<std::string> all = choices.overrides;
    all.insert(all.end(), changes.begin(), changes.end());
    const ExperimentSpec changed = source.parse(all);
    change.name = changed.name;
    command = run_command(choices.config, choices.overrides, changes);
    change.command = shell_line(command);
    if (!choices.write.empty()) write_document(choices.write, document_for(source, all, changed, choices.write));
  } else if (!choices.write.empty()) {
    spdlog::warn("nothing was written to {}: there is no change to recommend", choices.write);
  }
  if (choices.json) {
    write_document("-", prescription_json(prescription, change));
  } else {
    print_prescription(prescription, change, command, choices.markdown);
  }
  return kDone;
}

}  // namespace

void add_prescribe(CommandLine& line) {
  auto choices = std::make_shared<PrescribeChoices>();
  CLI::App* command = line.add(
      "prescribe", "Find a change that cures the findings of a config, by trying",
      "\nRemedies that go with the findings are run over paired seeds; in each round two thirds of them drop out.\n"
      "The winner is then run on seeds that the choice did not see, beside the config as it is and a random\n"
      "change; where it does not cure, the next best one is.\n"
      "\nExamples:\n"
      "  reluscope prescribe configs/dying-relu.json\n"
      "  reluscope prescribe c.json --write cured.json --json | jq .verdict");
  command->add_option("CONFIG", choices->config, "The experiment; - reads standard input")->required();
  command->add_option("KEY=VALUE", choices->overrides, "Changes to the config");
  command->add_option("--seeds", choices->seeds, "Fresh seeds of the confirmation [8, or 5 where they are unanimous]")
      ->check(CLI::Range(std::int64_t{3}, std::int64_t{10'000}))
      ->type_name("N");
  command->add_option("--budget", choices->budget, "Runs, at most; the least likely remedies are left out for it [200]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}))
      ->type_name("N");
  command
      ->add_option("--objective", choices->objective,
                   "What is ranked by, on held-out data, or the training data where there are no others: accuracy [the "
                   "default for classes] or loss")
      ->check(CLI::IsMember({"accuracy", "loss"}))
      ->type_name("FIGURE");
  command->add_option("--write", choices->write, "Write the changed config")->type_name("FILE");
  add_jobs_option(*command, choices->jobs);
  command->add_flag("--json", choices->json, "Everything as JSON on standard output");
  command->add_flag("--markdown", choices->markdown, "The tables as Markdown");
  command->callback(
      [&line, choices] { line.action = [&line, choices] { return prescribe_it(*choices, line.common.quiet); }; });
}

}  // namespace reluscope
