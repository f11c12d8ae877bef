#include "trials/compare.hpp"

#include <cmath>
#include <limits>

#include "trace/table_reader.hpp"
#include "trials/results.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/hash.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

/// Cuts at commas outside of brackets, braces and quotes.
std::vector<std::string> split_values(const std::string& text) {
  std::vector<std::string> values(1);
  int depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char letter = text[at];
    if (letter == '"' && (at == 0 || text[at - 1] != '\\')) quoted = !quoted;
    if (!quoted && (letter == '[' || letter == '{')) ++depth;
    if (!quoted && (letter == ']' || letter == '}')) --depth;
    if (letter == ',' && depth == 0 && !quoted) {
      values.emplace_back();
    } else {
      values.back() += letter;
    }
  }
  return values;
}

std::vector<Metric> make_metrics() {
  return {
      {"accuracy", "accuracy, %", true, true, 100.0, [](const Trial& one) { return one.figures.judged_accuracy(); }},
      {"loss", "loss", false, true, 1.0, [](const Trial& one) { return one.figures.judged_loss(); }},
      {"dead", "dead units at the end, %", false, false, 100.0,
       [](const Trial& one) { return one.figures.dead_fraction.value_or(kNaN); }},
      {"gradient growth", "largest gradient norm over the first", false, false, 1.0,
       [](const Trial& one) { return one.figures.grad_norm_growth.value_or(kNaN); }},
      {"steps/s", "updates per second, everything measured", true, false, 1.0,
       [](const Trial& one) { return one.steps_per_second(); }},
  };
}

/// What the runs that went through were judged on.
std::string judged_data(const std::vector<std::vector<Trial>>& trials) {
  bool held_out = false;
  bool training = false;
  for (const std::vector<Trial>& of_variant : trials)
    for (const Trial& trial : of_variant)
      if (!trial.figures.failed()) (trial.figures.test_loss ? held_out : training) = true;
  if (held_out && training) return "held-out or training";
  return training ? "training" : "held-out";
}

/// What the rows of compare.csv follow from.
std::string comparison_id(const Variation& variation, std::span<const Job> jobs) {
  std::string all;
  for (const std::string& key : variation.keys) all += key + '\n';
  for (const Job& job : jobs) {
    all += job.id;
    for (const std::string& value : job.settings) all.append("\n").append(value);
  }
  return content_hash(all);
}

/// A row of the journal: that of compare.csv, and how long the run took.
constexpr const char* kSeconds = "seconds";

}  // namespace

Variation parse_variation(std::span<const std::string> words) {
  Variation variation;
  variation.variants.emplace_back();
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == word.size())
      throw UsageError("--vary " + word + ": expected KEY=VALUE,VALUE,…, as network.layers.*.activation=relu,elu");
    const std::string key = word.substr(0, equals);
    variation.keys.push_back(key);
    const std::vector<std::string> values = split_values(word.substr(equals + 1));
    if (std::ssize(values) > kMostCompared / std::ssize(variation.variants))
      throw UsageError("--vary " + word + ": more than " + std::to_string(kMostCompared) + " combinations");
    std::vector<Variant> combinations;
    for (const Variant& variant : variation.variants)
      for (const std::string& value : values) {
        Variant& one = combinations.emplace_back(variant);
        one.name += (one.name.empty() ? "" : ", ") + value;
        one.settings.push_back(value);
        std::string assignment = key;
        assignment.append("=").append(value);
        one.overrides.push_back(assignment);
      }
    variation.variants = std::move(combinations);
  }
  return variation;
}

std::vector<Job> comparison_jobs(const ConfigSource& source, const Variation& variation,
                                 const std::vector<std::string>& overrides, std::uint64_t first_seed,
                                 std::int64_t seeds) {
  const std::int64_t count = std::ssize(variation.variants);
  if (count > kMostCompared / seeds)
    throw UsageError(std::to_string(count) + " variants × " + std::to_string(seeds) + " seeds: expected at most " +
                     std::to_string(kMostCompared) + " runs; reluscope sweep makes more");
  std::vector<Job> jobs;
  for (const Variant& variant : variation.variants)
    for (std::int64_t seed = 0; seed < seeds; ++seed) {
      Job& job = jobs.emplace_back();
      job.settings = variant.settings;
      job.overrides = overrides;
      job.overrides.insert(job.overrides.end(), variant.overrides.begin(), variant.overrides.end());
      job.seed = first_seed + static_cast<std::uint64_t>(seed);
    }
  identify(source, jobs);
  // Seed by seed, so that neighbours share their data.
  std::vector<Job> ordered;
  const std::size_t variants = variation.variants.size();
  for (std::size_t seed = 0; seed < static_cast<std::size_t>(seeds); ++seed)
    for (std::size_t variant = 0; variant < variants; ++variant) {
      ordered.push_back(jobs[variant * static_cast<std::size_t>(seeds) + seed]);
      ordered.back().number = static_cast<std::int64_t>(ordered.size()) - 1;
    }
  return ordered;
}

