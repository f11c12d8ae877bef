#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "config/load.hpp"
#include "experiment/setup.hpp"
#include "experiment/theory.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

struct TheoryOptions {
  std::string config;
  std::vector<std::string> overrides;
  std::int64_t samples = 0;
  int threads = 0;
  bool json = false;
  TraceFormat format = TraceFormat::csv;
};

std::string percent(double share) { return format_fixed(100.0 * share, 2) + " %"; }

/// What the rows cannot say, for people.
void print_remarks(const Theory& theory) {
  if (theory.from_file) {
    std::cerr << "the weights come from a file (network.init_from): nothing is drawn that theory could speak of\n";
    return;
  }
  std::cerr << "sum of 1/units over the hidden layers: " << format_fixed(theory.hanin_sum, 3)
            << ": the larger, the more do gradients differ between initialisations\n";
  if (theory.gradient_moment_ratio)
    std::cerr << "mean of ‖∂L/∂z‖⁴ at the first layer over the square of that of ‖∂L/∂z‖²: Π (1 + 5/units) = "
              << format_short(*theory.gradient_moment_ratio) << " (1: all initialisations have the same gradient)\n";
  const BornDeadTheory& born_dead = theory.born_dead;
  if (born_dead.upper) {
    std::cerr << "born dead: " << (born_dead.lower ? "between " + percent(*born_dead.lower) + " and " : "at most ")
              << percent(*born_dead.upper) << " of all initialisations\n";
  }
  if (born_dead.sampled)
    std::cerr << "born dead on the training set: " << percent(born_dead.sampled->value) << " of " << theory.samples
              << " sampled (95 % interval " << percent(born_dead.sampled->low) << " to "
              << percent(born_dead.sampled->high) << ")\n";
}

int write_theory(const TheoryOptions& options, bool quiet) {
  const ExperimentSpec spec = load_experiment(options.config, options.overrides);
  check_memory(spec);
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  check_against_data(spec, dataset);
  check_memory(spec, static_cast<std::uint64_t>(dataset.features()), static_cast<std::uint64_t>(dataset.train.count()));
  ThreadPool pool(job_count(options.threads));
  const Theory theory =
      options.samples > 0 ? predict_and_sample(spec, dataset, options.samples, pool) : predict(spec, dataset);
  if (options.json) {
    write_document("-", theory_json(theory));
    return kDone;
  }
  TableWriter<TheoryRecord> table(TextSink("-"), options.format);
  table.write(theory_records(theory));
  table.flush();
  if (!quiet) print_remarks(theory);
  return kDone;
}

}  // namespace

void add_theory(CommandLine& line) {
  auto options = std::make_shared<TheoryOptions>();
  CLI::App* command =
      line.add("theory", "Predict signal and gradient sizes at initialisation, and the odds of being born dead",
               "\nExamples:\n  reluscope theory configs/exploding.json\n"
               "  reluscope theory configs/born-dead.json --sample 10000 --json | jq .born_dead");
  command->add_option("CONFIG", options->config, "The experiment; - reads standard input")->required();
  command->add_option("KEY=VALUE", options->overrides, "Changes to the config, as for run");
  command->add_option("--sample", options->samples, "Also measure so many fresh initialisations")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{10'000'000}))
      ->type_name("N");
  add_jobs_option(*command, options->threads);
  command->add_flag("--json", options->json, "Everything as one JSON document");
  add_format_option(*command, options->format, "Format of the rows [csv]");
  command->callback(
      [&line, options] { line.action = [&line, options] { return write_theory(*options, line.common.quiet); }; });
}

}  // namespace reluscope
