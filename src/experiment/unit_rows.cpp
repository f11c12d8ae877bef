#include "experiment/unit_rows.hpp"

#include <limits>

namespace reluscope {

namespace {

std::string state_of(const UnitCensus& unit, const UnitProbe& probe) {
  if (unit.dead) return "dead";
  if (probe.saturated) return "saturated";
  if (probe.dormant) return "dormant";
  return is_rare(probe) ? "rare" : "alive";
}

}  // namespace

ProbeOptions probe_options(const ExperimentSpec& spec) {
  ProbeOptions options;
  options.saturation_epsilon = spec.record.saturation_epsilon;
  options.dormant_tau = spec.record.dormant_tau;
  options.samples = spec.record.probe;
  options.seed = spec.seed;
  return options;
}

CensusRecord census_row(const CountedSite& site, Index samples, const LayerCensus& census, const LayerProbe* probe) {
  CensusRecord row;
  row.layer = static_cast<std::int64_t>(site.at) + 1;
  row.name = site.name;
  row.units = static_cast<std::int64_t>(census.units.size());
  row.role = site.role;
  row.samples = samples;
  row.positions = site.positions;
  for (const UnitCensus& unit : census.units) {
    row.dead += unit.dead ? 1 : 0;
    row.dead_on_domain += unit.dead_on_domain ? 1 : 0;
  }
  row.dead_fraction = static_cast<double>(row.dead) / static_cast<double>(row.units);
  if (probe != nullptr) {
    row.saturated = probe->saturated();
    row.dormant = probe->dormant();
    row.effective_rank = probe->effective_rank;
  }
  return row;
}

UnitRecord unit_row(const CountedSite& site, std::size_t unit, const UnitCensus& census, const UnitProbe& probe) {
  UnitRecord row;
  row.layer = static_cast<std::int64_t>(site.at) + 1;
  row.name = site.name;
  row.unit = static_cast<std::int64_t>(unit);
  row.state = state_of(census, probe);
  row.role = site.role;
  return row;
}

void note_whole_set(UnitRecord& row, const UnitProbe& probe, Index positions) {
  if (probe.margin != -std::numeric_limits<double>::infinity()) row.margin = probe.margin + 0.0;  // not -0
  row.activation_rate = probe.activation_rate;
  if (positions > 1) {
    row.sample_rate = probe.sample_rate;
    row.cover = probe.cover;
  }
  row.a_mean = probe.mean;
}

}  // namespace reluscope
