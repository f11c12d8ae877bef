#pragma once
// sites.csv: a row is a site, an activation in one place of the network: what the rows of the other tables are of.

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "trace/column.hpp"

namespace reluscope {

struct SiteRecord {
  std::int64_t layer = 0;
  std::string name;
  std::string kind;
  std::optional<Role> role;
  std::string activation;
  bool mortal = false;
  std::int64_t units = 0;
  std::int64_t positions = 1;
  std::optional<std::int64_t> fan_in;
  std::string inputs;
  std::uint64_t unmeasured = 0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"layer", &SiteRecord::layer, "its number in the other tables, from 1 at the input"},
        Column{"name", &SiteRecord::name, "the layer's name"},
        Column{"kind", &SiteRecord::kind, "what computes its pre-activations: dense, conv2d, batch_norm, residual, …"},
        Column{"role", &SiteRecord::role, "hidden or output; empty where it is not known"},
        Column{"activation", &SiteRecord::activation, "its activation"},
        Column{"mortal", &SiteRecord::mortal, "1 if a unit of it can be dead: the activation has a region of slope 0"},
        Column{"units", &SiteRecord::units, "its units"},
        Column{"positions", &SiteRecord::positions,
               "places that a unit is applied at for one sample: 1 in a dense layer"},
        Column{"fan_in", &SiteRecord::fan_in,
               "weights that one pre-activation is computed with; empty where it is no map's"},
        Column{"inputs", &SiteRecord::inputs, "the names of the sites that it reads, a space between them; or input"},
    };
  }
};

}  // namespace reluscope
