#include "probe/lifecycle.hpp"

#include <algorithm>

namespace reluscope {

void Lifecycles::observe(std::int64_t step, const std::vector<DeadBounds>& bounds) {
  for (std::size_t at = 0; at < bounds.size(); ++at)
    for (const std::size_t unit : bounds[at].dead) {
      UnitLife& life = layers_[at][unit];
      if (!life.seen_active) life.known_dead = step;
    }
}

std::vector<LifeEvent> Lifecycles::update(std::int64_t step, const CensusResult& census) {
  const bool first = layers_.empty();
  layers_.resize(census.layers.size());
  known_alive_.resize(census.layers.size());
  dead_units_.assign(census.layers.size(), {});
  std::vector<LifeEvent> events;
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    const std::vector<UnitCensus>& seen = census.layers[layer].units;
    layers_[layer].resize(seen.size());
    known_alive_[layer].resize(seen.size(), -1);
    for (std::size_t unit = 0; unit < seen.size(); ++unit) {
      UnitLife& life = layers_[layer][unit];
      const bool was_dead = life.dead;
      life.dead = seen[unit].dead;
      if (life.dead != was_dead) {
        life.last_change_step = step;
        if (life.dead && !life.first_dead_step) life.first_dead_step = step;
        if (!life.dead) {
          ++life.revivals;
          events.push_back({LifeEvent::Kind::revived, layer, unit, {life.known_dead, life.seen_active.value_or(step)}});
        } else if (first && step == 0) {
          life.born_dead = true;
          events.push_back({LifeEvent::Kind::born_dead, layer, unit, {}});
        } else {
          ++life.deaths;
          const std::int64_t alive = known_alive_[layer][unit];
          const bool dated = layer == 0 && stands_still_ && alive >= 0;
          life.death = StepRange{alive, dated ? std::min(step, alive + 1) : step};
          events.push_back({LifeEvent::Kind::died, layer, unit, *life.death});
        }
      }
      if (life.dead) {
        life.known_dead = step;
        dead_units_[layer].push_back(unit);
      } else {
        known_alive_[layer][unit] = step;
      }
      life.seen_active.reset();
    }
  }
  return events;
}

}  // namespace reluscope
