#include <spdlog/spdlog.h>

#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "cli/findings.hpp"
#include "config/load.hpp"
#include "experiment/setup.hpp"
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
  std::int64_t seeds = 8;
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

void print_prescription(const Prescription& prescription, const std::string& patch, bool markdown) {
  const TableStyle style = markdown ? TableStyle::markdown : TableStyle::plain;
  print_findings(prescription.diagnosis, std::cout);
  if (prescription.screening.size() > 1) std::cout << '\n' << screening_table(prescription, style);
  if (prescription.fresh_seeds > 0) std::cout << '\n' << confirmation_table(prescription, style);
  std::cout << (prescription.findings.empty() ? "" : "\n") << printable(sentence_of(prescription)) << '\n';
  if (!patch.empty()) std::cout << "\nThe change to the config, as JSON Patch:\n" << patch;
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
  FleetProgress progress("prescribe", choices.budget, 0, !quiet);
  const auto found = prescribe(source, choices.overrides, options, &stop,
                               [&](const Trial& trial) { progress.advance(trial.figures.failed()); });
  progress.clear();
  if (!found) reraise(stop);
  const Prescription& prescription = *found;
  const bool recommended = prescription.verdict == Verdict::cures || prescription.verdict == Verdict::helps;
  std::string patch;
  if (recommended) {
    std::vector<std::string> changes = choices.overrides;
    changes.insert(changes.end(), prescription.winner->changes.begin(), prescription.winner->changes.end());
    // To the config as it was run, KEY=VALUE and all.
    const std::string before = change_config(source.text, source.origin, choices.overrides).document;
    patch = change_config(before, source.origin, prescription.winner->changes).patch;
    if (!choices.write.empty())
      write_document(choices.write, document_for(source, changes, source.parse(changes), choices.write));
  } else if (!choices.write.empty()) {
    spdlog::warn("nothing was written to {}: there is no change to recommend", choices.write);
  }
  if (choices.json) {
    write_document("-", prescription_json(prescription, patch));
  } else {
    print_prescription(prescription, patch, choices.markdown);
  }
  spdlog::info("{} runs", prescription.runs);
  return kDone;
}

}  // namespace

void add_prescribe(CommandLine& line) {
  auto choices = std::make_shared<PrescribeChoices>();
  CLI::App* command = line.add(
      "prescribe", "Find a change that cures the findings of a config, by trying",
      "\nRemedies that go with the findings are run over paired seeds; half of them drop out in each round. The\n"
      "winner is then run on seeds that the choice did not see, beside the config as it is and a random change.\n"
      "\nExamples:\n"
      "  reluscope prescribe configs/dying-relu.json\n"
      "  reluscope prescribe c.json --write cured.json --json | jq .verdict");
  command->add_option("CONFIG", choices->config, "The experiment; - reads standard input")->required();
  command->add_option("KEY=VALUE", choices->overrides, "Changes to the config");
  command->add_option("--seeds", choices->seeds, "Seeds of the last round, and of the confirmation [8]")
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
