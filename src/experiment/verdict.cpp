#include "experiment/verdict.hpp"

#include <algorithm>

#include "util/format.hpp"

namespace reluscope {

namespace {

std::string share_text(std::int64_t count, std::int64_t units) {
  return std::to_string(count) + " of " + std::to_string(units) + " (" +
         format_fixed(100.0 * static_cast<double>(count) / static_cast<double>(units), 1) + " %)";
}

}  // namespace

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
    at_start += std::min(*layer.dead, *layer.dead_at_start());  // some may have come back
    inherited = inherited || layer.has_inherited();
    saturated += *layer.saturated - *layer.dead;  // a dead unit is saturated, too
    if (*layer.dead == layer.units && extinct == nullptr) extinct = &layer;
    const auto fraction = [](const LayerSummary& one) {
      return static_cast<double>(*one.dead) / static_cast<double>(one.units);
    };
    if (worst == nullptr || fraction(layer) > fraction(*worst)) worst = &layer;
  }
  if (extinct != nullptr)
    return "Layer '" + extinct->name + "' is wholly dead" +
           (*extinct->dead_at_start() < extinct->units ? ""
            : extinct->has_inherited()                 ? " since before training, in the weights of the file"
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

std::string census_verdict(const NetworkCensus& census, DataPart part) {
  const std::string where = part == DataPart::train ? " on the whole training set" : " on the whole test set";
  std::int64_t units = 0;
  std::int64_t dead = 0;
  std::int64_t on_domain = 0;
  const CensusRecord* worst = nullptr;
  for (const SiteCensus& site : census.sites) {
    if (site.site.role == Role::output) continue;
    const CensusRecord& row = site.row;
    if (row.dead == row.units)
      return "Layer '" + row.name + "' is wholly dead" + where + ": the output is the same for every sample.";
    units += row.units;
    dead += row.dead;
    on_domain += row.dead_on_domain;
    if (worst == nullptr || row.dead_fraction > worst->dead_fraction) worst = &row;
  }
  if (worst == nullptr) return "No hidden units to look at.";
  if (census.collapsed) return "Collapsed: the output is the same for every sample.";
  if (dead == 0) return "No dead unit among " + std::to_string(units) + " hidden units" + where + ".";
  return share_text(dead, units) + " hidden units are dead" + where + ", " + std::to_string(on_domain) +
         " of them for every input in its range; worst is layer '" + worst->name + "' with " +
         share_text(worst->dead, worst->units) + ".";
}

}  // namespace reluscope
