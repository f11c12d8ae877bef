// Rules about the data, as the network gets them: what is wrong there explains the rest.
#include <cmath>

#include "diagnose/rule_support.hpp"

namespace reluscope {

namespace {

/// Below this share of the constant's loss a network has learned well, whatever its inputs are like.
constexpr double kLearnedWell = 0.25;

Severity severity_of_data(const RunTables& run) {
  const bool well = has_learned(run) && run.train->loss <= kLearnedWell * run.train->constant_loss;
  return well ? Severity::info : Severity::warning;
}

double rms_of(const FeatureRecord& row) { return std::hypot(row.mean, row.std); }

std::string feature_text(const FeatureRecord& row) {
  return row.source && !row.source->empty() ? "'" + *row.source + "'" : std::to_string(row.feature);
}

/// Initialisers and rates are made for inputs of about 1: sums over larger ones saturate and kill units before the
/// first step, and the first steps throw out what is left (LeCun et al. 1998, section 4.3).
void check_unscaled_inputs(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const auto smaller = [](const FeatureRecord& left, const FeatureRecord& right) {
    return rms_of(left) < rms_of(right);
  };
  const auto largest = std::max_element(run.features.rows.begin(), run.features.rows.end(), smaller);
  const double rms = *input_rms(run);
  const bool large = rms > limits.number("large");
  if (!large && !(rms < limits.number("small"))) return;
  findings.push_back(at_step(severity_of_data(run), 0, rms, limits.number(large ? "large" : "small"),
                             "The inputs are far from 1 in size: their root mean square is " + format_short(rms) +
                                 ", and feature " + feature_text(*largest) + " lies from " +
                                 format_short(largest->min) + " to " + format_short(largest->max) +
                                 ". Give data.normalize=per_feature."));
}

void check_unscaled_targets(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  if (!run.targets) return;
  const double rms = std::hypot(run.targets->mean, run.targets->std);
  if (!(rms > limits.number("large"))) return;
  findings.push_back(at_step(severity_of_data(run), 0, rms, limits.number("large"),
                             "The targets are far from 1 in size: they lie from " + format_short(run.targets->min) +
                                 " to " + format_short(run.targets->max) +
                                 ", and so do the gradients of the first steps."));
}

void check_nothing_to_learn(const RunTables& run, const ParamValues& /*limits*/, std::vector<Finding>& findings) {
  if (run.train->constant_loss != 0.0) return;
  findings.push_back(
      at_step(Severity::warning, 0, 0.0, 0.0,
              "Every training sample has the same target: a constant is right for all of them, and there "
              "is nothing to learn."));
}

/// Of a table: the border of an image has one value in most data sets.
void check_constant_features(const RunTables& run, const ParamValues& /*limits*/, std::vector<Finding>& findings) {
  const std::vector<FeatureRecord>& rows = run.features.rows;
  const auto constant =
      std::count_if(rows.begin(), rows.end(), [](const FeatureRecord& row) { return row.min == row.max; });
  if (constant == 0) return;
  const bool named =
      std::any_of(rows.begin(), rows.end(), [](const FeatureRecord& row) { return row.source.has_value(); });
  const bool all = constant == static_cast<std::ptrdiff_t>(rows.size());
  if (!named && !all) return;
  findings.push_back(at_step(all ? Severity::warning : Severity::info, 0, static_cast<double>(constant), 0.0,
                             std::to_string(constant) + " of " + std::to_string(rows.size()) +
                                 " features have one value in all training samples" +
                                 (all ? ": the samples cannot be told apart." : ".")));
}

/// One feature alone may be a time, or sorted.
void check_row_number(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  if (run.features.rows.size() < 2) return;
  for (const FeatureRecord& row : run.features.rows)
    if (row.rising && static_cast<double>(row.distinct) >= limits.number("values"))
      findings.push_back(at_step(Severity::info, 0, static_cast<double>(row.distinct), limits.number("values"),
                                 "Feature " + feature_text(row) +
                                     " rises from each sample to the next, as a row number does: it says nothing of "
                                     "samples that are new."));
}

}  // namespace

std::vector<RuleEntry> data_rules() {
  std::vector<RuleEntry> table;
  const auto add = [&table](const char* name, std::vector<Param> thresholds, std::vector<std::string> needs,
                            std::vector<std::string> remedies, const char* doc, auto check) -> RuleEntry& {
    table.push_back(
        make_rule(kOwnRules, name, std::move(thresholds), std::move(needs), std::move(remedies), doc, check));
    return table.back();
  };
  add("nothing-to-learn", {}, {"steps.loss"}, {}, "every training sample has the same target", check_nothing_to_learn)
      .needs_end = true;
  add("unscaled-inputs",
      {number("large", kLargeInputs, "root mean square of the inputs").above(0),
       number("small", 0.005, "the same, too small").above(0)},
      {"features.mean", "features.std", "features.min", "features.max", "features.feature"},
      {"standardize", "smaller_lr"}, "inputs that are far from 1 in size (info where the network has learned well)",
      check_unscaled_inputs);
  add("unscaled-targets", {number("large", 300.0, "root mean square of a regression's targets").above(0)},
      {"steps.loss"}, {"smaller_lr", "adam", "much_smaller_lr", "clip_norm"},
      "targets that are far from 1 in size (info where the network has learned well)", check_unscaled_targets);
  add("constant-features", {}, {"features.min", "features.max"}, {},
      "columns of a table with a single value (info, unless all features have one)", check_constant_features);
  add("row-number", {number("values", 20.0, "different values, counted up to 32").above(0)},
      {"features.rising", "features.distinct", "features.feature"}, {},
      "a feature that rises from sample to sample (info)", check_row_number);
  return table;
}

}  // namespace reluscope
