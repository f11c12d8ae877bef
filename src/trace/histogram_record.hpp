#pragma once
// histograms.csv: a row is a bin of pre-activations. Of each layer at the end, and of some of the units that died, at
// the censuses before and after.

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "trace/column.hpp"

namespace reluscope {

struct HistogramRecord {
  std::int64_t layer = 0;
  std::string name;
  std::optional<std::int64_t> unit;
  std::int64_t step = 0;
  std::string moment;
  double low = 0.0;
  double high = 0.0;
  std::int64_t count = 0;
  std::uint64_t unmeasured = 0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"layer", &HistogramRecord::layer, "layers with units, counted from 1 at the input"},
        Column{"name", &HistogramRecord::name, "the layer's name"},
        Column{"unit", &HistogramRecord::unit, "a unit that died, from 0; empty: all units of the layer together"},
        Column{"step", &HistogramRecord::step, "updates made before the pre-activations were taken"},
        Column{"moment", &HistogramRecord::moment,
               "end; of a unit that died: before or after, at the last census that found it alive and the first that "
               "found it dead"},
        Column{"low", &HistogramRecord::low, "the bin holds pre-activations z from here"},
        Column{"high", &HistogramRecord::high, "to below here; the last bin holds this one too"},
        Column{"count", &HistogramRecord::count,
               "how many: of the training samples (of a large set some, evenly spaced, and the unit's witness)"},
    };
  }
};

}  // namespace reluscope
