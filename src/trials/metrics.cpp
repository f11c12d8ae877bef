#include "trials/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "util/format.hpp"

namespace reluscope {

namespace {

std::vector<Metric> make_metrics() {
  return {
      {"accuracy", "accuracy", "%", Better::larger, true, true, 100.0,
       [](const Trial& one) { return one.record.judged_accuracy(); }},
      {"loss", "loss", "", Better::smaller, true, true, 1.0, [](const Trial& one) { return one.record.judged_loss(); }},
      {"dead", "dead units at the end", "%", Better::smaller, false, true, 100.0,
       [](const Trial& one) { return one.record.dead_fraction.value_or(kNaN); }},
      {"steps_to_loss", "steps to the same loss", "", Better::smaller, false, true, 1.0,
       [](const Trial& one) { return one.steps_to_loss; }},
      {"bias_shift", "bias shift: mean activation", "", Better::neither, false, false, 1.0,
       [](const Trial& one) { return one.record.bias_shift.value_or(kNaN); }},
      {"bias_shift_abs", "size of the bias shift", "", Better::smaller, false, false, 1.0,
       [](const Trial& one) { return one.record.bias_shift_abs.value_or(kNaN); }},
      {"zero_fraction", "activations that are 0", "%", Better::neither, false, false, 100.0,
       [](const Trial& one) { return one.record.zero_fraction.value_or(kNaN); }},
      {"grad_decay_start", "gradient, first layer / last, at the start", "", Better::neither, false, false, 1.0,
       [](const Trial& one) { return one.record.grad_decay_start.value_or(kNaN); }},
      {"grad_decay_end", "the same at the end", "", Better::neither, false, false, 1.0,
       [](const Trial& one) { return one.record.grad_decay_end.value_or(kNaN); }},
      {"grad_norm_growth", "largest gradient norm over the first", "", Better::smaller, false, false, 1.0,
       [](const Trial& one) { return one.record.grad_norm_growth.value_or(kNaN); }},
      {"slope_mean", "learned slope, mean", "", Better::neither, false, false, 1.0,
       [](const Trial& one) { return one.record.slope_mean.value_or(kNaN); }},
  };
}

}  // namespace

std::span<const Metric> metric_table() {
  static const std::vector<Metric> table = make_metrics();
  return table;
}

std::string Metric::text(double figure) const {
  if (std::isnan(figure)) return "";
  return unit == "%" ? format_fixed(scale * figure, 1) : format_short(scale * figure);
}

std::string title_of(const ComparedRuns& runs, const Metric& metric) {
  return (metric.judged ? judged_data(runs) + ' ' : "") + metric.title();
}

std::string median_and_range(const ComparedRuns& runs, const Metric& metric, std::size_t variant) {
  std::vector<double> values;
  for (const Trial& trial : runs.trials[variant])
    if (const double value = metric.value(trial); !std::isnan(value)) values.push_back(value);
  if (values.empty()) return "";
  std::sort(values.begin(), values.end());
  const std::string middle = metric.text(median(values));
  if (values.front() == values.back()) return middle;
  return middle + " [" + metric.text(values.front()) + ", " + metric.text(values.back()) + "]";
}

const Metric& metric_called(const std::string& name) {
  for (const Metric& metric : metric_table())
    if (metric.name == name) return metric;
  throw std::logic_error("no metric called " + name);
}

std::vector<std::string> deciding_metrics() {
  std::vector<std::string> names;
  for (const Metric& metric : metric_table())
    if (metric.decides) names.push_back(metric.name);
  return names;
}

std::string judged_data(const ComparedRuns& runs) {
  bool held_out = false;
  bool training = false;
  for (const std::vector<Trial>& of_variant : runs.trials)
    for (const Trial& trial : of_variant)
      if (!trial.record.failed()) (trial.record.test_loss ? held_out : training) = true;
  if (held_out && training) return "held-out or training";
  return training ? "training" : "held-out";
}

std::string usual_metric(const ComparedRuns& runs) {
  for (const std::vector<Trial>& of_variant : runs.trials)
    for (const Trial& trial : of_variant)
      if (!std::isnan(trial.record.judged_accuracy())) return "accuracy";
  return "loss";
}

Estimate paired_difference(const ComparedRuns& runs, const Metric& metric, std::size_t variant, std::size_t reference) {
  std::vector<double> differences;
  for (std::size_t seed = 0; seed < runs.trials[variant].size(); ++seed) {
    const double difference = metric.value(runs.trials[variant][seed]) - metric.value(runs.trials[reference][seed]);
    if (!std::isnan(difference)) differences.push_back(difference);
  }
  return bootstrap_median(differences);
}

double median_of(const ComparedRuns& runs, const Metric& metric, std::size_t variant) {
  std::vector<double> values;
  for (const Trial& trial : runs.trials[variant])
    if (const double value = metric.value(trial); !std::isnan(value)) values.push_back(value);
  return median(values);
}

std::int64_t failures_of(const ComparedRuns& runs, std::size_t variant) {
  return std::count_if(runs.trials[variant].begin(), runs.trials[variant].end(),
                       [](const Trial& trial) { return trial.record.failed(); });
}

std::vector<Comparison> compare(const ComparedRuns& runs, std::span<const std::size_t> shown) {
  std::vector<Comparison> rows;
  const std::string data = judged_data(runs);
  for (const Metric& metric : metric_table()) {
    std::vector<Comparison> of_metric;
    std::int64_t values = 0;
    for (const std::size_t variant : shown) {
      Comparison& row = of_metric.emplace_back();
      row.metric = metric.name;
      if (metric.judged) row.data = data;
      row.variant = runs.variants[variant].name;
      row.failed = failures_of(runs, variant);
      row.runs = std::count_if(runs.trials[variant].begin(), runs.trials[variant].end(),
                               [&](const Trial& trial) { return !std::isnan(metric.value(trial)); });
      row.median = median_of(runs, metric, variant);
      if (variant != shown.front()) row.difference = paired_difference(runs, metric, variant, shown.front());
      values += row.runs;
    }
    if (values > 0) rows.insert(rows.end(), of_metric.begin(), of_metric.end());
  }
  return rows;
}

std::vector<Comparison> compare(const ComparedRuns& runs) {
  std::vector<std::size_t> all(runs.variants.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return compare(runs, all);
}

}  // namespace reluscope
