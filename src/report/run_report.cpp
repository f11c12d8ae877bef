#include "report/run_report.hpp"

#include <algorithm>

#include "util/format.hpp"

namespace reluscope {

namespace {

std::string percent(std::optional<std::int64_t> count, std::int64_t units) {
  if (!count) return "-";
  return format_fixed(100.0 * static_cast<double>(*count) / static_cast<double>(units), 1);
}

std::string share_text(std::int64_t count, std::int64_t units) {
  return std::to_string(count) + " of " + std::to_string(units) + " (" + percent(count, units) + " %)";
}

/// Units of the layer that were dead at step 0.
std::optional<std::int64_t> dead_at_start(const LayerSummary& layer) {
  if (!layer.born_dead) return std::nullopt;
  return *layer.born_dead + layer.inherited.value_or(0);
}

/// Whether units were dead in the weights of a file.
bool has_inherited(const LayerSummary& layer) { return layer.inherited.value_or(0) > 0; }

}  // namespace

std::string layer_table(const RunSummary& summary, TableStyle style) {
  std::vector<std::vector<std::string>> rows;
  std::int64_t number = 0;
  const bool inherited = std::any_of(summary.layers.begin(), summary.layers.end(), has_inherited);
  for (const LayerSummary& layer : summary.layers) {
    const std::string norms = layer.grad_norm_first
                                  ? format_short(*layer.grad_norm_first) + " → " + format_short(*layer.grad_norm_last)
                                  : "-";
    rows.push_back({layer.name, layer.activation, std::to_string(++number), std::to_string(layer.units),
                    percent(layer.dead, layer.units), percent(dead_at_start(layer), layer.units),
                    percent(layer.saturated, layer.units), norms});
  }
  return format_table({"name", "activation", "layer", "units", "dead %", inherited ? "inherited dead %" : "born dead %",
                       "saturated %", "gradient norm, first → last"},
                      rows, 2, style);
}

std::string final_figures(const RunSummary& summary) {
  std::string text = std::to_string(summary.steps) + " steps, " + std::to_string(summary.epochs) + " epochs";
  const auto append = [&text](const char* name, const std::optional<Evaluation>& part) {
    if (!part) return;
    text += std::string("; ") + name + " loss " + format_short(part->loss);
    if (part->parts.total() != part->parts.data) text += " (" + format_short(part->parts.data) + " without penalties)";
    if (part->accuracy) text += std::string(", accuracy ") + format_fixed(100.0 * *part->accuracy, 2) + " %";
    if (part->exact_match)
      text += std::string(" of the labels, all of them right on ") + format_fixed(100.0 * *part->exact_match, 2) + " %";
  };
  append("training", summary.train);
  append("test", summary.test);
  return text;
}

std::string verdict(const RunSummary& summary) {
  if (summary.failed) return "Failed at " + summary.failure + ".";
  if (summary.layers.size() < 2) return "No hidden units to watch.";
  if (!summary.dead_fraction()) return "No census was taken, so nothing is known about dead units.";
  std::int64_t units = 0;
  std::int64_t dead = 0;
  std::int64_t at_start = 0;
  bool inherited = false;
  std::int64_t saturated = 0;
  const LayerSummary* worst = nullptr;
  const LayerSummary* extinct = nullptr;
  for (const LayerSummary& layer : summary.layers) {
    if (layer.is_output) continue;
    units += layer.units;
    dead += *layer.dead;
    at_start += std::min(*layer.dead, *dead_at_start(layer));  // some may have come back
    inherited = inherited || has_inherited(layer);
    saturated += *layer.saturated - *layer.dead;  // a dead unit is saturated, too
    if (*layer.dead == layer.units && extinct == nullptr) extinct = &layer;
    const auto fraction = [](const LayerSummary& one) {
      return static_cast<double>(*one.dead) / static_cast<double>(one.units);
    };
    if (worst == nullptr || fraction(layer) > fraction(*worst)) worst = &layer;
  }
  if (extinct != nullptr)
    return "Layer '" + extinct->name + "' is wholly dead" +
           (*dead_at_start(*extinct) < extinct->units ? ""
            : has_inherited(*extinct)                 ? " since before training, in the weights of the file"
                                                      : " from birth") +
           ": nothing at or below it learns, and the output is the same for every sample.";
  if (summary.collapsed == true) return "Collapsed: the output is the same for every training sample.";
  if (dead > 0)
    return share_text(dead, units) + " hidden units are dead on the whole training set, " + std::to_string(at_start) +
           (inherited ? " inherited from the weights' file" : " from birth") + "; worst is layer '" + worst->name +
           "' with " + share_text(*worst->dead, worst->units) + ".";
  if (saturated > 0) return "No dead unit; " + share_text(saturated, units) + " hidden units are saturated.";
  return "No dead unit among " + std::to_string(units) + " hidden units.";
}

}  // namespace reluscope
