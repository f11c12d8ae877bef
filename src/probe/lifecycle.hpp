#pragma once
// The life of every unit, from census to census, dated as exactly as what was seen in between allows.

#include <cstdint>
#include <optional>
#include <vector>

#include "probe/activity.hpp"
#include "probe/census.hpp"
#include "util/archive.hpp"

namespace reluscope {

/// A change happened after step `after`, the last one at which the unit is known to have been as before, and not later
/// than step `by`, the first one at which it is known to have changed. by = after + 1: the exact step.
struct StepRange {
  std::int64_t after = 0;
  std::int64_t by = 0;
  template <class Archive>
  void archive(Archive& file) {
    file(after, by);
  }
};

/// One unit's life so far.
struct UnitLife {
  bool dead = false;
  bool born_dead = false;                        ///< dead at step 0, before any update, whoever made the weights
  std::optional<std::int64_t> first_dead_step;   ///< the first census that found it dead
  std::optional<std::int64_t> last_change_step;  ///< the last census that found a change
  std::int64_t deaths = 0;                       ///< alive at one census, dead at the next; born dead is no death
  std::int64_t revivals = 0;                     ///< the reverse
  std::optional<StepRange> death;                ///< the last one
  std::int64_t known_dead = -1;                  ///< the last step at which it was proved dead
  std::optional<std::int64_t> seen_active;       ///< dead at the last census, and active since: the first such step
  template <class Archive>
  void archive(Archive& file) {
    file(dead, born_dead, first_dead_step, last_change_step, deaths, revivals, death, known_dead, seen_active);
  }
};

/// A change that a census found.
struct LifeEvent {
  enum class Kind { born_dead, died, revived } kind = Kind::died;
  std::size_t layer = 0;  ///< index among the layers with units
  std::size_t unit = 0;
  StepRange range;  ///< of a death or revival
};

class Lifecycles {
 public:
  /// `stands_still`: a unit of the first layer that is not active does not change (no momentum, no decay, the same
  /// inputs in training and evaluation): dead at a census, it has been so since the update after it was last active.
  explicit Lifecycles(bool stands_still) : stands_still_(stands_still) {}

  /// What a batch at `step` shows, of the layers where it shows anything. Not before the first census.
  template <class T>
  void observe(std::int64_t step, const BatchActivity<T>& activity) {
    for (std::size_t at = 0; at < activity.exact_layers; ++at) {
      const T* margin = activity.layers[at].margin.data();
      std::vector<std::int64_t>& alive = known_alive_[at];
      for (std::size_t unit = 0; unit < alive.size(); ++unit) alive[unit] = margin[unit] >= T(0) ? alive[unit] : step;
      for (const std::size_t unit : dead_units_[at]) {
        UnitLife& life = layers_[at][unit];
        if (alive[unit] == step && !life.seen_active) life.seen_active = step;
      }
    }
  }
  /// What bounds prove at `step`.
  void observe(std::int64_t step, const std::vector<DeadBounds>& bounds);

  /// Takes in the census at `step` (steps must grow) and returns what changed since the last one, layer by layer and
  /// unit by unit.
  std::vector<LifeEvent> update(std::int64_t step, const CensusResult& census);
  /// [layer][unit]; empty before the first census.
  [[nodiscard]] const std::vector<std::vector<UnitLife>>& layers() const { return layers_; }

  /// `units`: of each layer, once there was a census; `step`: the next one to be made.
  template <class Archive>
  void archive(Archive& file, const std::vector<std::size_t>& units, std::int64_t step) {
    layers_.resize(units.size());
    known_alive_.resize(units.size());
    dead_units_.resize(units.size());
    for (std::size_t at = 0; at < units.size(); ++at) {
      file.sized(layers_[at], units[at]);
      file.sized(known_alive_[at], units[at]);
      for (std::int64_t& alive : known_alive_[at])
        if (alive < -1 || alive >= step)
          throw BadArchive("a unit was last seen active at step " + std::to_string(alive));
      file(dead_units_[at]);
      for (const std::size_t unit : dead_units_[at])
        if (unit >= units[at]) throw BadArchive("there is no unit " + std::to_string(unit));
    }
  }

 private:
  bool stands_still_;
  std::vector<std::vector<UnitLife>> layers_;
  std::vector<std::vector<std::int64_t>> known_alive_;  ///< the last step at which each unit was seen active, or −1
  std::vector<std::vector<std::size_t>> dead_units_;    ///< of each layer, at the last census
};

}  // namespace reluscope
