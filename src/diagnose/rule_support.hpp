#pragma once
// What rules are written with.

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "diagnose/diagnosis.hpp"
#include "util/format.hpp"
#include "util/statistics.hpp"

namespace reluscope {

template <class R>
using Rows = std::vector<const R*>;

/// The rows of each layer, in the order of their steps.
template <class R>
std::map<std::int64_t, Rows<R>> by_layer(const std::vector<R>& rows) {
  std::map<std::int64_t, Rows<R>> layers;
  for (const R& row : rows) layers[row.layer].push_back(&row);
  return layers;
}

/// The hidden layers' rows: all but those of the last layer.
template <class R>
std::map<std::int64_t, Rows<R>> hidden_layers(const std::vector<R>& rows) {
  auto layers = by_layer(rows);
  if (!layers.empty()) layers.erase(std::prev(layers.end()));
  return layers;
}

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

inline std::string percent(double share) { return format_fixed(100.0 * share, 1) + " %"; }

template <class R>
Finding at_layer(Severity severity, const R& row, double value, double threshold, std::string sentence) {
  Finding finding;
  finding.severity = severity;
  finding.layer = row.layer;
  finding.name = row.name;
  finding.step = row.step;
  finding.value = value;
  finding.threshold = threshold;
  finding.sentence = std::move(sentence);
  return finding;
}

inline Finding at_step(Severity severity, std::int64_t step, double value, double threshold, std::string sentence) {
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

/// The rules of other tools (published_rules.cpp).
std::vector<RuleEntry> published_rules();

}  // namespace reluscope
