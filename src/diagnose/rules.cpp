// The rules, one entry each. Thresholds that other tools or papers use carry their source in the parameter's line; the
// others were set on the runs that diagnose.rules_slow makes: no warning on healthy ones, the right one on sick ones.
#include <algorithm>
#include <array>
#include <cmath>

#include "diagnose/rule_support.hpp"

namespace reluscope {

namespace {

// ---- death

/// The rows of the first hidden layer that is wholly dead at the census that `pick` takes from its rows; nullptr if
/// none is. Layers above it get nothing but constants: they are its victims.
template <class Pick>
const Rows<CensusRecord>* first_extinct(const std::map<std::int64_t, Rows<CensusRecord>>& layers, Pick pick) {
  for (const auto& [layer, rows] : layers)
    if (is_extinct(*pick(rows))) return &rows;
  return nullptr;
}
const CensusRecord* first_of(const Rows<CensusRecord>& rows) { return rows.front(); }
const CensusRecord* last_of(const Rows<CensusRecord>& rows) { return rows.back(); }

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
                 percent(share) + " of the units of layer '" + first.name + "' are dead " +
                     (inherited ? "in the weights that training started from." : "before the first update.")));
  }
}

/// "most by own_weights (12 of 20)", or nothing.
std::string dominating_cause(const RunTables& run, std::int64_t layer) {
  std::map<std::string, std::int64_t> counts;
  std::int64_t total = 0;
  for (const UnitRecord& unit : run.units.rows)
    if (unit.layer == layer && unit.cause && !unit.cause->empty() && *unit.cause != "born" &&
        *unit.cause != "inherited") {
      ++counts[*unit.cause];
      ++total;
    }
  const auto most = std::max_element(counts.begin(), counts.end(),
                                     [](const auto& left, const auto& right) { return left.second < right.second; });
  if (most == counts.end()) return "";
  const std::map<std::string, std::string> words = {{"own_weights", "pushed there by their own weights"},
                                                    {"own_bias", "pushed there by their own bias"},
                                                    {"upstream", "because what feeds them moved"}};
  const auto word = words.find(most->first);
  return ", " + std::to_string(most->second) + " of " + std::to_string(total) + " " +
         (word == words.end() ? most->first : word->second);
}

void check_dying_units(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  for (const auto& [layer, rows] : hidden_layers(run, run.census.rows)) {
    const CensusRecord* worst = rows.front();
    for (const CensusRecord* row : rows)
      if (row->dead > worst->dead) worst = row;
    if (worst->units < 1) continue;
    const auto units = static_cast<double>(worst->units);
    const double grown = static_cast<double>(worst->dead - dead_at_start(*worst)) / units;
    if (grown < limits.number("notice")) continue;
    const double share = static_cast<double>(worst->dead) / units;
    Severity severity = Severity::info;
    double threshold = limits.number("notice");
    if (grown >= limits.number("fraction")) {
      severity = share >= limits.number("critical_fraction") ? Severity::critical : Severity::warning;
      threshold = limits.number(severity == Severity::critical ? "critical_fraction" : "fraction");
    }
    std::string sentence = std::to_string(worst->dead) + " of " + std::to_string(worst->units) + " units of layer '" +
                           worst->name + "' were dead" + at_step_text(*worst) + ", " +
                           std::to_string(dead_at_start(*worst)) + " of them " +
                           (worst->inherited > 0 ? "in the weights that training started from" : "from birth") +
                           dominating_cause(run, layer);
    if (is_measured(*rows.back(), &CensusRecord::locked) && rows.back()->dead > 0)
      sentence += "; at the end " + std::to_string(rows.back()->locked) + " of " + std::to_string(rows.back()->dead) +
                  " provably cannot come back in this run";
    findings.push_back(at_layer(severity, *worst, share, threshold, sentence + "."));
  }
}

void check_collapsed(const RunTables& run, const ParamValues& /*limits*/, std::vector<Finding>& findings) {
  const auto layers = hidden_layers(run, run.census.rows);
  const Rows<CensusRecord>* rows = first_extinct(layers, last_of);
  if (rows == nullptr) return;
  const CensusRecord* since = rows->back();
  for (auto row = rows->rbegin(); row != rows->rend() && is_extinct(**row); ++row) since = *row;
  const std::optional<std::int64_t> step = step_of(*since);
  findings.push_back(
      at_layer(Severity::critical, *since, 1.0, 1.0,
               layer_text(since->name) +
                   (step ? " has been wholly dead since step " + std::to_string(*step) : " is wholly dead") +
                   ": the output is the same for every sample, and nothing at or below it learns."));
}

