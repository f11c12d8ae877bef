#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "config/hints.hpp"
#include "config/load.hpp"
#include "util/error.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

struct ValidateOptions {
  std::string config;
  std::vector<std::string> overrides;
};

}  // namespace

void add_validate(CommandLine& line) {
  auto options = std::make_shared<ValidateOptions>();
  CLI::App* command = line.add("validate", "Check a config and list everything that is wrong with it",
                               "\nExample:\n  reluscope validate experiment.jsonc train.batch_size=64");
  command->add_option("CONFIG", options->config, "The experiment; - reads standard input")->required();
  command->add_option("KEY=VALUE", options->overrides, "Changes to the config, as for run");
  command->callback([&line, options] {
    line.action = [&line, options] {
      const ExperimentSpec spec = load_experiment(options->config, options->overrides);
      if (!line.common.quiet)
        std::cout << printable(spec.origin) << ": ok (" << spec.name << ": " << spec.network.layers.size()
                  << " layers, " << spec.data.source.name << " data, " << spec.loss.name << ", "
                  << spec.train.optimizer.name << ")\n";
      for (const ConfigHint& hint : config_hints(spec))
        if (!line.common.quiet)
          std::cout << printable(spec.origin) << ": " << hint.pointer << ": hint: " << hint.sentence << '\n';
      return kDone;
    };
  });
}

}  // namespace reluscope
