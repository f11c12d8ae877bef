// Measurements for scripts/bench.py, which runs them beside their peers: one JSON object per line on standard output.

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cases.hpp"

int main(int argc, char** argv) {
  namespace bench = reluscope::bench;
  bench::Options options;
  CLI::App app("Times reluscope's parts", "reluscope_bench");
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* what, void (*measure)(const bench::Options&)) {
    CLI::App* command = app.add_subcommand(name, what);
    command->add_option("--net", options.net, "Inputs and units of each layer")->delimiter(',');
    command->add_option("--batch", options.batch, "Samples a step")->check(CLI::PositiveNumber);
    command->add_option("--threads", options.threads)->check(CLI::PositiveNumber);
    command->add_option("--seconds", options.seconds, "Time to spend")->check(CLI::PositiveNumber);
    command->add_option("--data", options.data, "Directory of MNIST's IDX files");
    command->add_option("--activation", options.activation, "Of the hidden layers");
    command->add_option("--nets", options.nets, "Networks of a study")->check(CLI::PositiveNumber);
    command->add_option("--points", options.points, "Samples of the plane")->check(CLI::PositiveNumber);
    command->add_option("--task", options.task)->check(CLI::IsMember({"born-dead", "train"}));
    command->add_option("--way", options.way)->check(CLI::IsMember({"pack", "single"}));
    command->callback([&options, measure] { measure(options); });
  };
  add("step", "Training steps with full statistics and with none", bench::measure_steps);
  add("products", "The matrix products of a step alone, by each back end", bench::measure_products);
  add("primitives", "The oneDNN primitives of a convolutional network's step alone", bench::measure_primitives);
  add("forward", "A census pass over the whole training set", bench::measure_forward);
  add("activations", "Nanoseconds per element of each activation", bench::measure_activations);
  add("pack", "Studies of many narrow networks", bench::measure_packs);
  add("census", "A run with censuses", bench::measure_census);
  CLI::App* census = app.get_subcommand("census");
  CLI::App* step = app.get_subcommand("step");
  for (CLI::App* command : {census, step, app.get_subcommand("primitives")}) {
    command->add_option("--config", options.config, "The experiment")->required(command != step);
    command->add_option("KEY=VALUE", options.overrides, "Changes to it");
  }
  census->add_flag("--brute", options.brute, "Every census is a pass over all samples");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "reluscope_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
