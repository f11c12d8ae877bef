#include "report/run_report.hpp"

#include <algorithm>

#include "util/format.hpp"

namespace reluscope {

namespace {

std::string percent(std::optional<std::int64_t> count, std::int64_t units) {
  if (!count) return "-";
  return format_fixed(100.0 * static_cast<double>(*count) / static_cast<double>(units), 1);
}

}  // namespace

std::string layer_table(const RunSummary& summary, TableStyle style, std::size_t width) {
  std::vector<std::vector<std::string>> rows;
  std::int64_t number = 0;
  const bool inherited = std::any_of(summary.layers.begin(), summary.layers.end(),
                                     [](const LayerSummary& layer) { return layer.has_inherited(); });
  for (const LayerSummary& layer : summary.layers) {
    const std::string norms = layer.grad_norm_first
                                  ? format_short(*layer.grad_norm_first) + " → " + format_short(*layer.grad_norm_last)
                                  : "-";
    rows.push_back({layer.name, layer.activation, std::to_string(++number), std::to_string(layer.units),
                    percent(layer.dead, layer.units), percent(layer.dead_at_start(), layer.units),
                    percent(layer.saturated, layer.units), norms});
  }
  return format_table({"name", "activation", "layer", "units", "dead %", inherited ? "inherited dead %" : "born dead %",
                       "saturated %", "gradient norm, first → last"},
                      rows, 2, style, width, {"layer", "activation", "saturated %"});
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

}  // namespace reluscope
