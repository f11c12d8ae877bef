#pragma once
// changes.csv: a row is a unit of a network whose parameters were looked at twice (`reluscope census --compare`).

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "trace/column.hpp"

namespace reluscope {

struct ChangeRecord {
  std::int64_t layer = 0;
  std::string name;
  std::int64_t unit = 0;
  std::string change;
  std::string before;
  std::string after;
  std::optional<double> margin_before;
  std::optional<double> margin_after;
  std::uint64_t unmeasured = 0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"layer", &ChangeRecord::layer, "layers with units, counted from 1 at the input"},
        Column{"name", &ChangeRecord::name, "the layer's name"},
        Column{"unit", &ChangeRecord::unit, "unit in the layer, from 0"},
        Column{"change", &ChangeRecord::change, "died, revived, kept_dead or kept_alive, on the data looked at"},
        Column{"before", &ChangeRecord::before, "its state with the other parameters, as in units.csv"},
        Column{"after", &ChangeRecord::after, "its state with those looked at"},
        Column{"margin_before", &ChangeRecord::margin_before,
               "smallest distance of z from the live region with the other parameters, ≥ 0 if dead"},
        Column{"margin_after", &ChangeRecord::margin_after, "the same with those looked at"},
    };
  }
};

}  // namespace reluscope