void check_dormant(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  for (const auto& [layer, rows] : hidden_layers(run, run.census.rows)) {
    const CensusRecord& last = *rows.back();
    if (!last.dormant || last.units < 1) continue;
    const double share = static_cast<double>(*last.dormant - last.dead) / static_cast<double>(last.units);
    if (share >= limits.number("fraction"))
      findings.push_back(at_layer(Severity::info, last, share, limits.number("fraction"),
                                  percent(share) + " of the units of layer '" + last.name +
                                      "' live, but contribute next to nothing (dormant)."));
  }
}

void check_saturation(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  for (const auto& [layer, rows] : hidden_layers(run, run.census.rows)) {
    const CensusRecord* worst = nullptr;
    double most = 0.0;
    for (const CensusRecord* row : rows) {
      if (!row->saturated || row->units < 1) continue;
      const double share = static_cast<double>(*row->saturated - row->dead) / static_cast<double>(row->units);
      if (worst == nullptr || share > most) {
        worst = row;
        most = share;
      }
    }
    if (worst != nullptr && most >= limits.number("fraction"))
      findings.push_back(
          at_layer(Severity::warning, *worst, most, limits.number("fraction"),
                   percent(most) + " of the units of layer '" + worst->name +
                       "' are saturated: their derivative is next to 0 on every sample that was looked at."));
  }
}

void check_sparse(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  for (const auto& [layer, rows] : hidden_layers(run, run.layers.rows)) {
    const LayerRecord& last = *rows.back();
    if (!last.dead_max || *last.dead_max > 0 || last.zero_fraction < limits.number("zero_fraction")) continue;
    findings.push_back(at_layer(Severity::info, last, last.zero_fraction, limits.number("zero_fraction"),
                                percent(last.zero_fraction) + " of the activations of layer '" + last.name +
                                    "' are 0, and no unit is dead: sparse, and healthy."));
  }
}

// ---- gradients

/// What theory predicts of a layer, or nullptr.
const TheoryRecord* theory_of(const RunTables& run, std::int64_t layer) {
  for (const TheoryRecord& row : run.theory.rows)
    if (measured(row, &TheoryRecord::layer) == layer) return &row;
  return nullptr;
}

void check_exploding_gradient(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const std::vector<StepRecord>& rows = run.steps.rows;
  std::vector<double> start;
  for (std::size_t at = 0; at < first_part(rows, limits.number("start")); ++at) start.push_back(rows[at].grad_norm);
  // Gradients fall from the first step on where all is well: that is no rise.
  const double usual = std::max(median(start), rows.front().grad_norm);
  const StepRecord* worst = nullptr;
  for (const StepRecord& row : rows) {
    if (!std::isfinite(row.grad_norm) || !std::isfinite(row.loss)) {
      findings.push_back(at_step(Severity::critical, step_of(row), row.grad_norm, limits.number("growth"),
                                 "Loss or gradient is not finite" + at_step_text(row) + "."));
      return;
    }
    if (worst == nullptr || row.grad_norm > worst->grad_norm) worst = &row;
  }
  for (const auto& [layer, layer_rows] : by_layer(run.layers.rows)) {
    const TheoryRecord* theory = theory_of(run, layer);
    const LayerRecord& first = *layer_rows.front();
    if (theory == nullptr || !theory->delta_rms || step_of(first) != 0 || !(*theory->delta_rms > 0.0)) continue;
    const double ratio = first.delta_rms / *theory->delta_rms;
    if (!(ratio > limits.number("theory"))) continue;
    findings.push_back(at_layer(Severity::warning, first, ratio, limits.number("theory"),
                                "At the start the loss gradient at layer '" + first.name + "' is " +
                                    format_short(ratio) + " times what theory predicts for this network."));
    break;
  }
  if (worst != nullptr && worst->grad_norm > limits.number("growth") * usual)
    findings.push_back(at_step(Severity::warning, step_of(*worst), worst->grad_norm / usual, limits.number("growth"),
                               "The gradient's norm rises to " + format_short(worst->grad_norm) + at_step_text(*worst) +
                                   ", from " + format_short(usual) + " at the start."));
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
  // A table of hidden layers only ends below the output.
  const std::string end = output_layers(run).contains(layers.rbegin()->first)
                              ? "the output"
                              : "layer '" + layers.rbegin()->second.front()->name + "'";
  if (first / last < limits.number("ratio"))
    findings.push_back(at_layer(Severity::warning, row, first / last, limits.number("ratio"),
                                "The loss gradient at layer '" + row.name + "' is " + format_short(first / last) +
                                    " times that at " + end + ": " + std::to_string(layers.size()) +
                                    " layers let it vanish."));
  if (first / last > limits.number("explodes"))
    findings.push_back(at_layer(Severity::warning, row, first / last, limits.number("explodes"),
                                "The loss gradient grows " + format_short(first / last) + "-fold from " + end +
                                    " to layer '" + row.name + "'."));
}

