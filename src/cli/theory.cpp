#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "config/load.hpp"
#include "experiment/setup.hpp"
#include "experiment/theory.hpp"
#include "report/terminal.hpp"
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
  bool format_given = false;
};

std::string percent(double share) { return format_fixed(100.0 * share, 2) + " %"; }

/// What the rows cannot say, for people: a paragraph each.
std::vector<std::string> remarks(const Theory& theory) {
  if (theory.from_file)
    return {"the weights come from a file (network.init_from): nothing is drawn that theory could speak of"};
  std::vector<std::string> texts = {"sum of 1/units over the hidden layers: " + format_fixed(theory.hanin_sum, 3) +
                                    ": the larger, the more do gradients differ between initialisations"};
  if (theory.gradient_moment_ratio)
    texts.push_back("mean of ‖∂L/∂z‖⁴ at the first layer over the square of that of ‖∂L/∂z‖²: Π (1 + 5/units) = " +
                    format_short(*theory.gradient_moment_ratio) + " (1: all initialisations have the same gradient)");
  const BornDeadTheory& born_dead = theory.born_dead;
  if (born_dead.upper)
    texts.push_back("born dead: " + (born_dead.lower ? "between " + percent(*born_dead.lower) + " and " : "at most ") +
                    percent(*born_dead.upper) + " of all initialisations");
  if (born_dead.sampled)
    texts.push_back("born dead on the training set: " + percent(born_dead.sampled->value) + " of " +
                    std::to_string(theory.samples) + " sampled (95 % interval " + percent(born_dead.sampled->low) +
                    " to " + percent(born_dead.sampled->high) + ")");
  return texts;
}

void print_remarks(const Theory& theory) {
  const bool terminal = is_terminal(STDERR_FILENO);
  for (const std::string& text : remarks(theory))
    std::cerr << (terminal ? wrap(text, terminal_width(STDERR_FILENO), "  ") : text) << '\n';
}

/// A row for each layer, for people.
std::string theory_table(const std::vector<TheoryRecord>& rows, std::size_t width) {
  const auto text = [](const std::optional<double>& value) { return value ? format_short(*value) : "-"; };
  const auto with_interval = [&](const std::optional<double>& value, const std::optional<double>& low,
                                 const std::optional<double>& high) {
    return value ? text(value) + " [" + text(low) + ", " + text(high) + "]" : "-";
  };
  const bool sampled = std::any_of(rows.begin(), rows.end(), [](const TheoryRecord& row) { return row.q_sampled; });
  std::vector<std::string> header = {"name", "activation", "units", "mean z²", "RMS ∂L/∂z", "χ₁", "regime"};
  if (sampled) header.insert(header.end(), {"mean z², sampled", "RMS ∂L/∂z, sampled"});
  std::vector<std::vector<std::string>> cells;
  for (const TheoryRecord& row : rows) {
    cells.push_back({row.name, row.activation, std::to_string(row.units), text(row.q), text(row.delta_rms),
                     text(row.chi1), row.regime.value_or("")});
    if (!sampled) continue;
    cells.back().push_back(with_interval(row.q_sampled, row.q_low, row.q_high));
    cells.back().push_back(with_interval(row.delta_rms_sampled, row.delta_rms_low, row.delta_rms_high));
  }
  return format_table(header, cells, 2, TableStyle::plain, width,
                      {"activation", "regime", "units", "χ₁", "RMS ∂L/∂z, sampled"});
}

int write_theory(const TheoryOptions& options, bool quiet) {
  const ExperimentSpec spec = load_experiment(options.config, options.overrides);
  check_memory(spec);
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  check_against_data(spec, dataset);
  check_memory(spec, dataset.shape(), static_cast<std::uint64_t>(dataset.train.count()));
  ThreadPool pool(job_count(options.threads));
  const Theory theory =
      options.samples > 0 ? predict_and_sample(spec, dataset, options.samples, pool) : predict(spec, dataset);
  if (options.json) {
    write_document("-", theory_json(theory));
    return kDone;
  }
  if (is_terminal(STDOUT_FILENO) && !options.format_given) {
    std::cout << theory_table(theory_records(theory), terminal_width(STDOUT_FILENO)) << std::flush;
  } else {
    TableWriter<TheoryRecord> table(TextSink("-"), options.format);
    table.write(theory_records(theory));
    table.flush();
  }
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
  add_format_option(*command, options->format, "Format of the rows [csv; on a terminal a table]");
  command->callback([&line, options, command] {
    options->format_given = command->get_option("--format")->count() > 0;
    line.action = [&line, options] { return write_theory(*options, line.common.quiet); };
  });
}

}  // namespace reluscope
