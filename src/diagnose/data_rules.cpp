// Rules about the data, as the network gets them: what is wrong there explains the rest.
#include <cmath>

#include "diagnose/rule_support.hpp"

namespace reluscope {

namespace {

/// What inputs or targets of the wrong size lead to: next to everything.
std::vector<std::string> symptoms_of_data() {
  return {"dead-output",
          "saturated-output",
          "zero-gradient",
          "poor-initialisation",
          "vanishing-gradient",
          "exploding-gradient",
          "update-ratio",
          "dead-on-arrival",
          "exploding-activation",
          "collapsed-network",
          "dying-units",
          "unchanged-weights",
          "saturation",
          "loss-not-decreasing",
          "too-few-steps",
          "no-better-than-constant",
          kSlowUpdates};
}

double rms_of(const FeatureRecord& row) { return std::hypot(row.mean, row.std); }

/// Root mean square of the features' standard deviations.
double input_spread(const RunTables& run) {
  double square = 0.0;
  for (const FeatureRecord& row : run.features.rows) square += row.std * row.std;
  return std::sqrt(square / static_cast<double>(run.features.rows.size()));
}

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
  const std::string largest_text = "feature " + feature_text(*largest) + " lies from " + format_short(largest->min) +
                                   " to " + format_short(largest->max);
  if (const bool large = rms > limits.number("large"); large || rms < limits.number("small")) {
    findings.push_back(at_step(severity_of_data(run), 0, rms, limits.number(large ? "large" : "small"),
                               "The inputs are far from 1 in size: their root mean square is " + format_short(rms) +
                                   ", and " + largest_text + "."));
    return;
  }
  const double offset = rms / input_spread(run);
  if (std::isfinite(offset) && offset > limits.number("offset"))
    findings.push_back(at_step(severity_of_data(run), 0, offset, limits.number("offset"),
                               "The inputs hardly vary: their root mean square is " + format_short(offset) +
                                   " times their standard deviation, and " + largest_text + "."));
}

RuleEntry unscaled_inputs_rule() {
  RuleEntry rule = own_rule(
      "unscaled-inputs", "inputs that are far from 1 in size (info where the network has learned well)",
      {number("large", kLargeInputs, "root mean square of the inputs").above(0),
       number("small", 0.005, "the same, too small").above(0),
       number("offset", 20.0, "the same as a multiple of their standard deviation: they hardly vary").above(0)},
      {"features.mean", "features.std", "features.min", "features.max", "features.feature"},
      {"standardize", "smaller_lr"}, check_unscaled_inputs);
  rule.explains = symptoms_of_data();
  return rule;
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

RuleEntry unscaled_targets_rule() {
  RuleEntry rule =
      own_rule("unscaled-targets", "targets that are far from 1 in size (info where the network has learned well)",
               {number("large", 300.0, "root mean square of a regression's targets").above(0)}, {"steps.loss"},
               {"scale_targets", "smaller_lr", "adam", "much_smaller_lr", "clip_norm"}, check_unscaled_targets);
  rule.explains = symptoms_of_data();
  return rule;
}

void check_nothing_to_learn(const RunTables& run, const ParamValues& /*limits*/, std::vector<Finding>& findings) {
  if (run.train->constant_loss != 0.0) return;
  findings.push_back(
      at_step(Severity::warning, 0, 0.0, 0.0,
              "Every training sample has the same target: a constant is right for all of them, and there "
              "is nothing to learn."));
}

RuleEntry nothing_to_learn_rule() {
  RuleEntry rule = own_rule("nothing-to-learn", "every training sample has the same target", {}, {"steps.loss"}, {},
                            check_nothing_to_learn);
  rule.needs_end = true;
  rule.explains = symptoms_of_data();
  return rule;
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
                             (rows.size() == 1 ? std::string("The only feature has")
                              : all            ? "All " + std::to_string(constant) + " features have"
                                               : std::to_string(constant) + " of " + std::to_string(rows.size()) +
                                          (constant == 1 ? " features has" : " features have")) +
                                 " one value in all training samples" +
                                 (all ? ": the samples cannot be told apart." : ".")));
}

RuleEntry constant_features_rule() {
  RuleEntry rule =
      own_rule("constant-features", "columns of a table with a single value (info, unless all features have one)", {},
               {"features.min", "features.max"}, {}, check_constant_features);
  rule.explains = symptoms_of_data();
  return rule;
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

RuleEntry row_number_rule() {
  return own_rule("row-number", "a feature that rises from sample to sample (info)",
                  {number("values", 20.0, "different values, counted up to 32").above(0)},
                  {"features.rising", "features.distinct", "features.feature"}, {}, check_row_number);
}

/// Accuracy alone then says little.
void check_class_imbalance(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  if (!run.classes || run.classes->count < 2) return;
  const ClassShares& classes = *run.classes;
  if (classes.largest >= limits.number("largest")) {
    findings.push_back(at_step(Severity::info, 0, classes.largest, limits.number("largest"),
                               percent(classes.largest) + " of the training samples are of class '" +
                                   classes.largest_name + "': a network that always says so is right as often."));
  } else if (const double fair = classes.smallest * static_cast<double>(classes.count);
             fair <= limits.number("smallest")) {
    findings.push_back(at_step(Severity::info, 0, fair, limits.number("smallest"),
                               "Class '" + classes.smallest_name + "' has " + percent(classes.smallest) +
                                   " of the training samples: the loss hardly feels what is said of it."));
  }
}

RuleEntry class_imbalance_rule() {
  return own_rule("class-imbalance", "one class has most of the samples, or one has next to none (info)",
                  {number("largest", 0.8, "share of the training samples that the largest class has").above(0),
                   number("smallest", 0.1, "share of the smallest, times the number of classes").above(0)},
                  {"steps.loss"}, {}, check_class_imbalance);
}

}  // namespace

std::vector<RuleEntry> data_rules() {
  return {nothing_to_learn_rule(),  unscaled_inputs_rule(), unscaled_targets_rule(),
          constant_features_rule(), row_number_rule(),      class_imbalance_rule()};
}

}  // namespace reluscope