/// The rows of an output layer to which the loss says nothing at any recorded step; nullptr if there is none.
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

void check_zero_gradient(const RunTables& run, const ParamValues& /*limits*/, std::vector<Finding>& findings) {
  const auto layers = by_layer(run.layers.rows);
  const Rows<LayerRecord>* output = find_silent_output(run, layers);
  if (output == nullptr) return;
  // A dead output is named as such (output_rules.cpp).
  for (const CensusRecord& row : run.census.rows)
    if (measured(row, &CensusRecord::layer) == output->front()->layer && is_extinct(row)) return;
  findings.push_back(at_layer(Severity::critical, *output->front(), 0.0, 0.0,
                              "The loss has no gradient at the output, at any recorded step: look at the loss and the "
                              "output layer (a softmax over one unit has none), not at the hidden units."));
}

/// The ratio of averages, as the noise scale is to be taken (McCandlish et al. 2018, appendix A.1).
void check_noisy_gradient(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  double trace = 0.0;
  double signal = 0.0;
  std::int64_t batches = 0;
  for (std::size_t at = 0; at < first_part(run.steps.rows, limits.number("start")); ++at) {
    const StepRecord& row = run.steps.rows[at];
    if (!row.grad_trace || !row.grad_signal) continue;
    trace += *row.grad_trace;
    signal += *row.grad_signal;
    ++batches;
  }
  const double most = limits.number("samples");
  if (!std::isfinite(trace) || !std::isfinite(signal) || trace <= 0.0 || trace <= most * signal) return;
  const std::string steps = std::to_string(batches) + (batches == 1 ? " recorded step" : " recorded steps");
  const double scale = trace / signal;
  if (signal > 0.0 && std::isfinite(scale)) {
    findings.push_back(
        at_step(Severity::info, 0, scale, most,
                "Early gradients are noisy: over " + steps + " their noise scale is " + format_short(scale) +
                    " samples (McCandlish et al. 2018); batches much smaller than that average little."));
    return;
  }
  // No figure: it is beyond what these batches can tell.
  Finding finding = at_step(Severity::info, 0, 0.0, most,
                            "Early gradients cannot be told from noise: over " + steps +
                                " nothing is left of them on average once the noise is taken off (McCandlish et al. "
                                "2018). Such small batches average little.");
  finding.value.reset();
  findings.push_back(finding);
}

// ---- sizes

/// A shorter run says nothing about where it would lead.
constexpr double kStepsToJudge = 100.0;

void check_update_ratio(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  for (const auto& [layer, rows] : by_layer(run.layers.rows)) {
    const double usual = median_at_start(
        rows, [](const LayerRecord& row) { return row.update_ratio; }, limits.number("start"));
    if (usual > limits.number("largest"))
      findings.push_back(at_layer(Severity::warning, *rows.front(), usual, limits.number("largest"),
                                  "Updates of layer '" + rows.front()->name + "' are " + format_short(usual) +
                                      " of its parameters a step: the learning rate is too large for it."));
    // A median hides the one step that threw a network out.
    const LayerRecord* wildest = rows.front();
    for (std::size_t at = 0; at < first_part(rows, limits.number("start")); ++at)
      if (rows[at]->update_ratio > wildest->update_ratio) wildest = rows[at];
    if (!(usual > limits.number("largest")) && run.train && !has_learned(run) &&
        wildest->update_ratio > limits.number("single"))
      findings.push_back(at_layer(Severity::warning, *wildest, wildest->update_ratio, limits.number("single"),
                                  "The update" + at_step_text(*wildest) + " changed layer '" + wildest->name + "' by " +
                                      format_short(wildest->update_ratio) +
                                      " times the size of its parameters: the learning rate is too large for it."));
    const auto steps = static_cast<double>(step_of(*rows.back()).value_or(0) + 1);
    double fastest = 0.0;
    for (const LayerRecord* row : rows) fastest = std::max(fastest, row->update_ratio);
    const double travel = fastest * steps;
    if (steps >= kStepsToJudge && usual >= limits.number("smallest") && travel < limits.number("travel"))
      findings.push_back(at_layer(Severity::warning, *rows.front(), travel, limits.number("travel"),
                                  "Even at its fastest pace layer '" + rows.front()->name + "' would move by " +
                                      format_short(travel) + " of its parameters in the whole run: it hardly learns."));
    if (usual > 0.0 && usual < limits.number("smallest"))
      findings.push_back(at_layer(Severity::warning, *rows.front(), usual, limits.number("smallest"),
                                  "Updates of layer '" + rows.front()->name + "' are " + format_short(usual) +
                                      " of its parameters a step: it hardly learns."));
  }
}

