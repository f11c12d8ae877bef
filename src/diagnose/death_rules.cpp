// Rules about units that are dead, saturated or dormant.
#include <algorithm>
#include <cmath>

#include "diagnose/death_story.hpp"
#include "diagnose/rule_support.hpp"

namespace reluscope {

namespace {

/// Against deaths in training, the likeliest first: prescribe tries them in this order, and drops the last ones where
/// the budget is short.
std::vector<std::string> calming_remedies() {
  return {"smaller_lr", "leaky_relu",  "warmup", "clip_norm", "much_smaller_lr", "adam",      "standardize",
          "wider",      "no_momentum", "elu",    "prelu",     "batch_norm",      "layer_norm"};
}

/// Units that were dead at step 0: born dead, or dead in the weights of a file.
std::int64_t dead_at_start(const CensusRecord& row) { return row.born_dead + row.inherited; }

void check_dead_on_arrival(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  for (const auto& [layer, rows] : hidden_layers(run, run.census.rows)) {
    const CensusRecord& first = *rows.front();
    if (first.step != 0 || first.units < 1) continue;
    const double share = static_cast<double>(dead_at_start(first)) / static_cast<double>(first.units);
    const bool inherited = first.inherited > 0;
    if (dead_at_start(first) == first.units) {
      findings.push_back(at_layer(Severity::critical, first, 1.0, 1.0,
                                  layer_text(first.name) + " is wholly dead " +
                                      (inherited ? "in the weights that training started from" : "from birth") +
                                      ": the network cannot learn at or below it."));
      return;
    }
    if (share < limits.number("notice")) continue;
    // Where the network has learned all the same, what is lost may have been to spare, unless next to nothing is left.
    const bool spare =
        has_learned(run) && static_cast<double>(first.units - dead_at_start(first)) >= limits.number("left");
    const char* fraction = spare ? "learned_fraction" : "fraction";
    const bool many = share >= limits.number(fraction);
    findings.push_back(
        at_layer(many ? Severity::warning : Severity::info, first, share, limits.number(many ? fraction : "notice"),
                 count_text(dead_at_start(first), first.units, first.name) +
                     (inherited ? " were dead in the weights that training started from."
                                : " were born dead: they yield 0 for every training sample before the first update.")));
    // Of a collapse they are a part; what killed the rest is its cause.
    findings.back().explains = {"dormant-layer"};
  }
}

RuleEntry dead_on_arrival_rule() {
  RuleEntry rule =
      own_rule("dead-on-arrival",
               "units, or a whole layer, dead before the first update, in drawn weights (Lu et al. 2019) or those of a "
               "file",
               {number("notice", 0.25,
                       "born dead units of a layer: worth a note. With one input feature and no biases "
                       "a quarter of the second layer is expected to be (census.md)"),
                number("fraction", 0.5, "the same: a warning").above(0),
                number("learned_fraction", 0.75, "the same where the network has learned all the same").above(0),
                number("left", 20, "and where so many units of the layer are left").at_least(0)},
               {"census.born_dead", "census.units", "census.step"},
               {"positive_bias", "he_normal", "leaky_relu", "elu", "rai", "wider", "standardize", "prelu", "gelu",
                "batch_norm", "layer_norm"},
               check_dead_on_arrival);
  rule.explains = {"collapsed-network",   "dormant-layer", "unchanged-weights",      "vanishing-gradient",
                   "loss-not-decreasing", "too-few-steps", "no-better-than-constant"};
  return rule;
}

void check_collapsed(const RunTables& run, const ParamValues& /*limits*/, std::vector<Finding>& findings) {
  // The first such layer: those above it get nothing but constants, and are its victims.
  for (const auto& [layer, rows] : hidden_layers(run, run.census.rows)) {
    const CensusRecord* since = extinct_since(rows);
    if (since == nullptr) continue;
    const std::optional<std::int64_t> step = step_of(*since);
    const DeathStory story = death_story(run, layer, rows);
    std::string why = when_and_why(story);
    const bool told = story.cause.empty() && step && story.most_by == *step;  // nothing but the date, which is said
    if (told) why.clear();
    if (!why.empty()) {
      const std::string units = std::to_string(story.units) + " units";
      const std::string who =
          story.died == story.units ? "All " + units : "Of its " + units + " " + std::to_string(story.died);
      why.insert(0, ". " + who + " died");
    }
    findings.push_back(
        at_layer(Severity::critical, *since, 1.0, 1.0,
                 layer_text(since->name) +
                     (step ? " has been wholly dead since step " + std::to_string(*step) : " is wholly dead") +
                     ": the output is the same for every sample, and nothing at or below it learns" + why +
                     can_it_heal(story) + "."));
    return;
  }
}

RuleEntry collapsed_network_rule() {
  RuleEntry rule = own_rule("collapsed-network", "a hidden layer is wholly dead at the end: the output is constant", {},
                            {"census.dead", "census.units"}, calming_remedies(), check_collapsed);
  rule.explains = {"dying-units",         "unchanged-weights", "dormant-layer",          "saturation",
                   "loss-not-decreasing", "too-few-steps",     "no-better-than-constant"};
  return rule;
}

/// Judged at the end: units that came back are not lost.
void check_dying_units(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  for (const auto& [layer, rows] : hidden_layers(run, run.census.rows)) {
    const CensusRecord& last = *rows.back();
    if (last.units < 1) continue;
    const DeathStory story = death_story(run, layer, rows);
    const auto units = static_cast<double>(last.units);
    const double grown = static_cast<double>(story.died) / units;
    if (grown < limits.number("notice")) {
      const CensusRecord* peak = *std::max_element(
          rows.begin(), rows.end(), [](const auto* left, const auto* right) { return left->dead < right->dead; });
      if (static_cast<double>(peak->dead - dead_at_start(*peak)) / units >= limits.number("fraction"))
        findings.push_back(at_layer(
            Severity::info, *peak, static_cast<double>(peak->dead) / units, limits.number("fraction"),
            count_text(peak->dead, peak->units, peak->name) + " were dead" + at_step_text(*peak) +
                "; most came back: at the end " + std::to_string(last.dead) + (last.dead == 1 ? " is." : " are.")));
      continue;
    }
    const double share = static_cast<double>(last.dead) / units;
    Severity severity = Severity::info;
    double threshold = limits.number("notice");
    if (grown >= limits.number("fraction")) {
      severity = share >= limits.number("critical_fraction") ? Severity::critical : Severity::warning;
      threshold = limits.number(severity == Severity::critical ? "critical_fraction" : "fraction");
    }
    std::string sentence = count_text(story.died, story.units, last.name) + " died" + when_and_why(story);
    if (story.at_start > 0)
      sentence += "; " + std::to_string(story.at_start) +
                  (story.at_start == 1 ? " more was dead " : " more were dead ") +
                  (story.inherited ? "in the weights that training started from" : "from birth");
    Finding finding = at_layer(severity, last, share, threshold, sentence + can_it_heal(story) + ".");
    if (story.most_by) finding.step = story.most_by;
    findings.push_back(std::move(finding));
  }
}

RuleEntry dying_units_rule() {
  RuleEntry rule = own_rule(
      "dying-units", "units die in training; with when, why, and whether they can come back",
      {number("notice", 0.1, "units that died, as a share of a layer: worth a note (keras-contrib: 10 %)"),
       number("fraction", 0.5, "the same: a warning (SageMaker Debugger: 50 %). Runs that learn well lose up to 43 %"),
       number("critical_fraction", 0.8, "dead share that is critical")},
      {"census.dead", "census.units", "census.born_dead"}, calming_remedies(), check_dying_units);
  rule.explains = {"unchanged-weights", "dormant-layer", "loss-not-decreasing", "too-few-steps",
                   "no-better-than-constant"};
  return rule;
}

/// Units that live, but with next to no derivative, as a share of the layer; nothing where that was not measured.
std::optional<double> saturated_share(const CensusRecord& row) {
  if (!row.saturated || row.units < 1) return std::nullopt;
  return static_cast<double>(*row.saturated - row.dead) / static_cast<double>(row.units);
}

/// Of a layer's census rows in which saturation was measured: the first and the last one, and the one since which so
/// large a share of the units has been saturated until the end.
struct Saturation {
  const CensusRecord* first = nullptr;
  const CensusRecord* last = nullptr;
  const CensusRecord* since = nullptr;
};
Saturation saturation_of(const Rows<CensusRecord>& rows, double fraction) {
  Saturation found;
  for (const CensusRecord* row : rows) {
    const std::optional<double> share = saturated_share(*row);
    if (!share) continue;
    if (found.first == nullptr) found.first = row;
    found.last = row;
    if (*share < fraction) found.since = nullptr;
    if (*share >= fraction && found.since == nullptr) found.since = row;
  }
  return found;
}

/// Judged at the end, as deaths are: where the network has learned, units may well have made up their minds. A layer
/// that was so before the first update, and never moved, is stuck whatever a later census says, which may look at more
/// samples.
void check_saturation(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const auto layers = by_layer(run.layers.rows);
  const double fraction = limits.number("fraction");
  for (const auto& [layer, rows] : hidden_layers(run, run.census.rows)) {
    const Saturation seen = saturation_of(rows, fraction);
    if (seen.first == nullptr) continue;
    const auto found = layers.find(layer);
    const std::optional<double> travel = found == layers.end() ? std::nullopt : travel_of(found->second);
    const bool stuck = step_of(*seen.first) == 0 && *saturated_share(*seen.first) >= fraction && travel &&
                       *travel < limits.number("travel");
    if (seen.since == nullptr && !stuck) continue;
    const CensusRecord& row = stuck ? *seen.first : *seen.last;
    const std::int64_t units = *row.saturated - row.dead;
    const bool one = units == 1;
    std::string sentence = count_text(units, row.units, row.name);
    if (stuck) {
      sentence += std::string(one ? " was" : " were") +
                  " saturated before the first update, and the layer has hardly " +
                  "moved since: " + (one ? "its" : "their") + " derivative was next to 0 on every sample looked at.";
    } else {
      sentence += one ? " is saturated" : " are saturated";
      if (step_of(*seen.since) == 0) sentence += " from the start on";
      if (step_of(*seen.since).value_or(0) > 0) sentence += " since step " + std::to_string(seen.since->step);
      sentence += std::string(": ") + (one ? "its" : "their") + " derivative is next to 0 on every sample looked at";
      double largest = 0.0;
      for (const LayerRecord& record : run.layers.rows)
        if (measured(record, &LayerRecord::layer) == layer && is_measured(record, &LayerRecord::z_max))
          largest = record.z_max;
      sentence += (largest > 0.0 ? " (pre-activations reach " + format_short(largest) + ")" : "") + ".";
    }
    const Severity severity = has_learned(run) && !stuck ? Severity::info : Severity::warning;
    findings.push_back(
        at_layer(severity, stuck ? row : *seen.since, *saturated_share(row), fraction, std::move(sentence)));
    // Before any update could have done it.
    if (stuck)
      findings.back().explains = {"unchanged-weights",   "vanishing-gradient", kSlowUpdates,
                                  "loss-not-decreasing", "too-few-steps",      "no-better-than-constant"};
  }
}

RuleEntry saturation_rule() {
  RuleEntry rule =
      own_rule("saturation",
               "units with next to no derivative on every probe sample (information where the network has learned)",
               {number("fraction", 0.5, "saturated units that are not dead, as a share of a layer").above(0),
                number("travel", 0.01,
                       "a layer saturated from the start that moves less than this, in the size of its parameters, "
                       "is stuck: a warning, whatever the network has learned")
                    .at_least(0)},
               {"census.saturated", "census.dead", "census.units"},
               {"glorot_normal", "standardize", "zero_bias", "smaller_lr", "relu", "elu", "leaky_relu", "gelu"},
               check_saturation);
  rule.explains = {"unchanged-weights", "vanishing-gradient", "loss-not-decreasing", "too-few-steps",
                   "no-better-than-constant"};
  return rule;
}

void check_dormant(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  for (const auto& [layer, rows] : hidden_layers(run, run.census.rows)) {
    const CensusRecord& last = *rows.back();
    if (!last.dormant || last.units < 1) continue;
    const double share = static_cast<double>(*last.dormant - last.dead) / static_cast<double>(last.units);
    if (share >= limits.number("fraction"))
      findings.push_back(at_layer(Severity::info, last, share, limits.number("fraction"),
                                  count_text(*last.dormant - last.dead, last.units, last.name) +
                                      " live, but contribute next to nothing (dormant)."));
  }
}

RuleEntry dormant_layer_rule() {
  return own_rule("dormant-layer", "most of a layer contributes next to nothing (Sokar et al. 2023)",
                  {number("fraction", 0.5, "dormant units that are not dead").above(0)},
                  {"census.dormant", "census.dead", "census.units"}, {"smaller_lr", "leaky_relu"}, check_dormant);
}

/// Whether most of a layer is saturated or dormant at its last census.
bool is_idle(const RunTables& run, std::int64_t layer) {
  const auto layers = by_layer(run.census.rows);
  const auto found = layers.find(layer);
  if (found == layers.end()) return false;
  const CensusRecord& last = *found->second.back();
  return 2 * std::max(last.saturated.value_or(0), last.dormant.value_or(0)) >= last.units;
}

/// Zeros alone are no fault: but of a layer that is idle, or whose activations exploded, or of a network that has
/// learned nothing, nobody calls them healthy.
void check_sparse(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  if (run.train && !has_learned(run)) return;
  for (const auto& [layer, rows] : hidden_layers(run, run.layers.rows)) {
    const LayerRecord& first = *rows.front();
    const LayerRecord& last = *rows.back();
    if (!last.dead_max || *last.dead_max > 0 || last.zero_fraction < limits.number("zero_fraction")) continue;
    if (is_measured(last, &LayerRecord::a_rms) && is_measured(first, &LayerRecord::a_rms) &&
        !(last.a_rms <= limits.number("growth") * first.a_rms))
      continue;
    if (is_idle(run, layer)) continue;
    findings.push_back(at_layer(Severity::info, last, last.zero_fraction, limits.number("zero_fraction"),
                                percent(last.zero_fraction) + " of the activations of layer '" + last.name +
                                    "' are 0, and no unit is dead: sparse, and healthy."));
  }
}

RuleEntry sparse_is_fine_rule() {
  return own_rule(
      "sparse-is-fine", "many zeros and no dead unit: no fault",
      {number("zero_fraction", 0.7, "share of activations that are 0").above(0),
       number("growth", 100.0, "activations that have grown more than so many times are no sign of health").above(1)},
      {"layers.zero_fraction", "layers.dead_max"}, {}, check_sparse);
}

}  // namespace

std::vector<RuleEntry> death_rules() {
  return {dead_on_arrival_rule(), collapsed_network_rule(), dying_units_rule(),
          saturation_rule(),      dormant_layer_rule(),     sparse_is_fine_rule()};
}

}  // namespace reluscope
