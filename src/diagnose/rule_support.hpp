#pragma once
// What rules are written with.

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "diagnose/layers.hpp"
#include "util/format.hpp"
#include "util/statistics.hpp"

namespace reluscope {

/// The first `share` of the rows, at least one.
template <class Row>
std::size_t first_part(const std::vector<Row>& rows, double share) {
  return std::max<std::size_t>(1, static_cast<std::size_t>(share * static_cast<double>(rows.size())));
}

template <class R, class Get>
double median_at_start(const Rows<R>& rows, Get get, double share) {
  std::vector<double> values;
  for (std::size_t at = 0; at < first_part(rows, share); ++at) values.push_back(get(*rows[at]));
  return median(values);
}

/// Root mean square of what the network gets; nothing where features.csv is not there.
inline std::optional<double> input_rms(const RunTables& run) {
  if (run.features.rows.empty()) return std::nullopt;
  double square = 0.0;
  for (const FeatureRecord& row : run.features.rows) square += row.mean * row.mean + row.std * row.std;
  return std::sqrt(square / static_cast<double>(run.features.rows.size()));
}
/// Inputs above this are far from 1 in size.
inline constexpr double kLargeInputs = 20.0;

inline std::string percent(double share) { return format_fixed(100.0 * share, 1) + " %"; }

/// The row's step, where it says it.
template <class R>
std::optional<std::int64_t> step_of(const R& row) {
  return measured(row, &R::step);
}
/// " at step 7", or nothing.
template <class R>
std::string at_step_text(const R& row) {
  const std::optional<std::int64_t> step = step_of(row);
  return step ? " at step " + std::to_string(*step) : "";
}

template <class R>
Finding at_layer(Severity severity, const R& row, double value, double threshold, std::string sentence) {
  Finding finding;
  finding.severity = severity;
  finding.layer = row.layer;
  finding.name = row.name;
  finding.step = step_of(row);
  finding.value = value;
  finding.threshold = threshold;
  finding.sentence = std::move(sentence);
  return finding;
}

inline Finding at_step(Severity severity, std::optional<std::int64_t> step, double value, double threshold,
                       std::string sentence) {
  Finding finding;
  finding.severity = severity;
  finding.step = step;
  finding.value = value;
  finding.threshold = threshold;
  finding.sentence = std::move(sentence);
  return finding;
}

inline std::string layer_text(const std::string& name) { return "Layer '" + name + "'"; }

/// An entry of the rule table, of the set `set`.
RuleEntry make_rule(std::string set, std::string name, std::vector<Param> thresholds, std::vector<std::string> needs,
                    std::vector<std::string> remedies, std::string doc,
                    void (*check)(const RunTables&, const ParamValues&, std::vector<Finding>&));

/// The rules about the data (data_rules.cpp).
std::vector<RuleEntry> data_rules();
/// The rules about the output layer and its loss (output_rules.cpp).
std::vector<RuleEntry> output_rules();
/// Whether the network has learned anything: the sum of it all, after what may explain it (output_rules.cpp).
std::vector<RuleEntry> learning_rules();
/// The rules of other tools (published_rules.cpp).
std::vector<RuleEntry> published_rules();

}  // namespace reluscope
