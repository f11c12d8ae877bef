#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "config/hints.hpp"
#include "config/load.hpp"
#include "experiment/setup.hpp"
#include "util/error.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

struct ValidateOptions {
  std::string config;
  std::vector<std::string> overrides;
  bool config_only = false;
};

/// What `run` asks of data, weights and memory before it begins; the samples that there are.
std::string check_data(const ExperimentSpec& spec) {
  const Dataset dataset = load_for_training(spec);
  return ", " + std::to_string(dataset.train.count()) + " training and " + std::to_string(dataset.test.count()) +
         " test samples of " + std::to_string(dataset.features()) + " features";
}

int validate(const ValidateOptions& options) {
  const ExperimentSpec spec = load_experiment(options.config, options.overrides);
  const std::string samples = options.config_only ? ", the data not looked at" : check_data(spec);
  std::cout << printable(spec.origin) << ": ok (" << spec.name << ": " << spec.network.layers.size() << " layers, "
            << spec.data.source.name << " data" << samples << ", " << spec.loss.name << ", "
            << spec.train.optimizer.name << ")\n";
  for (const ConfigHint& hint : config_hints(spec))
    std::cout << printable(spec.origin) << ": " << hint.pointer << ": hint: " << hint.sentence << '\n';
  return kDone;
}

}  // namespace

void add_validate(CommandLine& line) {
  auto options = std::make_shared<ValidateOptions>();
  CLI::App* command =
      line.add("validate", "Check a config and its data, and list everything that is wrong: what run would refuse",
               "\nExamples:\n  reluscope validate experiment.jsonc train.batch_size=64\n"
               "  reluscope validate experiment.jsonc --config-only     where the data are not at hand");
  command->add_option("CONFIG", options->config, "The experiment; - reads standard input")->required();
  command->add_option("KEY=VALUE", options->overrides, "Changes to the config, as for run");
  command->add_flag("--config-only", options->config_only, "Do not look at the data, initial weights and memory");
  command->callback([&line, options] { line.action = [options] { return validate(*options); }; });
}

}  // namespace reluscope
