#pragma once
// What a census and a probe say of layers and units, as rows: that part of them which needs no training before it.

#include <cstdint>
#include <optional>
#include <string>

#include "config/spec.hpp"
#include "nn/node.hpp"
#include "probe/census.hpp"
#include "probe/probe_set.hpp"
#include "trace/census_record.hpp"
#include "trace/unit_record.hpp"

namespace reluscope {

/// Units that are active on less than 1 % of the samples are rare (Dohare et al. 2024).
inline bool is_rare(const UnitProbe& probe) { return probe.sample_rate < 0.01; }

/// What a run of this experiment looks at, and by which thresholds.
ProbeOptions probe_options(const ExperimentSpec& spec);

/// A layer with units.
struct CountedSite {
  std::size_t at = 0;  ///< its place among them: 0 is layer 1 of the tables
  std::string name;
  Role role = Role::hidden;
  Index positions = 1;  ///< that a unit is applied at for one sample
};

/// Of a layer. Without a `probe` what needs a pass stays empty. `samples`: in the part of the data that the census is
/// of.
CensusRecord census_row(const CountedSite& site, Index samples, const LayerCensus& census, const LayerProbe* probe);

/// Of one of its units: where it is, and its state.
UnitRecord unit_row(const CountedSite& site, std::size_t unit, const UnitCensus& census, const UnitProbe& probe);
/// Adds what a probe over all of the data knows of the unit.
void note_whole_set(UnitRecord& row, const UnitProbe& probe, Index positions);

/// Units dead at step 0 were born so in weights that were drawn, or inherited from a file: into whichever of the row's
/// two members that is.
template <class Row>
void note_dead_at_start(Row& row, std::int64_t count, bool from_file) {
  row.born_dead = from_file ? 0 : count;
  row.inherited = from_file ? count : 0;
}

/// What the unit has learned its slope to be, where it learns one.
template <class T>
std::optional<double> learned_slope(const Node<T>& site, std::size_t unit) {
  const Parameter<T>* slope = site.parameter(ParameterRole::slope);
  if (slope == nullptr) return std::nullopt;
  return static_cast<double>(slope->value(slope->value.size() == 1 ? 0 : static_cast<Index>(unit), 0));
}

}  // namespace reluscope
