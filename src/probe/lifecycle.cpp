#include "probe/lifecycle.hpp"

namespace reluscope {

std::vector<LifeEvent> Lifecycles::update(std::int64_t step, const CensusResult& census) {
  const bool first = layers_.empty();
  layers_.resize(census.layers.size());
  std::vector<LifeEvent> events;
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    const std::vector<UnitCensus>& seen = census.layers[layer].units;
    layers_[layer].resize(seen.size());
    for (std::size_t unit = 0; unit < seen.size(); ++unit) {
      UnitLife& life = layers_[layer][unit];
      if (seen[unit].dead == life.dead) continue;
      life.dead = seen[unit].dead;
      life.last_change_step = step;
      if (life.dead && !life.first_dead_step) life.first_dead_step = step;
      if (!life.dead) {
        ++life.revivals;
        events.push_back({LifeEvent::Kind::revived, layer, unit});
      } else if (first && step == 0) {
        life.born_dead = true;
        events.push_back({LifeEvent::Kind::born_dead, layer, unit});
      } else {
        ++life.deaths;
        events.push_back({LifeEvent::Kind::died, layer, unit});
      }
    }
  }
  return events;
}

}  // namespace reluscope
