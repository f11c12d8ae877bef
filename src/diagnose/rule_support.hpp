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
#include "diagnose/rules.hpp"
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

/// "1 of 3 units of layer 'dense1'", "All 3 units of layer 'dense1'".
std::string count_text(std::int64_t some, std::int64_t all, const std::string& name);

/// An entry of the rule table, of the set `set`.
RuleEntry make_rule(std::string set, std::string name, std::vector<Param> thresholds, std::vector<std::string> needs,
                    std::vector<std::string> remedies, std::string doc,
                    void (*check)(const RunTables&, const ParamValues&, std::vector<Finding>&));

/// One of our own set.
RuleEntry own_rule(std::string name, std::string doc, std::vector<Param> thresholds, std::vector<std::string> needs,
                   std::vector<std::string> remedies,
                   void (*check)(const RunTables&, const ParamValues&, std::vector<Finding>&));

/// How far a layer's parameters would get at their fastest pace, in their own size; nothing where that was not
/// measured.
std::optional<double> travel_of(const Rows<LayerRecord>& rows);

/// What theory predicts of a layer, or nullptr.
const TheoryRecord* theory_of(const RunTables& run, std::int64_t layer);
/// The rows of an output layer to which the loss says nothing at any recorded step; nullptr if there is none.
const Rows<LayerRecord>* find_silent_output(const RunTables& run,
                                            const std::map<std::int64_t, Rows<LayerRecord>>& layers);
/// The activation of a layer, or nothing.
std::string activation_of(const RunTables& run, std::int64_t layer);
/// The census rows since which the layer has been wholly dead until its last one; nullptr if it is not dead there.
const CensusRecord* extinct_since(const Rows<CensusRecord>& rows);
/// What a fault of the data is: a warning, unless the network has learned well all the same.
Severity severity_of_data(const RunTables& run);

/// "start": the share of a run that counts as its start.
Param start_share();

// The tables of our own rules by what they are about, in the order in which causes come before symptoms: each in the
// file of its name.
std::vector<RuleEntry> data_rules();
std::vector<RuleEntry> output_rules();
std::vector<RuleEntry> signal_rules();
std::vector<RuleEntry> rate_rules();
std::vector<RuleEntry> death_rules();
std::vector<RuleEntry> learning_rules();
/// The rules of other tools (published_rules.cpp).
std::vector<RuleEntry> published_rules();

}  // namespace reluscope
