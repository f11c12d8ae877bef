// Rules about signals and gradients on their way through the layers: initialisation, and what training makes of it.
#include <algorithm>
#include <cmath>

#include "diagnose/rule_support.hpp"

namespace reluscope {

namespace {

/// Inputs whose root mean square is at most this, and at least its inverse, are near 1 in size.
constexpr double kUsualInputs = 3.0;

/// The mean of z².
double q(const LayerRecord& row) { return row.z_std * row.z_std + row.z_mean * row.z_mean; }

/// Whether most of the hidden units that died did so of their own biases, in layers whose z² was below `least` before
/// the first update: next to so small a signal any step of a bias is large.
bool biases_outweigh(const RunTables& run, const std::map<std::int64_t, Rows<LayerRecord>>& layers, double least) {
  std::int64_t died = 0;
  std::int64_t of_bias = 0;
  for (const UnitRecord& unit : run.units.rows) {
    const auto found = layers.find(unit.layer);
    if (unit.state != "dead" || unit.deaths == 0 || found == layers.end()) continue;
    ++died;
    if (unit.cause == "own_bias" && q(*found->second.front()) < least) ++of_bias;
  }
  return 2 * of_bias > died;
}

void check_initialisation(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const auto layers = hidden_layers(run, run.layers.rows);
  if (layers.size() < 2) return;
  if (starts_from_file(run)) return;  // no initialiser made them
  // The first layer's z has the size of the data, which is no initialiser's fault.
  const double inputs = input_rms(run).value_or(1.0);
  const bool skips_first = inputs > kUsualInputs || inputs < 1.0 / kUsualInputs;
  const LayerRecord& first = *(skips_first ? std::next(layers.begin()) : layers.begin())->second.front();
  const LayerRecord& last = *layers.rbegin()->second.front();
  // 0: dead, which is said elsewhere.
  if (first.step != 0 || !(q(first) > 0.0) || !(q(last) > 0.0)) return;
  const double growth = q(last) / q(first);
  if (growth > limits.number("growth") || growth < 1.0 / limits.number("growth")) {
    findings.push_back(at_layer(Severity::warning, last, growth, limits.number("growth"),
                                "Before the first update the mean of z² in layer '" + last.name + "' is " +
                                    format_short(growth) + " times that in layer '" + first.name + "': signals " +
                                    (growth > 1.0 ? "explode" : "die out") + " with depth."));
    // Small signals throw no step out, and kill no unit but by what is small next to nothing else.
    if (growth < 1.0) {
      std::vector<std::string> effects = {"vanishing-gradient",  "unchanged-weights", kSlowUpdates,
                                          "loss-not-decreasing", "too-few-steps",     "no-better-than-constant"};
      if (biases_outweigh(run, layers, q(first) / limits.number("growth")))
        effects.insert(effects.end(), {"collapsed-network", "dying-units"});
      findings.back().explains = std::move(effects);
    }
  }
  for (const auto& [layer, rows] : layers) {
    const TheoryRecord* theory = theory_of(run, layer);
    if (theory == nullptr || !theory->q || !(*theory->q > 0.0)) continue;
    const double ratio = q(*rows.front()) / *theory->q;
    if (ratio < limits.number("theory") && ratio > 1.0 / limits.number("theory")) continue;
    findings.push_back(at_layer(Severity::info, *rows.front(), ratio, limits.number("theory"),
                                "Before the first update the mean of z² in layer '" + rows.front()->name + "' is " +
                                    format_short(ratio) + " times what theory predicts for wide layers."));
    break;
  }
}

RuleEntry poor_initialisation_rule() {
  RuleEntry rule = own_rule(
      "poor-initialisation", "signals grow or die out with depth before the first update, or leave the band of theory",
      {number("growth", 20.0, "mean z² of the last hidden layer over the first, or its inverse").above(1),
       number("theory", 10.0, "mean z² at step 0 over what theory predicts, or its inverse: worth a note").above(1)},
      {"layers.z_mean", "layers.z_std", "layers.step"},
      {"he_normal", "recipe", "glorot_normal", "positive_bias", "rai", "batch_norm", "layer_norm"},
      check_initialisation);
  rule.mild = Mild::learned;
  rule.explains = {"vanishing-gradient", "exploding-gradient",  "exploding-activation", "update-ratio",
                   "dead-on-arrival",    "collapsed-network",   "dying-units",          "saturation",
                   "unchanged-weights",  "loss-not-decreasing", "too-few-steps",        "no-better-than-constant",
                   kSlowUpdates};
  return rule;
}

/// Fewer units than this may yield the same by chance: the others fire on no sample that was looked at.
constexpr std::int64_t kFewestEqual = 4;

/// Units that yield the same get the same gradients, and stay one unit. In the first hidden layer alone, and of several
/// features: a single signal, or units that are dead, can make drawn weights look like that.
void check_symmetric(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  if (starts_from_file(run) || run.features.rows.size() < 2) return;
  const auto censuses = hidden_layers(run, run.census.rows);
  const auto layers = hidden_layers(run, run.layers.rows);
  if (censuses.empty()) return;
  const CensusRecord& row = *censuses.begin()->second.front();
  if (row.step != 0 || row.units < kFewestEqual) return;
  const LayerRecord* first = layers.empty() ? nullptr : layers.begin()->second.front();
  const bool nothing = first != nullptr && first->layer == row.layer && first->step == 0 &&
                       is_measured(*first, &LayerRecord::weight_norm) && first->weight_norm == 0.0;
  // A table from elsewhere may have it of some layers alone.
  const bool same = row.dead == 0 && row.effective_rank && *row.effective_rank <= limits.number("rank");
  if (!nothing && !same) return;
  findings.push_back(at_layer(
      Severity::warning, row, row.effective_rank.value_or(0.0), limits.number("rank"),
      "Before the first update all " + std::to_string(row.units) + " units of layer '" + row.name + "' yield the same" +
          (nothing ? ": its weights are all 0" : ", but for a factor: their weights are equal") +
          ". Equal units get equal gradients, and stay one unit."));
  findings.back().value = row.effective_rank;
}

RuleEntry symmetric_units_rule() {
  RuleEntry rule = own_rule(
      "symmetric-units", "the units of a layer are equal before the first update: zero or constant weights",
      {number("rank", 1.000001, "effective rank of the layer's activations: 1 where all units are equal").above(0)},
      {"census.effective_rank", "census.dead", "census.units", "census.step", "features.feature"},
      {"he_normal", "glorot_normal", "recipe", "rai"}, check_symmetric);
  rule.mild = Mild::learned_well;
  rule.explains = {"dead-output",         "saturated-output", "poor-initialisation",     "vanishing-gradient",
                   "exploding-gradient",  "update-ratio",     "dead-on-arrival",         "collapsed-network",
                   "dying-units",         "saturation",       "dormant-layer",           "unchanged-weights",
                   "loss-not-decreasing", "too-few-steps",    "no-better-than-constant", kSlowUpdates};
  return rule;
}

void check_exploding_activation(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const auto layers = hidden_layers(run, run.layers.rows);
  if (layers.empty()) return;
  const LayerRecord& first = *layers.begin()->second.front();
  const LayerRecord& last = *layers.rbegin()->second.front();
  if (first.a_rms > 0.0 && last.a_rms > limits.number("growth") * first.a_rms)
    findings.push_back(at_layer(Severity::warning, last, last.a_rms / first.a_rms, limits.number("growth"),
                                "Activations grow " + format_short(last.a_rms / first.a_rms) + "-fold from layer '" +
                                    first.name + "' to layer '" + last.name + "' at the start."));
  for (const auto& [layer, rows] : layers) {
    const double before = rows.front()->a_rms;
    const double after = rows.back()->a_rms;
    // From next to nothing to no more than the first layer's size is no explosion.
    if (before > 0.0 && after > limits.number("growth") * before && !(after <= first.a_rms))
      findings.push_back(at_layer(Severity::warning, *rows.back(), after / before, limits.number("growth"),
                                  "Activations of layer '" + rows.back()->name + "' have grown " +
                                      format_short(after / before) + "-fold in training."));
  }
}

RuleEntry exploding_activation_rule() {
  RuleEntry rule =
      own_rule("exploding-activation", "activations grow with depth or in training",
               {number("growth", 100.0, "a_rms, as a multiple of the first layer's or of the start's").above(1)},
               {"layers.a_rms"},
               {"he_normal", "recipe", "glorot_normal", "smaller_lr", "standardize", "much_smaller_lr", "batch_norm",
                "layer_norm", "residual"},
               check_exploding_activation);
  rule.mild = Mild::learned;
  rule.explains = {"saturation", "loss-not-decreasing", "no-better-than-constant"};
  return rule;
}

/// Whether at the end the first layer gets its share of the gradient.
bool comes_back(const std::map<std::int64_t, Rows<LayerRecord>>& layers, double ratio) {
  const double first = layers.begin()->second.back()->delta_rms;
  const double last = layers.rbegin()->second.back()->delta_rms;
  return first >= ratio * last;
}

void check_vanishing_gradient(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const auto layers = by_layer(run.layers.rows);
  if (layers.size() < 2) return;
  const auto delta = [](const LayerRecord& row) { return row.delta_rms; };
  const double first = median_at_start(layers.begin()->second, delta, limits.number("start"));
  const double last = median_at_start(layers.rbegin()->second, delta, limits.number("start"));
  // Exactly 0 has another reason: a dead layer, or a loss without a gradient.
  if (!(first > 0.0) || !(last > 0.0)) return;
  const LayerRecord& row = *layers.begin()->second.front();
  // Before anything has happened: what kills a network later kills its gradients too.
  const bool nothing_came =
      run.train && !has_learned(run) && step_of(row) == 0 &&
      row.delta_rms < limits.number("ratio_unlearned") * layers.rbegin()->second.front()->delta_rms;
  // A table of hidden layers only ends below the output.
  const std::string end = output_layers(run).contains(layers.rbegin()->first)
                              ? "the output"
                              : "layer '" + layers.rbegin()->second.front()->name + "'";
  if (first / last < limits.number("ratio") || nothing_came)
    findings.push_back(at_layer(
        comes_back(layers, limits.number("ratio")) && has_learned_well(run) ? Severity::info : Severity::warning, row,
        first / last, limits.number("ratio"),
        "The loss gradient at layer '" + row.name + "' is " + format_short(first / last) + " times that at " + end +
            ": it vanishes on its way through " + std::to_string(layers.size()) +
            " layers, and the first ones hardly learn."));
  if (first / last > limits.number("explodes"))
    findings.push_back(at_layer(Severity::warning, row, first / last, limits.number("explodes"),
                                "The loss gradient grows " + format_short(first / last) + "-fold from " + end +
                                    " to layer '" + row.name + "'."));
}

RuleEntry vanishing_gradient_rule() {
  RuleEntry rule =
      own_rule("vanishing-gradient", "the loss gradient shrinks, or grows, on its way to the first layer",
               {number("ratio", 1e-3, "delta RMS of the first layer over the last (AUTOTRAINER: 1e-3)").above(0),
                number("ratio_unlearned", 1e-2, "the same at step 0, of a network that has learned nothing").above(0),
                number("explodes", 1e3, "the same ratio above which it explodes").above(1), start_share()},
               {"layers.delta_rms"},
               {"he_normal", "recipe", "glorot_normal", "relu", "elu", "adam", "leaky_relu", "gelu", "batch_norm",
                "layer_norm", "residual"},
               check_vanishing_gradient);
  rule.explains = {"unchanged-weights", kSlowUpdates, "loss-not-decreasing", "too-few-steps",
                   "no-better-than-constant"};
  return rule;
}

void check_bias_shift(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  for (const auto& [layer, rows] : hidden_layers(run, run.layers.rows)) {
    const LayerRecord& last = *rows.back();
    if (!(last.a_rms > 0.0)) continue;
    const double shift = std::abs(last.a_mean) / last.a_rms;
    if (shift > limits.number("share"))
      findings.push_back(at_layer(Severity::info, last, shift, limits.number("share"),
                                  "The activations of layer '" + last.name + "' have a mean of " +
                                      format_short(last.a_mean) + ", next to all of their size: bias shift."));
  }
}

RuleEntry bias_shift_rule() {
  return own_rule("bias-shift", "a layer's activations hardly differ from their mean (Clevert et al. 2016)",
                  {number("share", 0.9, "|mean a| over RMS a").above(0)}, {"layers.a_mean", "layers.a_rms"}, {"elu"},
                  check_bias_shift);
}

}  // namespace

std::vector<RuleEntry> signal_rules() {
  return {symmetric_units_rule(), poor_initialisation_rule(), vanishing_gradient_rule(), exploding_activation_rule(),
          bias_shift_rule()};
}

}  // namespace reluscope
