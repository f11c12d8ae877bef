#include "trials/compare.hpp"

#include <cmath>
#include <limits>

#include "util/error.hpp"

namespace reluscope {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

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
      {"accuracy", "held-out accuracy, %", true, 100.0,
       [](const Trial& one) { return one.figures.held_out_accuracy(); }},
      {"loss", "held-out loss", false, 1.0, [](const Trial& one) { return one.figures.held_out_loss(); }},
      {"dead", "dead units at the end, %", false, 100.0,
       [](const Trial& one) { return one.figures.dead_fraction.value_or(kNaN); }},
      {"gradient growth", "largest gradient norm over the first", false, 1.0,
       [](const Trial& one) { return one.figures.grad_norm_growth.value_or(kNaN); }},
      {"steps/s", "updates per second, everything measured", true, 1.0,
       [](const Trial& one) {
         return one.seconds > 0.0 && one.figures.status == "done" ? static_cast<double>(one.figures.steps) / one.seconds
                                                                  : kNaN;
       }},
  };
}

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
    std::vector<Variant> combinations;
    for (const Variant& variant : variation.variants)
      for (const std::string& value : split_values(word.substr(equals + 1))) {
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

std::span<const Metric> metric_table() {
  static const std::vector<Metric> table = make_metrics();
  return table;
}

std::vector<Comparison> compare(const std::vector<Variant>& variants, const std::vector<std::vector<Trial>>& trials) {
  std::vector<Comparison> rows;
  for (const Metric& metric : metric_table()) {
    std::vector<Comparison> of_metric;
    std::int64_t values = 0;
    for (std::size_t variant = 0; variant < variants.size(); ++variant) {
      Comparison& row = of_metric.emplace_back();
      row.metric = metric.name;
      row.variant = variants[variant].name;
      std::vector<double> own;
      std::vector<double> differences;
      for (std::size_t seed = 0; seed < trials[variant].size(); ++seed) {
        const double value = metric.value(trials[variant][seed]);
        if (trials[variant][seed].figures.status != "done") ++row.failed;
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
