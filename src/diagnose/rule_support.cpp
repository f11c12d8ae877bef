#include "diagnose/rule_support.hpp"

namespace reluscope {

std::string count_text(std::int64_t some, std::int64_t all, const std::string& name) {
  const std::string of_layer = " of layer '" + name + "'";
  if (some < all || all < 1) return std::to_string(some) + " of " + std::to_string(all) + " units" + of_layer;
  return all == 1 ? "The unit" + of_layer : "All " + std::to_string(all) + " units" + of_layer;
}

std::optional<double> travel_of(const Rows<LayerRecord>& rows) {
  std::optional<double> fastest;
  for (const LayerRecord* row : rows)  // a step from 0 is infinitely large, and says nothing of the pace
    if (is_measured(*row, &LayerRecord::update_ratio) && std::isfinite(row->update_ratio))
      fastest = std::max(fastest.value_or(0.0), row->update_ratio);
  if (!fastest) return std::nullopt;
  return *fastest * static_cast<double>(step_of(*rows.back()).value_or(0) + 1);
}

const TheoryRecord* theory_of(const RunTables& run, std::int64_t layer) {
  for (const TheoryRecord& row : run.theory.rows)
    if (measured(row, &TheoryRecord::layer) == layer) return &row;
  return nullptr;
}

const Rows<LayerRecord>* find_silent_output(const RunTables& run,
                                            const std::map<std::int64_t, Rows<LayerRecord>>& layers) {
  for (const std::int64_t output : output_layers(run)) {
    const auto rows = layers.find(output);
    if (rows != layers.end() && std::all_of(rows->second.begin(), rows->second.end(),
                                            [](const LayerRecord* row) { return row->delta_rms == 0.0; }))
      return &rows->second;
  }
  return nullptr;
}

std::string activation_of(const RunTables& run, std::int64_t layer) {
  for (const LayerRecord& row : run.layers.rows)
    if (measured(row, &LayerRecord::layer) == layer && is_measured(row, &LayerRecord::activation))
      return row.activation;
  return "";
}

const CensusRecord* extinct_since(const Rows<CensusRecord>& rows) {
  const CensusRecord* since = nullptr;
  for (auto row = rows.rbegin(); row != rows.rend() && is_extinct(**row); ++row) since = *row;
  return since;
}

Severity severity_of_data(const RunTables& run) { return has_learned_well(run) ? Severity::info : Severity::warning; }

Param start_share() { return number("start", 0.1, "share of the run that counts as its start").above(0).at_most(1); }

RuleEntry make_rule(std::string set, std::string name, std::vector<Param> thresholds, std::vector<std::string> needs,
                    std::vector<std::string> remedies, std::string doc,
                    void (*check)(const RunTables&, const ParamValues&, std::vector<Finding>&)) {
  RuleEntry entry;
  entry.set = std::move(set);
  entry.name = std::move(name);
  entry.params = std::move(thresholds);
  entry.doc = std::move(doc);
  entry.needs = std::move(needs);
  entry.remedies = std::move(remedies);
  entry.check = check;
  return entry;
}

RuleEntry own_rule(std::string name, std::string doc, std::vector<Param> thresholds, std::vector<std::string> needs,
                   std::vector<std::string> remedies,
                   void (*check)(const RunTables&, const ParamValues&, std::vector<Finding>&)) {
  return make_rule(kOwnRules, std::move(name), std::move(thresholds), std::move(needs), std::move(remedies),
                   std::move(doc), check);
}

}  // namespace reluscope
