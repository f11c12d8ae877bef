#include "experiment/run_summary.hpp"

namespace reluscope {

std::optional<std::int64_t> LayerSummary::dead_at_start() const {
  if (!born_dead) return std::nullopt;
  return *born_dead + inherited.value_or(0);
}

std::optional<double> RunSummary::dead_fraction() const {
  std::int64_t units = 0;
  std::int64_t dead_units = 0;
  for (const LayerSummary& layer : layers) {
    if (layer.is_output) continue;
    if (!layer.dead) return std::nullopt;
    units += layer.units;
    dead_units += *layer.dead;
  }
  if (units == 0) return std::nullopt;
  return static_cast<double>(dead_units) / static_cast<double>(units);
}

}  // namespace reluscope
