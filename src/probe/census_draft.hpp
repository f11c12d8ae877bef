#pragma once
// One exact census, or one look at bounds, in the making: which units are settled, and how.

#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <vector>

#include "probe/census.hpp"

namespace reluscope {

enum class UnitState : std::uint8_t { open, alive, dead };

struct CensusDraft {
  struct Verdict {
    UnitState state = UnitState::open;
    Device device = Device::scan;
    Index witness = -1;
    double margin = 0.0;
  };
  struct OpenUnit {
    std::size_t layer;
    std::size_t unit;
  };
  std::vector<std::vector<Verdict>> units;  ///< by layers with units
  std::vector<Eigen::VectorXd> z_drift;     ///< since the last census; empty where it was not asked for
  std::vector<double> norm_drift;
  std::int64_t samples = 0;  ///< evaluated so far

  [[nodiscard]] bool open(std::size_t layer) const {
    return std::any_of(units[layer].begin(), units[layer].end(),
                       [](const Verdict& verdict) { return verdict.state == UnitState::open; });
  }
  /// One past the last layer with an open unit.
  [[nodiscard]] std::size_t open_layers() const {
    std::size_t layers = units.size();
    while (layers > 0 && !open(layers - 1)) --layers;
    return layers;
  }
  [[nodiscard]] std::vector<OpenUnit> open_units() const {
    std::vector<OpenUnit> places;
    for (std::size_t at = 0; at < units.size(); ++at)
      for (std::size_t unit = 0; unit < units[at].size(); ++unit)
        if (units[at][unit].state == UnitState::open) places.push_back({at, unit});
    return places;
  }
};

}  // namespace reluscope
