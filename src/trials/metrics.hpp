#pragma once
// What variants are compared by, and the differences within pairs of one seed.

#include <span>
#include <string>
#include <vector>

#include "trials/trial.hpp"
#include "trials/variation.hpp"
#include "util/statistics.hpp"

namespace reluscope {

/// The runs of a comparison or a sweep: `trials[variant][seed]`.
struct ComparedRuns {
  std::vector<Variant> variants;
  std::vector<std::uint64_t> seeds;
  std::vector<std::vector<Trial>> trials;
};

/// What is better of two values.
enum class Better { larger, smaller, neither };

/// A figure that variants are compared by.
struct Metric {
  std::string name;  ///< as --by and programs have it
  std::string noun;  ///< for people
  std::string unit;  ///< "%", or nothing
  Better better = Better::neither;
  bool judged = false;                            ///< on the test set, or on the training set where there is none
  bool decides = false;                           ///< --by takes it
  double scale = 1.0;                             ///< for people: 100 for what is shown as per cent
  double (*value)(const Trial& trial) = nullptr;  ///< NaN: does not apply
  /// "accuracy, %"
  [[nodiscard]] std::string title() const { return unit.empty() ? noun : noun + ", " + unit; }
  /// A value for people; per cents with one digit after the point.
  [[nodiscard]] std::string text(double figure) const;
};
/// accuracy, loss, dead, steps_to_loss, bias_shift, …
std::span<const Metric> metric_table();
const Metric& metric_called(const std::string& name);
/// The names that --by takes.
std::vector<std::string> deciding_metrics();

/// One variant in one metric, against a reference.
struct Comparison {
  std::string metric;
  /// What a judged metric is of: "held-out" data, "training" data where nothing was held out, or, as that may be what
  /// is varied, "held-out or training". Empty for others.
  std::string data;
  std::string variant;
  double median = 0.0;
  std::int64_t runs = 0;    ///< with a value
  std::int64_t failed = 0;  ///< runs of the variant that failed
  Estimate difference;      ///< median of the differences within pairs of one seed; of 0 pairs for the reference
};

/// The variants of these numbers, the first of them being the reference. Metrics that no run has are left out.
std::vector<Comparison> compare(const ComparedRuns& runs, std::span<const std::size_t> shown);
/// Of all variants.
std::vector<Comparison> compare(const ComparedRuns& runs);

/// Median of value(variant) − value(reference) within pairs of one seed.
Estimate paired_difference(const ComparedRuns& runs, const Metric& metric, std::size_t variant, std::size_t reference);
/// The median over the variant's runs that have a value; NaN where none has.
double median_of(const ComparedRuns& runs, const Metric& metric, std::size_t variant);
std::int64_t failures_of(const ComparedRuns& runs, std::size_t variant);
/// What the runs that went through were judged on.
std::string judged_data(const ComparedRuns& runs);
/// "held-out accuracy, %": the metric's title, with what it was judged on.
std::string title_of(const ComparedRuns& runs, const Metric& metric);
/// "97.5 [96.9, 98.1]": the median over the variant's runs that have a value, the least and the greatest; empty where
/// none has.
std::string median_and_range(const ComparedRuns& runs, const Metric& metric, std::size_t variant);
/// accuracy where any run has one, else loss.
std::string usual_metric(const ComparedRuns& runs);

}  // namespace reluscope
