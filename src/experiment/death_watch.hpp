#pragma once
// Watches the units: takes the censuses, dates deaths and revivals, finds out what killed, judges who can come back;
// writes census.csv, units.csv and the events of units.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiment/evaluation.hpp"
#include "experiment/loop.hpp"
#include "experiment/pictures.hpp"
#include "experiment/unit_rows.hpp"
#include "probe/coroner.hpp"
#include "probe/exact_census.hpp"
#include "probe/lifecycle.hpp"
#include "probe/probe_set.hpp"
#include "probe/prognosis.hpp"
#include "trace/sink.hpp"

namespace reluscope {

/// How deaths are watched; results do not depend on it, but for what is then not there.
struct WatchOptions {
  bool brute_census = false;   ///< each one a pass over all samples
  bool histograms = true;      ///< whether to write what pictures are drawn from
  bool end_when_lost = false;  ///< give up once a hidden layer is wholly dead and locked
};

template <class T>
class DeathWatch final : public Observer {
 public:
  DeathWatch(Training<T>& training, RecordSink& sink, const WatchOptions& options);

  [[nodiscard]] Measure wish(std::int64_t /*step*/) const override { return Measure::activity; }
  /// At the parameters before the update: a census if one is due, otherwise what the batch shows.
  void computed(const StepView& step) override;
  void updated(const StepView& step) override;
  /// Whether some hidden layer was wholly dead and locked at the last census, if that ends the run.
  [[nodiscard]] bool gives_up() const override;

  /// Per layer with units, as of the last step that was recorded or had a census.
  [[nodiscard]] const std::vector<DeadBounds>& bounds() const { return bounds_; }

  /// The end of a run that was neither interrupted nor failed: a last census, and a probe that rides on a pass over all
  /// of D: between start_probe() and finish() the pass is handed to probe().
  void start_probe() { probe_.start_all(training_.network); }
  void probe(const NetworkState<T>& state, std::span<const Shard> shards) {
    probe_.add(training_.network, state, shards);
  }
  void finish();
  /// However it ended: units.csv.
  void write_units();

  /// The parameters of the last census, and what the census knows: a checkpoint keeps both.
  [[nodiscard]] const Network<T>& last_network() const { return census_->last(); }
  void save_census(ArchiveWriter& file) { census_->save(file); }
  void load_census(ArchiveReader& file, const Network<T>& last);
  /// Everything else that a step leaves behind.
  template <class Archive>
  void archive(Archive& file);

 private:
  /// What is known of a unit's last death.
  struct Obituary {
    Autopsy autopsy;
    double lr = 0.0;
    double grad_norm = 0.0;
    template <class Archive>
    void archive(Archive& file) {
      file(autopsy, lr, grad_norm);
    }
  };
  /// An update made since the last census.
  struct Update {
    double lr = 0.0;
    double grad_norm = 0.0;
    template <class Archive>
    void archive(Archive& file) {
      file(lr, grad_norm);
    }
  };

  /// `batch`: a pass at the present parameters, if there is one.
  void take_census(std::int64_t step, const BatchActivity<T>* batch);
  /// Finds out what killed the units that are dead now and were not at the last census.
  void hold_autopsies(std::int64_t step, const CensusResult& census);
  /// Which dead units cannot revive any more.
  std::vector<EventRecord> look_ahead(std::int64_t step);
  /// A birth, death or revival becomes an event, and is counted.
  void report_change(std::int64_t step, const LifeEvent& event);
  /// Counts the batches that a unit gets a gradient from, where a batch may say other than evaluation.
  void note_live_units(const BatchActivity<T>& batch);
  [[nodiscard]] CountedSite site_of(std::size_t at) const;
  CensusRecord census_record(std::size_t at, std::int64_t step, bool probed);
  [[nodiscard]] std::vector<UnitRecord> unit_records(std::size_t at) const;
  [[nodiscard]] std::string event_name(LifeEvent::Kind kind) const;

  Training<T>& training_;
  RecordSink& sink_;
  WatchOptions options_;
  Pictures<T> pictures_;
  LazyExtent<T> extent_;
  std::unique_ptr<Census<T>> census_;
  ProbeSet<T> probe_;
  Prognosis<T> prognosis_;
  std::optional<RateHorizon> horizon_;
  Lifecycles lives_;
  CensusResult last_census_;
  std::vector<LayerProbe> last_probe_;
  bool final_probe_ = false;  ///< last_probe_ is over all of D, at the end
  std::vector<DeadBounds> bounds_;
  std::vector<std::vector<std::optional<Obituary>>> obituaries_;
  std::vector<std::vector<std::optional<std::int64_t>>> locked_steps_;
  /// Since the last census; empty for a site at which training passes compute what evaluation does.
  std::vector<std::vector<std::int64_t>> live_batches_;
  std::vector<Update> updates_;     ///< since the last census
  std::int64_t first_update_ = 0;   ///< step of the last census
  std::int64_t steps_between_ = 0;  ///< the last two censuses
  std::vector<CensusRecord> census_rows_;
};

template <class T>
template <class Archive>
void DeathWatch<T>::archive(Archive& file) {
  RunSummary& summary = training_.summary;
  std::vector<std::size_t> units;
  for (const LayerSummary& layer : summary.layers) units.push_back(static_cast<std::size_t>(layer.units));
  prognosis_.archive(file);
  lives_.archive(file, units, summary.steps);
  last_census_.layers.resize(units.size());
  last_probe_.resize(units.size());
  obituaries_.resize(units.size());
  locked_steps_.resize(units.size());
  for (std::size_t at = 0; at < units.size(); ++at) {
    last_census_.layers[at].units.resize(units[at]);
    for (UnitCensus& unit : last_census_.layers[at].units) unit.archive(file, training_.dataset.train.count());
    last_probe_[at].archive(file, units[at]);
    file.sized(obituaries_[at], units[at]);
    file.sized(locked_steps_[at], units[at]);
    LayerSummary& layer = summary.layers[at];
    std::optional<std::int64_t> dead_at_start = training_.from_file() ? layer.inherited : layer.born_dead;
    file(layer.dead, dead_at_start, layer.saturated, layer.peak_dead, layer.locked, layer.deaths, layer.revivals,
         layer.causes);
    if (dead_at_start) note_dead_at_start(layer, *dead_at_start, training_.from_file());
  }
  file(last_census_.collapsed, summary.collapsed);
  file.sized(bounds_, units.size());
  for (std::vector<std::int64_t>& live : live_batches_) file.sized(live, live.size());
  file.within(first_update_, 0, summary.steps);
  file.within(steps_between_, 0, summary.steps);
  pictures_.archive(file);
  file.sized(updates_, static_cast<std::size_t>(summary.steps - first_update_));
}

}  // namespace reluscope
