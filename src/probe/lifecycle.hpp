#pragma once
// The life of every unit, from census to census.

#include <cstdint>
#include <optional>
#include <vector>

#include "probe/census.hpp"

namespace reluscope {

/// One unit's life so far. Steps are those of the censuses that saw the change: a death at step s happened after the
/// census before s, and not later than s.
struct UnitLife {
  bool dead = false;
  bool born_dead = false;  ///< dead at step 0, before any update
  std::optional<std::int64_t> first_dead_step;
  std::optional<std::int64_t> last_change_step;
  std::int64_t deaths = 0;    ///< alive at one census, dead at the next; being born dead is no death
  std::int64_t revivals = 0;  ///< the reverse
};

/// A change that a census found.
struct LifeEvent {
  enum class Kind { born_dead, died, revived } kind = Kind::died;
  std::size_t layer = 0;  ///< index among the layers with units
  std::size_t unit = 0;
};

class Lifecycles {
 public:
  /// Takes in the census at `step` (steps must grow) and returns what changed since the last one, layer by layer and
  /// unit by unit.
  std::vector<LifeEvent> update(std::int64_t step, const CensusResult& census);
  /// [layer][unit]; empty before the first census.
  [[nodiscard]] const std::vector<std::vector<UnitLife>>& layers() const { return layers_; }

 private:
  std::vector<std::vector<UnitLife>> layers_;
};

}  // namespace reluscope