std::optional<ComparisonRuns> run_comparison(const ConfigSource& source, const Variation& variation,
                                             std::span<const Job> jobs, int threads,
                                             const std::filesystem::path& journal, const std::atomic<int>* stop,
                                             const ComparisonBegin& begin,
                                             const std::function<void(const Trial&)>& progress,
                                             const std::filesystem::path& keep) {
  const std::size_t variants = variation.variants.size();
  ComparisonRuns runs;
  runs.trials.assign(variants, std::vector<Trial>(jobs.size() / variants));
  runs.rows.resize(jobs.size());
  std::int64_t there = 0;
  const auto take = [&](std::int64_t job, std::string_view row, const Figures& figures, double seconds) {
    const auto at = static_cast<std::size_t>(job);
    runs.rows[at] = row;
    runs.failed += figures.failed() ? 1 : 0;
    Trial& trial = runs.trials[at % variants][at / variants];
    trial.figures = figures;
    trial.seconds = seconds;
    ++there;
  };
  const auto take_row = [&](std::int64_t job, std::string_view row, std::uint64_t) {
    const std::vector<std::string> cells = split_row(row);
    const std::optional<Figures> figures = figures_of(cells, variation.keys.size(), 1);
    double seconds = 0.0;
    if (!figures || detail::read_cell(cells.back(), seconds) != nullptr || job >= std::ssize(jobs) ||
        !runs.rows[static_cast<std::size_t>(job)].empty())
      return false;
    take(job, row.substr(0, row.rfind(',')), *figures, seconds);
    return true;
  };
  std::string warning;
  if (!journal.empty()) try {
      runs.journal.emplace(journal, results_header(variation.keys) + ',' + kSeconds, comparison_id(variation, jobs),
                           take_row);
      warning = runs.journal->damage();
    } catch (const JournalInUse& fault) {
      // Two that are made at once both come to their end, and the last one's results stay.
      warning = std::string(fault.what()) + ". This comparison keeps no journal";
    }
  begin(there, warning);
  run_fleet(
      source, std::ssize(jobs),
      [&](std::int64_t place) {
        const auto at = static_cast<std::size_t>(place);
        return runs.rows[at].empty() ? std::optional(jobs[at]) : std::nullopt;
      },
      threads, stop,
      [&](const Job& job, const Trial& trial) {
        const std::string row = results_row(job, trial.figures);
        if (runs.journal) runs.journal->append(row + ',' + format_number(trial.seconds));
        take(job.number, row, trial.figures, trial.seconds);
        progress(trial);
      },
      keep);
  if (there == std::ssize(jobs)) return runs;
  if (there == 0 && runs.journal) runs.journal->remove();
  return std::nullopt;
}

std::span<const Metric> metric_table() {
  static const std::vector<Metric> table = make_metrics();
  return table;
}

std::vector<Comparison> compare(const std::vector<Variant>& variants, const std::vector<std::vector<Trial>>& trials) {
  std::vector<Comparison> rows;
  const std::string data = judged_data(trials);
  for (const Metric& metric : metric_table()) {
    std::vector<Comparison> of_metric;
    std::int64_t values = 0;
    for (std::size_t variant = 0; variant < variants.size(); ++variant) {
      Comparison& row = of_metric.emplace_back();
      row.metric = metric.name;
      if (metric.judged) row.data = data;
      row.variant = variants[variant].name;
      std::vector<double> own;
      std::vector<double> differences;
      for (std::size_t seed = 0; seed < trials[variant].size(); ++seed) {
        const double value = metric.value(trials[variant][seed]);
        if (trials[variant][seed].figures.failed()) ++row.failed;
        if (std::isnan(value)) continue;
        own.push_back(value);
        const double difference = value - metric.value(trials.front()[seed]);
        if (variant > 0 && !std::isnan(difference)) differences.push_back(difference);
      }
      row.runs = static_cast<std::int64_t>(own.size());
      row.median = median(own);
      row.difference = bootstrap_median(differences);
      values += row.runs;
    }
    if (values > 0) rows.insert(rows.end(), of_metric.begin(), of_metric.end());
  }
  return rows;
}

}  // namespace reluscope