void check_unchanged_weights(const RunTables& run, const ParamValues& /*limits*/, std::vector<Finding>& findings) {
  // Without a gradient at the output, and at and below a layer that was dead from the start, nothing can change: that
  // is said elsewhere.
  const auto all = by_layer(run.layers.rows);
  if (find_silent_output(run, all) != nullptr) return;
  std::int64_t explained = 0;
  for (const auto& [layer, rows] : hidden_layers(run, run.census.rows))
    if (is_extinct(*first_of(rows))) explained = layer;
  for (const auto& [layer, rows] : all) {
    if (rows.size() < 2 || layer <= explained) continue;
    if (std::all_of(rows.begin(), rows.end(), [](const LayerRecord* row) { return row->update_ratio == 0.0; }))
      findings.push_back(at_layer(Severity::warning, *rows.front(), 0.0, 0.0,
                                  "The parameters of layer '" + rows.front()->name + "' never change."));
  }
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
    if (before > 0.0 && after > limits.number("growth") * before)
      findings.push_back(at_layer(Severity::warning, *rows.back(), after / before, limits.number("growth"),
                                  "Activations of layer '" + rows.back()->name + "' have grown " +
                                      format_short(after / before) + "-fold in training."));
  }
}

void check_initialisation(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const auto layers = hidden_layers(run, run.layers.rows);
  if (layers.size() < 2) return;
  const auto q = [](const LayerRecord& row) { return row.z_std * row.z_std + row.z_mean * row.z_mean; };
  if (starts_from_file(run)) return;  // no initialiser made them
  // The first layer's z has the size of the data, which is no initialiser's fault.
  const bool skips_first = input_rms(run).value_or(0.0) > kLargeInputs;
  const LayerRecord& first = *(skips_first ? std::next(layers.begin()) : layers.begin())->second.front();
  const LayerRecord& last = *layers.rbegin()->second.front();
  // 0: dead, which is said elsewhere.
  if (first.step != 0 || !(q(first) > 0.0) || !(q(last) > 0.0)) return;
  const double growth = q(last) / q(first);
  if (growth > limits.number("growth") || growth < 1.0 / limits.number("growth"))
    findings.push_back(at_layer(Severity::warning, last, growth, limits.number("growth"),
                                "Before the first update the mean of z² in layer '" + last.name + "' is " +
                                    format_short(growth) + " times that in layer '" + first.name + "': signals " +
                                    (growth > 1.0 ? "explode" : "die out") + " with depth."));
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

// ---- loss

double mean_loss(const std::vector<StepRecord>& rows, std::size_t from, std::size_t to) {
  double sum = 0.0;
  for (std::size_t at = from; at < to; ++at) sum += rows[at].loss;
  return sum / static_cast<double>(to - from);
}

void check_loss_not_decreasing(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const std::vector<StepRecord>& rows = run.steps.rows;
  if (rows.size() < 10) return;
  // Against the very start: the loss falls most in the first steps.
  const std::size_t part = std::max<std::size_t>(1, rows.size() / 10);
  const double start = rows.front().loss;
  const double end = mean_loss(rows, rows.size() - part, rows.size());
  if (std::isfinite(end) && start > 0.0 && end > limits.number("share") * start)
    findings.push_back(at_step(Severity::warning, step_of(rows.back()), end / start, limits.number("share"),
                               "The loss ends at " + format_short(end) + ", where it started from " +
                                   format_short(start) + ": it has not learned."));
}

void check_loss_oscillating(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const std::vector<StepRecord>& rows = run.steps.rows;
  if (rows.size() < 20) return;
  const std::size_t half = rows.size() / 2;
  const double mean = mean_loss(rows, half, rows.size());
  double square = 0.0;
  for (std::size_t at = half; at < rows.size(); ++at) square += (rows[at].loss - mean) * (rows[at].loss - mean);
  const double spread = std::sqrt(square / static_cast<double>(rows.size() - half));
  if (mean > 0.0 && spread > limits.number("share") * mean && mean > limits.number("level") * rows.front().loss)
    findings.push_back(at_step(Severity::info, step_of(rows.back()), spread / mean, limits.number("share"),
                               "In the second half of training the loss varies by " + format_short(spread) +
                                   " around a mean of " + format_short(mean) + "."));
}

Param start_share() { return number("start", 0.1, "share of the run that counts as its start").above(0).at_most(1); }

/// A rule of our own.
RuleEntry rule(std::string name, std::vector<Param> thresholds, std::vector<std::string> needs,
               std::vector<std::string> remedies, std::string doc,
               void (*check)(const RunTables&, const ParamValues&, std::vector<Finding>&)) {
  return make_rule(kOwnRules, std::move(name), std::move(thresholds), std::move(needs), std::move(remedies),
                   std::move(doc), check);
}

std::vector<RuleEntry> make_table() {
  // The likeliest first: prescribe tries them in this order, and drops the last ones where the budget is short.
  const std::vector<std::string> calmer = {"smaller_lr", "leaky_relu",  "warmup", "clip_norm", "much_smaller_lr",
                                           "adam",       "no_momentum", "elu",    "prelu"};
  // The cause before its symptoms: the data, the output and the loss, the initialisation, the rate, death, the rest.
  std::vector<RuleEntry> table = data_rules();
  for (RuleEntry& entry : output_rules()) table.push_back(std::move(entry));
  table.push_back(rule("zero-gradient", {}, {"layers.delta_rms"}, {},
                       "the loss itself has no gradient: hidden units are not to blame", check_zero_gradient));
  table.back().needs_output = true;
  table.push_back(rule(
      "poor-initialisation",
      {number("growth", 20.0, "mean z² of the last hidden layer over the first, or its inverse").above(1),
       number("theory", 10.0, "mean z² at step 0 over what theory predicts, or its inverse: worth a note").above(1)},
      {"layers.z_mean", "layers.z_std", "layers.step"},
      {"he_normal", "recipe", "glorot_normal", "positive_bias", "rai"},
      "signals grow or die out with depth before the first update, or leave the band of theory", check_initialisation));
  table.back().mild_if_learned = true;
  table.push_back(
      rule("vanishing-gradient",
           {number("ratio", 1e-3, "delta RMS of the first layer over the last (AUTOTRAINER: 1e-3)").above(0),
            number("explodes", 1e3, "the same ratio above which it explodes").above(1), start_share()},
           {"layers.delta_rms"}, {"he_normal", "recipe", "glorot_normal", "relu", "elu", "adam", "leaky_relu", "gelu"},
           "the loss gradient shrinks, or grows, on its way to the first layer", check_vanishing_gradient));
  table.push_back(rule(
      "exploding-gradient",
      {number("growth", 100.0, "norm, as a multiple of its median at the start").above(1), start_share(),
       number("theory", 100.0, "delta RMS at step 0, as a multiple of what theory predicts").above(1)},
      {"steps.grad_norm", "steps.loss"},
      {"smaller_lr", "clip_norm", "he_normal", "recipe", "glorot_normal", "much_smaller_lr", "warmup", "standardize"},
      "the gradient's norm leaves its usual size, or theory's, or is not finite", check_exploding_gradient));
  table.push_back(
      rule("exploding-activation",
           {number("growth", 100.0, "a_rms, as a multiple of the first layer's or of the start's").above(1)},
           {"layers.a_rms"}, {"he_normal", "recipe", "glorot_normal", "smaller_lr", "standardize", "much_smaller_lr"},
           "activations grow with depth or in training", check_exploding_activation));
  table.back().mild_if_learned = true;
  table.push_back(rule(
      "update-ratio",
      {number("largest", 0.3, "median ‖Δθ‖/‖θ‖ at the start").above(0),
       number("single", 3.0, "the largest at the start, of a network that has learned nothing").above(0),
       number("smallest", 1e-8, "the same, too small (SageMaker Debugger: 1e-8)").above(0),
       number("travel", 1e-3, "the largest one times the steps, of a run of 100 or more: too little in all").above(0),
       start_share()},
      {"layers.update_ratio"}, {"smaller_lr", "adam", "warmup", "standardize", "larger_lr", "much_smaller_lr"},
      "updates are too large or too small for the parameters", check_update_ratio));
  table.push_back(rule("unchanged-weights", {}, {"layers.update_ratio"}, {"larger_lr", "adam"},
                       "a layer's parameters never change", check_unchanged_weights));
  table.push_back(rule(
      "dead-on-arrival",
      {number("notice", 0.25,
              "born dead units of a layer: worth a note. With one input feature and no biases "
              "a quarter of the second layer is expected to be (census.md)"),
       number("fraction", 0.5, "the same: a warning").above(0),
       number("learned_fraction", 0.75, "the same where the network has learned all the same").above(0),
       number("left", 20, "and where so many units of the layer are left").at_least(0)},
      {"census.born_dead", "census.units", "census.step"},
      {"positive_bias", "he_normal", "leaky_relu", "elu", "rai", "wider", "standardize", "prelu", "gelu"},
      "units, or a whole layer, dead before the first update, in drawn weights (Lu et al. 2019) or those of a file",
      check_dead_on_arrival));
  table.push_back(rule("collapsed-network", {}, {"census.dead", "census.units"}, calmer,
                       "a hidden layer is wholly dead at the end: the output is constant", check_collapsed));
  table.push_back(rule(
      "dying-units",
      {number("notice", 0.1, "units that died, as a share of a layer: worth a note (keras-contrib: 10 %)"),
       number("fraction", 0.5, "the same: a warning (SageMaker Debugger: 50 %). Runs that learn well lose up to 43 %"),
       number("critical_fraction", 0.8, "dead share that is critical")},
      {"census.dead", "census.units", "census.born_dead"}, calmer,
      "units die in training; with the cause that prevails", check_dying_units));
  table.push_back(rule("saturation",
                       {number("fraction", 0.5, "saturated units that are not dead, as a share of a layer").above(0)},
                       {"census.saturated", "census.dead", "census.units"},
                       {"glorot_normal", "standardize", "zero_bias", "smaller_lr", "relu", "elu", "leaky_relu", "gelu"},
                       "units with next to no derivative on every probe sample", check_saturation));
  table.push_back(rule("loss-not-decreasing", {number("share", 0.95, "final loss, as a share of the first").above(0)},
                       {"steps.loss"},
                       {"smaller_lr", "adam", "larger_lr", "standardize", "he_normal", "recipe", "glorot_normal"},
                       "the loss ends where it began", check_loss_not_decreasing));
  table.push_back(rule("loss-oscillating",
                       {number("share", 0.5, "spread over mean in the second half").above(0),
                        number("level", 0.2, "only above this share of the first loss").above(0)},
                       {"steps.loss"}, {"smaller_lr", "larger_batch"}, "the loss does not settle",
                       check_loss_oscillating));
  table.push_back(rule("noisy-gradient", {number("samples", 1e4, "noise scale in samples").above(0), start_share()},
                       {"steps.grad_trace", "steps.grad_signal"}, {"larger_batch"},
                       "gradients are mostly noise (McCandlish et al. 2018)", check_noisy_gradient));
  table.push_back(rule("dormant-layer", {number("fraction", 0.5, "dormant units that are not dead").above(0)},
                       {"census.dormant", "census.dead", "census.units"}, {"smaller_lr", "leaky_relu"},
                       "most of a layer contributes next to nothing (Sokar et al. 2023)", check_dormant));
  table.push_back(rule("bias-shift", {number("share", 0.9, "|mean a| over RMS a").above(0)},
                       {"layers.a_mean", "layers.a_rms"}, {"elu"},
                       "a layer's activations hardly differ from their mean (Clevert et al. 2016)", check_bias_shift));
  table.push_back(rule("sparse-is-fine", {number("zero_fraction", 0.7, "share of activations that are 0").above(0)},
                       {"layers.zero_fraction", "layers.dead_max"}, {}, "many zeros and no dead unit: no fault",
                       check_sparse));
  for (RuleEntry& entry : learning_rules()) table.push_back(std::move(entry));
  for (RuleEntry& entry : published_rules()) table.push_back(std::move(entry));
  return table;
}

}  // namespace

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

bool needs_drawn_weights(std::string_view remedy) {
  static constexpr std::array kNames = {"he_normal", "glorot_normal", "rai",   "positive_bias",
                                        "zero_bias", "recipe",        "prelu", "wider"};
  return std::find(kNames.begin(), kNames.end(), remedy) != kNames.end();
}

std::span<const RuleEntry> rule_table() {
  static const std::vector<RuleEntry> table = make_table();
  return table;
}

}  // namespace reluscope
