#include <spdlog/spdlog.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <optional>

#include "cli/commands.hpp"
#include "experiment/census_directory.hpp"
#include "experiment/given_network.hpp"
#include "experiment/setup.hpp"
#include "report/census_report.hpp"
#include "report/terminal.hpp"
#include "util/error.hpp"
#include "util/input.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

struct CensusOptions {
  NetworkWish wish;
  std::string config;
  std::string weights;
  std::string data;
  std::string part = "train";
  std::string compare;
  std::string out;
  int threads = 0;
  bool json = false;
};

Dataset load_for_census(const ExperimentSpec& spec, DataPart part) {
  check_memory(spec);
  Dataset dataset = load_dataset(spec.data, spec.seed);
  check_against_data(spec, dataset);
  const Samples& samples = part == DataPart::train ? dataset.train : dataset.test;
  check_memory(spec, dataset.shape(), static_cast<std::uint64_t>(samples.count()));
  if (part == DataPart::test && dataset.test.count() == 0)
    throw UsageError("--part test: found data without test samples, expected some: data.test_fraction sets them apart");
  return dataset;
}

void say_whose_parameters(const ExperimentSpec& spec) {
  if (const auto& file = spec.network.init_from) {
    spdlog::info("{}", wrap_message("the parameters are those in " + file->string()));
  } else {
    spdlog::info("{}", wrap_message("no weights are given (network.init_from, --weights FILE): the parameters are the "
                                    "drawn ones that training would start from, with seed " +
                                    std::to_string(spec.seed)));
  }
}

int take_census(CensusOptions options) {
  options.wish.config = options.config;
  options.wish.weights = options.weights;
  options.wish.data = options.data;
  CensusFacts facts;
  facts.started = utc_now();
  const ExperimentSpec spec = find_network(options.wish);
  std::optional<ExperimentSpec> other;
  if (!options.compare.empty()) other = with_weights(spec, options.compare);

  CensusReport report;
  report.part = options.part == "test" ? DataPart::test : DataPart::train;
  if (other) report.compared_with = other->network.init_from->string();
  std::vector<std::filesystem::path> inputs = input_files(spec);
  inputs.emplace_back(options.config);
  if (other) inputs.push_back(*other->network.init_from);
  std::optional<CensusDirectory> directory;
  if (!options.out.empty()) directory.emplace(options.out, has_directory(options.config) ? options.config : "", inputs);

  Dataset dataset = load_for_census(spec, report.part);
  ThreadPool pool(job_count(options.threads));
  report.census = take_network_census(spec, dataset, report.part, pool);
  if (other) report.changes = changes_between(take_network_census(*other, dataset, report.part, pool), report.census);
  say_whose_parameters(spec);
  if (directory) {
    facts.part = report.part;
    facts.compared_with = report.compared_with;
    facts.threads = pool.threads();
    directory->write(spec, dataset, report.census, report.changes, facts);
  }
  if (options.json) {
    write_document("-", census_json(report, spec, dataset));
  } else {
    std::cout << census_text(report, terminal_width(STDOUT_FILENO)) << std::flush;
  }
  if (directory) spdlog::info("the tables are in {}", options.out);
  return kDone;
}

}  // namespace

void add_census(CommandLine& line) {
  auto options = std::make_shared<CensusOptions>();
  CLI::App* command = line.add(
      "census", "Count the dead units of a network as it is: of a run, of a file of weights, before training",
      "\nNothing is trained. The counts are exact, over all samples of the part that is looked at. Inputs are scaled "
      "by\n"
      "statistics of the training part of the data at hand. What rests on training (causes of death, locks) is left\n"
      "empty.\n"
      "\nExamples:\n  reluscope run configs/dying-relu.json --save-weights\n"
      "  reluscope census runs/dying-relu\n"
      "  reluscope census runs/dying-relu --part test --json | jq '.layers[].dead'\n"
      "  reluscope census configs/dying-relu.json --weights mine.safetensors --compare runs/dying-relu\n"
      "  reluscope census runs/dying-relu --out census && reluscope report census");
  command
      ->add_option("CONFIG", options->config,
                   "The experiment (- reads standard input), or the directory of a run that saved its weights")
      ->required();
  command->add_option("KEY=VALUE", options->wish.overrides, "Changes to the config, as for run");
  command
      ->add_option("--weights", options->weights,
                   "The parameters: safetensors, a checkpoint too, or the directory of a run [network.init_from, or as "
                   "drawn]")
      ->type_name("FILE");
  command
      ->add_option("--data", options->data,
                   "Other data of the same kind: short for data.directory=DIR, or data.file=FILE, from here")
      ->type_name("PLACE");
  command->add_option("--part", options->part, "Which samples are looked at [train]")
      ->check(CLI::IsMember({"train", "test"}))
      ->type_name("PART");
  command
      ->add_option("--compare", options->compare,
                   "Earlier parameters of the same network, as for --weights: who died since, and who revived")
      ->type_name("OTHER");
  command
      ->add_option("-o,--out", options->out,
                   "Also write census.csv, units.csv, sites.csv, with --compare changes.csv, and what diagnose, report "
                   "and export need beside them")
      ->type_name("DIR");
  add_jobs_option(*command, options->threads);
  command->add_flag("--json", options->json, "Everything as one JSON document");
  command->callback([&line, options] { line.action = [options] { return take_census(*options); }; });
}

}  // namespace reluscope
