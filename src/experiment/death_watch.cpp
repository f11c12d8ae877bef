#include "experiment/death_watch.hpp"

#include <algorithm>
#include <cmath>

#include "experiment/unit_rows.hpp"
#include "probe/reach.hpp"

namespace reluscope {

namespace {

/// Whether a unit of the first layer that no sample of a batch activates is left exactly as it was.
template <class T>
bool unseen_units_stand_still(const Training<T>& training) {
  const Network<T>& network = training.network;
  const Node<T>& first = network.site(0);
  if (!fed_by_data(network)[0] || !sees_what_evaluation_sees(network)[0]) return false;
  if (first.affine() == nullptr || first.activation()->entry().learned_slope) return false;
  const ByRole<std::size_t> places = parameter_places(network)[network.sites()[0]];
  for (const std::size_t which : places)
    if (which != kNowhere && !training.optimizer.stands_still(which)) return false;
  return true;
}

}  // namespace

template <class T>
DeathWatch<T>::DeathWatch(Training<T>& training, RecordSink& sink, const WatchOptions& options)
    : training_(training),
      sink_(sink),
      options_(options),
      pictures_(training, sink),
      extent_(training.dataset, training.pool),
      census_(options.brute_census
                  ? make_brute_census(training.network, training.dataset, extent_, training.pool)
                  : make_exact_census(training.network, training.dataset, extent_, training.pool, training.spec.seed)),
      probe_(training.network, training.dataset, probe_options(training.spec), training.pool),
      prognosis_(training.network, training.optimizer, training.spec.train.penalty, extent_),
      lives_(unseen_units_stand_still(training)) {
  for (std::size_t at = 0; at < training.network.sites().size(); ++at) {
    const bool may_differ = at >= training.step.activity().exact_layers;
    live_batches_.emplace_back(may_differ ? static_cast<std::size_t>(training.unit_layer(at).units()) : 0);
  }
}

template <class T>
void DeathWatch<T>::load_census(ArchiveReader& file, const Network<T>& last) {
  census_->restore(last);
  census_->load(file);
}

template <class T>
bool DeathWatch<T>::gives_up() const {
  const std::vector<LayerSummary>& layers = training_.summary.layers;
  return options_.end_when_lost && std::any_of(layers.begin(), layers.end(), [](const LayerSummary& layer) {
           return !layer.is_output && layer.locked == layer.units;
         });
}

template <class T>
void DeathWatch<T>::computed(const StepView& step) {
  const BatchActivity<T>& batch = training_.step.activity();
  if (training_.is_due(training_.spec.record.census, step.number)) {
    take_census(step.number, &batch);
    bounds_.assign(last_census_.layers.size(), {});
    for (std::size_t at = 0; at < bounds_.size(); ++at)
      bounds_[at].dead_min = bounds_[at].dead_max = last_census_.layers[at].dead();
    for (std::vector<std::int64_t>& live : live_batches_) std::fill(live.begin(), live.end(), 0);
    note_live_units(batch);
    return;
  }
  note_live_units(batch);
  census_->observe(batch);
  lives_.observe(step.number, batch);
  if (!step.is_recorded()) return;
  bounds_ = census_->bounds(training_.network, batch);
  lives_.observe(step.number, bounds_);
}

template <class T>
void DeathWatch<T>::note_live_units(const BatchActivity<T>& batch) {
  for (std::size_t at = 0; at < live_batches_.size(); ++at)
    for (std::size_t unit = 0; unit < live_batches_[at].size(); ++unit)
      live_batches_[at][unit] += batch.layers[at].active(unit) ? 1 : 0;
}

template <class T>
void DeathWatch<T>::updated(const StepView& step) {
  if (step.updated) updates_.push_back({step.lr, std::sqrt(training_.step.result().total.gradient_square)});
}

template <class T>
void DeathWatch<T>::finish() {
  last_probe_ = probe_.finish_all(training_.network);
  final_probe_ = true;
  take_census(training_.summary.steps, nullptr);
  for (std::size_t at = 0; at < training_.summary.layers.size(); ++at) {
    training_.summary.layers[at].a_mean = last_probe_[at].mean();
    training_.summary.layers[at].zero_fraction = last_probe_[at].zero_rate();
  }
  if (options_.histograms) pictures_.take_layers();
}

template <class T>
void DeathWatch<T>::write_units() {
  for (std::size_t at = 0; at < lives_.layers().size(); ++at) sink_.units(unit_records(at));
  training_.summary.census = census_->work();
}

template <class T>
void DeathWatch<T>::take_census(std::int64_t step, const BatchActivity<T>* batch) {
  const CensusResult census =
      census_->take(training_.network, batch, [&](const CensusResult& found) { hold_autopsies(step, found); });
  last_census_ = census;
  const std::vector<LifeEvent> events = lives_.update(step, census);
  const std::vector<EventRecord> locks = look_ahead(step);
  const bool probed = final_probe_ || training_.is_due(training_.spec.record.probe_every, step);
  if (probed && !final_probe_) last_probe_ = probe_.measure(training_.network);
  census_rows_.clear();
  for (std::size_t at = 0; at < census.layers.size(); ++at) census_rows_.push_back(census_record(at, step, probed));
  for (const LifeEvent& event : events) report_change(step, event);
  for (const EventRecord& lock : locks) sink_.event(lock);
  if (census.collapsed && training_.summary.collapsed != true) {
    EventRecord row;
    row.step = step;
    row.event = "collapsed";
    row.detail = "the network's output is the same for every training sample";
    sink_.event(row);
  }
  training_.summary.collapsed = census.collapsed;
  sink_.census(census_rows_);
  sink_.flush();
  updates_.clear();
  steps_between_ = step - first_update_;
  first_update_ = step;
}

template <class T>
void DeathWatch<T>::hold_autopsies(std::int64_t step, const CensusResult& census) {
  if (last_census_.layers.empty()) {
    for (const LayerCensus& layer : census.layers) obituaries_.emplace_back(layer.units.size());
    return;
  }
  std::vector<Death> deaths;
  for (std::size_t at = 0; at < census.layers.size(); ++at)
    for (std::size_t unit = 0; unit < census.layers[at].units.size(); ++unit) {
      const UnitCensus& before = last_census_.layers[at].units[unit];
      if (census.layers[at].units[unit].dead && !before.dead && before.witness >= 0)
        deaths.push_back({at, unit, before.witness});
    }
  const std::vector<Autopsy> autopsies = examine(census_->last(), training_.network, training_.dataset, deaths);
  for (std::size_t at = 0; at < deaths.size(); ++at)
    obituaries_[deaths[at].layer][deaths[at].unit] = Obituary{autopsies[at], 0.0, 0.0};
  if (options_.histograms) pictures_.take_portraits(census_->last(), first_update_, step, deaths);
}

template <class T>
std::vector<EventRecord> DeathWatch<T>::look_ahead(std::int64_t step) {
  std::vector<EventRecord> events;
  const bool any_dead = std::any_of(last_census_.layers.begin(), last_census_.layers.end(),
                                    [](const LayerCensus& layer) { return layer.dead() > 0; });
  if (locked_steps_.empty())
    for (const LayerCensus& layer : last_census_.layers) locked_steps_.emplace_back(layer.units.size());
  if (!any_dead) return events;
  if (!horizon_)
    horizon_.emplace(training_.schedule, training_.optimizer.base_lr(), training_.plan.total_steps(),
                     training_.plan.steps_per_epoch());
  prognosis_.judge(step, last_census_, horizon_->from(step));
  for (std::size_t at = 0; at < locked_steps_.size(); ++at)
    for (std::size_t unit = 0; unit < locked_steps_[at].size(); ++unit) {
      const Lock lock = prognosis_.locks()[at][unit];
      if (lock == Lock::none || locked_steps_[at][unit]) continue;
      locked_steps_[at][unit] = step;
      EventRecord row;
      row.step = step;
      row.event = "locked";
      row.layer = static_cast<std::int64_t>(at) + 1;
      row.name = training_.summary.layers[at].name;
      row.unit = static_cast<std::int64_t>(unit);
      row.detail = std::string(lock_name(lock));
      events.push_back(row);
    }
  return events;
}

template <class T>
void DeathWatch<T>::report_change(std::int64_t step, const LifeEvent& event) {
  CensusRecord& census = census_rows_[event.layer];
  LayerSummary& summary = training_.summary.layers[event.layer];
  EventRecord row;
  row.step = step;
  row.event = event_name(event.kind);
  row.layer = census.layer;
  row.name = census.name;
  row.unit = static_cast<std::int64_t>(event.unit);
  if (event.kind != LifeEvent::Kind::born_dead) {
    row.after = event.range.after;
    row.by = event.range.by;
    row.dated = event.range.by == event.range.after + 1 ? "exact" : "range";
  }
  if (event.kind == LifeEvent::Kind::revived) {
    ++census.revived;
    ++summary.revivals;
  }
  if (event.kind == LifeEvent::Kind::died) {
    ++census.died;
    ++summary.deaths;
    std::optional<Obituary>& obituary = obituaries_[event.layer][event.unit];
    if (obituary) {
      const Update& update =
          updates_[static_cast<std::size_t>(std::max(event.range.after, first_update_) - first_update_)];
      obituary->lr = update.lr;
      obituary->grad_norm = update.grad_norm;
      row.cause = std::string(obituary->autopsy.cause());
      row.own_weights = obituary->autopsy.own_weights;
      row.own_bias = obituary->autopsy.own_bias;
      row.upstream = obituary->autopsy.upstream;
      if (obituary->autopsy.norm != 0.0) row.norm = obituary->autopsy.norm;
      if (obituary->autopsy.skip != 0.0) row.skip = obituary->autopsy.skip;
      row.lr = update.lr;
      row.grad_norm = update.grad_norm;
      ++summary.causes[*row.cause];
    }
  }
  sink_.event(row);
}

template <class T>
CensusRecord DeathWatch<T>::census_record(std::size_t at, std::int64_t step, bool probed) {
  const LayerCensus& layer = last_census_.layers[at];
  LayerSummary& summary = training_.summary.layers[at];
  CensusRecord row =
      census_row(site_of(at), training_.dataset.train.count(), layer, probed ? &last_probe_[at] : nullptr);
  row.step = step;
  row.epoch = training_.plan.epoch(step);
  std::int64_t dead_at_start = 0;
  for (std::size_t unit = 0; unit < layer.units.size(); ++unit) {
    row.locked += prognosis_.locks()[at][unit] != Lock::none ? 1 : 0;
    dead_at_start += lives_.layers()[at][unit].born_dead ? 1 : 0;
  }
  note_dead_at_start(row, dead_at_start, training_.from_file());
  if (step > 0 && !live_batches_[at].empty())
    row.silent = std::count(live_batches_[at].begin(), live_batches_[at].end(), 0);
  if (probed) summary.saturated = row.saturated;
  summary.dead = row.dead;
  note_dead_at_start(summary, dead_at_start, training_.from_file());
  summary.locked = row.locked;
  summary.peak_dead = std::max(summary.peak_dead.value_or(0), row.dead);
  return row;
}

template <class T>
CountedSite DeathWatch<T>::site_of(std::size_t at) const {
  const LayerSummary& layer = training_.summary.layers[at];
  return {at, layer.name, layer.role(), training_.unit_layer(at).positions()};
}

template <class T>
std::string DeathWatch<T>::event_name(LifeEvent::Kind kind) const {
  switch (kind) {
    case LifeEvent::Kind::born_dead:
      return training_.from_file() ? "inherited" : "born_dead";
    case LifeEvent::Kind::died:
      return "died";
    case LifeEvent::Kind::revived:
      return "revived";
  }
  return {};
}

template <class T>
std::vector<UnitRecord> DeathWatch<T>::unit_records(std::size_t at) const {
  std::vector<UnitRecord> rows;
  for (std::size_t unit = 0; unit < lives_.layers()[at].size(); ++unit) {
    const UnitLife& life = lives_.layers()[at][unit];
    const UnitCensus& seen = last_census_.layers[at].units[unit];
    const UnitProbe& probe = last_probe_[at].units[unit];
    UnitRecord row = unit_row(site_of(at), unit, seen, probe);
    row.born_dead = life.born_dead && !training_.from_file();
    row.inherited = life.born_dead && training_.from_file();
    row.first_dead_step = life.first_dead_step;
    row.last_change_step = life.last_change_step;
    row.deaths = life.deaths;
    row.revivals = life.revivals;
    if (life.born_dead && life.deaths == 0) row.cause = training_.from_file() ? "inherited" : "born";
    if (life.death) {
      row.died_after = life.death->after;
      row.died_by = life.death->by;
    }
    if (const std::optional<Obituary>& obituary = obituaries_[at][unit]) {
      row.cause = std::string(obituary->autopsy.cause());
      row.own_weights = obituary->autopsy.own_weights;
      row.own_bias = obituary->autopsy.own_bias;
      row.upstream = obituary->autopsy.upstream;
      if (obituary->autopsy.norm != 0.0) row.norm = obituary->autopsy.norm;
      if (obituary->autopsy.skip != 0.0) row.skip = obituary->autopsy.skip;
      row.lr = obituary->lr;
      row.grad_norm = obituary->grad_norm;
    }
    if (final_probe_) {
      note_whole_set(row, probe, training_.unit_layer(at).positions());
      row.slope = learned_slope(training_.unit_layer(at), unit);
    }
    if (locked_steps_[at][unit]) {
      row.locked = std::string(lock_name(prognosis_.locks()[at][unit]));
      row.locked_step = locked_steps_[at][unit];
    } else if (seen.dead && seen.drift > 0.0 && std::isfinite(seen.drift) && steps_between_ > 0) {
      const double margin = final_probe_ ? probe.margin : seen.margin;
      row.min_steps_to_revive = std::ceil(margin / seen.drift * static_cast<double>(steps_between_));
    }
    rows.push_back(row);
  }
  return rows;
}

template class DeathWatch<float>;
template class DeathWatch<double>;

}  // namespace reluscope
