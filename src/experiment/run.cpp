#include "experiment/run.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>

#include "experiment/batches.hpp"
#include "experiment/features.hpp"
#include "experiment/initial_network.hpp"
#include "experiment/training_step.hpp"
#include "optim/schedule.hpp"
#include "probe/coroner.hpp"
#include "probe/exact_census.hpp"
#include "probe/lifecycle.hpp"
#include "probe/probe_set.hpp"
#include "probe/prognosis.hpp"
#include "probe/z_histogram.hpp"
#include "trace/weights.hpp"
#include "util/error.hpp"

namespace reluscope {

namespace {

/// Units that are active on fewer samples than this are rare (Dohare et al. 2024).
constexpr double kRareRate = 0.01;
/// Progress reports per run.
constexpr std::int64_t kProgressReports = 500;
/// Recorded rows are handed on after about so many floating-point operations of training, some ten milliseconds: a
/// pipe plots live, and a small network does not spend its time in system calls.
constexpr double kOperationsPerFlush = 5e8;

std::string state_of(const UnitCensus& unit, const UnitProbe& probe) {
  if (unit.dead) return "dead";
  if (probe.saturated) return "saturated";
  if (probe.dormant) return "dormant";
  return probe.activation_rate < kRareRate ? "rare" : "alive";
}

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

/// The loss at the start is taken over at most so many samples: a pass over millions would cost as much as many steps.
constexpr Index kStartSamples = 8192;

/// Evaluations after whole epochs are at most so many: where an epoch is one step, they would cost as much as those.
constexpr std::int64_t kMostEvaluations = 200;

/// Pre-activations of a unit before and after its death are taken of so many units in a run, and at a census.
constexpr std::int64_t kMostPortraits = 12;
constexpr std::int64_t kPortraitsAtOnce = 4;

/// Names of what a checkpoint keeps besides the parameters.
constexpr const char* kCensusPrefix = "census.";
std::string optimizer_prefix(std::size_t array) { return "optimizer." + std::to_string(array) + "."; }

/// One run: the objects it needs, and the three things that happen in it (a step, its record, a census).
template <class T>
class Run {
 public:
  Run(const ExperimentSpec& spec, const Dataset& dataset, RecordSink& sink, ThreadPool& pool, const RunControl& control)
      : spec_(spec),
        dataset_(dataset),
        sink_(sink),
        pool_(pool),
        plan_(spec.train, dataset.train.count(), spec.seed),
        network_(initial_network<T>(spec, dataset.features(), spec.seed)),
        criterion_(criterion_of(spec, dataset)),
        optimizer_(spec.train.optimizer, {spec.train.clip_norm, spec.train.clip_value}, spec.train.penalty,
                   network_.parameters()),
        schedule_(spec.train.schedule, spec.train.warmup_steps, spec.train.warmup_start_factor),
        step_(network_, dataset, criterion_, optimizer_, plan_.largest_batch(), pool),
        control_(control),
        extent_(dataset, pool),
        lives_(unseen_units_stand_still()) {
    if (spec.record.census.kind != Cadence::Kind::off) {
      census_ = control.brute_census ? make_brute_census(network_, dataset, extent_, pool)
                                     : make_exact_census(network_, dataset, extent_, pool, spec.seed);
      ProbeOptions options;
      options.saturation_epsilon = spec.record.saturation_epsilon;
      options.dormant_tau = spec.record.dormant_tau;
      options.samples = spec.record.probe;
      options.seed = spec.seed;
      probe_ = std::make_unique<ProbeSet<T>>(network_, dataset, options, pool);
      prognosis_ = std::make_unique<Prognosis<T>>(network_, optimizer_, spec.train.penalty, extent_);
    }
    summary_.targets = describe_targets(dataset, output_shape(spec));
    summary_.classes = describe_classes(dataset, dataset.train);
    for (const std::size_t layer : network_.unit_layers()) {
      LayerSummary row;
      row.name = network_.layer(layer).name();
      row.activation = network_.layer(layer).activation()->name;
      row.units = network_.layer(layer).outputs();
      row.is_output = layer + 1 == network_.depth();
      summary_.layers.push_back(row);
    }
    if (control.resume != nullptr) load(*control.resume);
  }

  RunSummary execute() {
    const std::int64_t total = plan_.total_steps();
    if (control_.resume == nullptr)
      summary_.start_loss = score(network_, dataset_, dataset_.train, criterion_, pool_, kStartSamples).parts.data;
    const std::int64_t end = std::min(total, control_.end_after.value_or(total));
    const std::int64_t report_every = std::max<std::int64_t>(1, total / kProgressReports);
    for (std::int64_t step = summary_.steps; step < end && !summary_.lost; ++step) {
      if (is_evaluation_due(step)) evaluate_now(step);
      const bool recorded = is_due(spec_.record.every, step, plan_.steps_per_epoch()) || step + 1 == total;
      if (!train(step, recorded)) break;
      if (recorded || (step + 1) % report_every == 0) report_progress(step + 1);
      summary_.interrupted =
          control_.stop != nullptr && control_.stop->load(std::memory_order_relaxed) != 0 && step + 1 < total;
      if (control_.save && step + 1 < total && (summary_.interrupted || is_checkpoint_due())) save();
      if (summary_.interrupted) break;
      summary_.lost = control_.end_when_lost && step + 1 < total && is_lost();
    }
    const bool whole = summary_.failed || summary_.interrupted || summary_.lost || end == total;
    if (control_.save && !whole) save();
    finish();
    return std::move(summary_);
  }

 private:
  /// One update; false if the run has failed at it.
  bool train(std::int64_t step, bool recorded) {
    Pass pass;
    pass.training = true;
    pass.measure = recorded ? Measure::batch : (census_ ? Measure::activity : Measure::nothing);
    pass.seed = spec_.seed;
    pass.step = static_cast<std::uint64_t>(step);
    const std::span<const Index> samples = plan_.batch(step);
    const double lr = optimizer_.base_lr() * schedule_.factor({step, plan_.total_steps(), plan_.steps_per_epoch()});
    step_.compute(samples, pass);
    if (census_) look_for_death(step, recorded);
    const StepResult& result = step_.result();
    if (step == 0) summary_.first_loss = result.loss;
    summary_.last_loss = result.loss;
    if (!std::isfinite(result.loss)) {
      // The last row of the trace shows the step that failed, measured in full, and nothing is updated from it.
      pass.measure = Measure::batch;
      step_.compute(samples, pass);
      note_slopes();
      step_.apply(lr, false);
      record(step, samples.size(), lr, false);
      fail(step);
      return false;
    }
    if (recorded) note_slopes();
    step_.apply(lr);
    if (census_) updates_.push_back({lr, std::sqrt(result.total.gradient_square)});
    const bool finite = std::isfinite(result.total.gradient_square);
    if (recorded) {
      record(step, samples.size(), lr, true);
    } else if (!finite) {
      sink_.step(step_record(step, samples.size(), lr, true));
    }
    if (!finite) {
      fail(step);
      return false;
    }
    summary_.steps = step + 1;
    return true;
  }

  /// Whether some hidden layer was wholly dead and locked at the last census.
  [[nodiscard]] bool is_lost() const {
    if (!census_) return false;
    for (std::size_t at = 0; at < summary_.layers.size(); ++at)
      if (!summary_.layers[at].is_output && summary_.layers[at].locked == summary_.layers[at].units) return true;
    return false;
  }

  [[nodiscard]] bool is_evaluation_due(std::int64_t step) const {
    if (!control_.evaluations) return false;
    const Cadence& cadence = spec_.record.evaluate;
    if (cadence.kind != Cadence::Kind::epoch) return is_due(cadence, step, plan_.steps_per_epoch());
    const std::int64_t epochs = std::max<std::int64_t>(1, plan_.total_steps() / plan_.steps_per_epoch());
    const std::int64_t every = (epochs + kMostEvaluations - 1) / kMostEvaluations;
    return step % (every * plan_.steps_per_epoch()) == 0;
  }

  void evaluate_now(std::int64_t step) {
    const auto score_of = [this](const Samples& part) {
      const Index most = spec_.record.evaluate_samples == 0 ? part.count() : spec_.record.evaluate_samples;
      return score(network_, dataset_, part, criterion_, pool_, most);
    };
    EvaluationRecord row;
    row.step = step;
    row.epoch = plan_.epoch(step);
    const Score train = score_of(dataset_.train);
    row.train_loss = train.parts.total();
    row.train_accuracy = train.accuracy;
    if (dataset_.test.count() > 0) {
      const Score test = score_of(dataset_.test);
      row.test_loss = test.parts.total();
      row.test_accuracy = test.accuracy;
    }
    sink_.evaluation(row);
  }

  /// Between two steps.
  [[nodiscard]] bool is_checkpoint_due() {
    const Cadence& cadence = spec_.record.checkpoint_every;
    if (cadence.kind != Cadence::Kind::minute) return is_due(cadence, summary_.steps, plan_.steps_per_epoch());
    const auto now = std::chrono::steady_clock::now();
    if (now - last_save_ < std::chrono::minutes(1)) return false;
    last_save_ = now;
    return true;
  }

  void save() {
    sink_.flush();
    Checkpoint checkpoint;
    checkpoint.step = summary_.steps;
    ArchiveWriter file(checkpoint.state);
    if (census_) census_->save(file);
    archive(file);
    // Room for all arrays at once: growing would hold them twice.
    std::size_t elements = 0;
    std::vector<const Matrix<T>*> values;
    for (const Parameter<T>* parameter : network_.parameters()) {
      values.push_back(&parameter->value);
      elements += static_cast<std::size_t>(parameter->value.size());
    }
    const std::size_t copies = 1 + (census_ ? 1 : 0) + optimizer_.state().front().size();
    checkpoint.tensors.data.reserve(elements * copies * sizeof(T) + checkpoint.state.size());
    const auto append = [&](const std::string& prefix, const std::vector<const Matrix<T>*>& matrices) {
      append_matrices(checkpoint.tensors, prefix, network_, matrices);
    };
    append("", values);
    if (census_) {
      std::vector<const Matrix<T>*> last;
      for (const Parameter<T>* parameter : census_->last().parameters()) last.push_back(&parameter->value);
      append(kCensusPrefix, last);
    }
    for (std::size_t array = 0; array < optimizer_.state().front().size(); ++array) {
      std::vector<const Matrix<T>*> matrices;
      for (const auto& arrays : optimizer_.state()) matrices.push_back(&arrays[array]);
      append(optimizer_prefix(array), matrices);
    }
    control_.save(std::move(checkpoint));
  }

  void load(const Checkpoint& checkpoint) {
    const std::string origin = "checkpoint of step " + std::to_string(checkpoint.step);
    summary_.steps = checkpoint.step;
    last_flush_ = checkpoint.step;
    try {
      if (checkpoint.step >= plan_.total_steps()) throw BadArchive("the run has no such step");
      if (census_) {
        Network<T> last = network_;
        std::vector<Matrix<T>*> matrices;
        for (Parameter<T>* parameter : last.parameters()) matrices.push_back(&parameter->value);
        fill_matrices(checkpoint.tensors, kCensusPrefix, origin, last, matrices);
        census_->remember(last);
      }
      ArchiveReader file(checkpoint.state);
      if (census_) census_->load(file);
      archive(file);
      file.expect_end();
    } catch (const BadArchive& fault) {
      throw DataError(origin + ": does not belong to this run, or is damaged: " + fault.what());
    }
    std::vector<Matrix<T>*> values;
    for (Parameter<T>* parameter : network_.parameters()) values.push_back(&parameter->value);
    fill_matrices(checkpoint.tensors, "", origin, network_, values);
    network_.parameters_changed();
    for (std::size_t array = 0; array < optimizer_.state().front().size(); ++array) {
      std::vector<Matrix<T>*> matrices;
      for (auto& arrays : optimizer_.state()) matrices.push_back(&arrays[array]);
      fill_matrices(checkpoint.tensors, optimizer_prefix(array), origin, network_, matrices);
    }
  }

  /// Everything that a step leaves behind for later ones, but parameters, the optimiser's arrays and what the census
  /// keeps.
  template <class Archive>
  void archive(Archive& file) {
    optimizer_.archive(file);
    file(summary_.start_loss, summary_.first_loss, summary_.last_loss, summary_.noise);
    for (LayerSummary& layer : summary_.layers) file(layer.grad_norm_first, layer.grad_norm_last);
    if (!census_) return;
    std::vector<std::size_t> units;
    for (const LayerSummary& layer : summary_.layers) units.push_back(static_cast<std::size_t>(layer.units));
    prognosis_->archive(file);
    lives_.archive(file, units, summary_.steps);
    last_census_.layers.resize(units.size());
    last_probe_.resize(units.size());
    obituaries_.resize(units.size());
    locked_steps_.resize(units.size());
    for (std::size_t at = 0; at < units.size(); ++at) {
      last_census_.layers[at].units.resize(units[at]);
      for (UnitCensus& unit : last_census_.layers[at].units) unit.archive(file, dataset_.train.count());
      last_probe_[at].archive(file, units[at]);
      file.sized(obituaries_[at], units[at]);
      file.sized(locked_steps_[at], units[at]);
      LayerSummary& layer = summary_.layers[at];
      std::optional<std::int64_t> dead_at_start = from_file() ? layer.inherited : layer.born_dead;
      file(layer.dead, dead_at_start, layer.saturated, layer.peak_dead, layer.locked, layer.deaths, layer.revivals,
           layer.causes);
      if (dead_at_start) note_dead_at_start(layer, *dead_at_start);
    }
    file(last_census_.collapsed, summary_.collapsed);
    file.sized(bounds_, units.size());
    file.within(first_update_, 0, summary_.steps);
    file.within(steps_between_, 0, summary_.steps);
    file.within(portraits_, 0, kMostPortraits);
    file.sized(updates_, static_cast<std::size_t>(summary_.steps - first_update_));
  }

  /// Whether training starts from weights of a file. Then no unit is born dead: the dead ones are inherited.
  [[nodiscard]] bool from_file() const { return spec_.network.init_from.has_value(); }
  /// Into whichever of `row`'s two members it belongs.
  template <class Row>
  void note_dead_at_start(Row& row, std::int64_t count) const {
    row.born_dead = from_file() ? 0 : count;
    row.inherited = from_file() ? count : 0;
  }

  /// Whether a unit of the first layer that no sample of a batch activates is left exactly as it was.
  [[nodiscard]] bool unseen_units_stand_still() const {
    const std::size_t first = network_.unit_layers().front();
    for (std::size_t below = 0; below < first; ++below)
      if (network_.layer(below).random_in_training()) return false;
    // No layer below has parameters: those of the first one come first.
    for (std::size_t which = 0; which < network_.layer(first).parameters().size(); ++which)
      if (!optimizer_.stands_still(which)) return false;
    return !network_.layer(first).activation()->learned_slope;
  }

  /// At the parameters before the update: a census if one is due, otherwise what the batch shows.
  void look_for_death(std::int64_t step, bool recorded) {
    if (is_due(spec_.record.census, step, plan_.steps_per_epoch())) {
      take_census(step, &step_.activity());
      bounds_.assign(last_census_.layers.size(), {});
      for (std::size_t at = 0; at < bounds_.size(); ++at)
        bounds_[at].dead_min = bounds_[at].dead_max = last_census_.layers[at].dead();
      return;
    }
    census_->observe(step_.activity());
    lives_.observe(step, step_.activity());
    if (!recorded) return;
    bounds_ = census_->bounds(network_, step_.activity());
    lives_.observe(step, bounds_);
  }

  /// Mean learned slopes, which the update that follows will change.
  void note_slopes() {
    slope_means_.assign(network_.unit_layers().size(), std::nullopt);
    for (std::size_t at = 0; at < slope_means_.size(); ++at)
      if (const Parameter<T>* slope = network_.layer(network_.unit_layers()[at]).parameter(ParameterRole::slope))
        slope_means_[at] = static_cast<double>(slope->value.mean());
  }

  StepRecord step_record(std::int64_t step, std::size_t samples, double lr, bool updated) const {
    const StepResult& result = step_.result();
    StepRecord row;
    row.step = step;
    row.epoch = plan_.epoch(step);
    row.loss = result.loss;
    if (classifies(criterion_.targets)) row.accuracy = result.correct / static_cast<double>(samples);
    row.lr = lr;
    row.grad_norm = std::sqrt(result.total.gradient_square);
    row.param_norm = std::sqrt(result.total.value_square);
    row.update_ratio = updated ? std::sqrt(result.total.update_square / result.total.value_square) : 0.0;
    return row;
  }

  /// The rows of a step that was measured.
  void record(std::int64_t step, std::size_t samples, double lr, bool updated) {
    layer_rows_.clear();
    std::int64_t hidden_units = 0;
    std::int64_t hidden_dead = 0;
    for (std::size_t at = 0; at < network_.unit_layers().size(); ++at) {
      layer_rows_.push_back(layer_record(at, step, updated));
      if (summary_.layers[at].is_output) continue;
      hidden_units += layer_rows_.back().units;
      hidden_dead += layer_rows_.back().batch_dead;
    }
    StepRecord row = step_record(step, samples, lr, updated);
    if (samples > 1) {
      const GradientNoise noise = step_.noise();
      row.grad_noise = noise.scale();
      row.grad_trace = noise.trace;
      row.grad_signal = noise.signal;
      summary_.noise.add(noise);
    }
    if (hidden_units > 0)
      row.batch_dead_fraction = static_cast<double>(hidden_dead) / static_cast<double>(hidden_units);
    sink_.step(row);
    sink_.layers(layer_rows_);
    flush_if_due(step);
  }

  void flush_if_due(std::int64_t step) {
    if (static_cast<double>(step - last_flush_) * step_.operations() < kOperationsPerFlush) return;
    sink_.flush();
    last_flush_ = step;
  }

  static Role role_of(const LayerSummary& layer) { return layer.is_output ? Role::output : Role::hidden; }

  LayerRecord layer_record(std::size_t at, std::int64_t step, bool updated) {
    const std::size_t layer = network_.unit_layers()[at];
    const LayerStatistics seen = step_.statistics(layer);
    const SweepSums& weights = step_.result().of(layer, ParameterRole::weight);
    const SweepSums& biases = step_.result().of(layer, ParameterRole::bias);
    LayerSummary& summary = summary_.layers[at];
    LayerRecord row;
    row.step = step;
    row.epoch = plan_.epoch(step);
    row.layer = static_cast<std::int64_t>(at) + 1;
    row.name = summary.name;
    row.activation = summary.activation;
    row.units = seen.units;
    row.batch_dead = seen.batch_dead;
    row.batch_dead_fraction = static_cast<double>(seen.batch_dead) / static_cast<double>(seen.units);
    row.zero_fraction = seen.zero_fraction;
    row.z_mean = seen.z_mean;
    row.z_std = seen.z_std;
    row.z_max = seen.z_max;
    row.a_mean = seen.a_mean;
    row.a_rms = seen.a_rms;
    row.a_max = seen.a_max;
    row.delta_rms = seen.delta_rms;
    const Parameter<T>* bias = network_.layer(layer).parameter(ParameterRole::bias);
    row.grad_norm_w = std::sqrt(weights.gradient_square);
    if (bias != nullptr) row.grad_norm_b = std::sqrt(biases.gradient_square);
    row.grad_max = std::max(weights.gradient_max, biases.gradient_max);
    row.weight_norm = std::sqrt(weights.value_square);
    // Weights and biases: learned slopes are not counted.
    const auto elements =
        static_cast<double>(network_.layer(layer).weights().size() + (bias == nullptr ? Index{0} : bias->value.size()));
    row.grad_mean = (weights.gradient_abs + biases.gradient_abs) / elements;
    row.grad_zero_fraction = (weights.gradient_zeros + biases.gradient_zeros) / elements;
    SweepSums all;
    for (const SweepSums& one : step_.result().layers[layer]) all += one;
    row.update_ratio = updated ? std::sqrt(all.update_square / all.value_square) : 0.0;
    row.slope_mean = slope_means_[at];
    if (spec_.record.monitors) {
      const MonitorStatistics monitors = step_.monitor_statistics(layer);
      row.batch_rare = monitors.batch_rare;
      row.batch_faint = monitors.batch_faint;
      row.tiny_fraction = monitors.tiny_fraction;
      row.nonpositive_fraction = monitors.nonpositive_fraction;
    }
    row.role = role_of(summary);
    row.from_file = from_file();
    if (census_) {
      row.dead_min = bounds_[at].dead_min;
      row.dead_max = bounds_[at].dead_max;
    }
    if (!summary.grad_norm_first) summary.grad_norm_first = row.grad_norm_w;
    summary.grad_norm_last = row.grad_norm_w;
    return row;
  }

  /// `batch`: a pass at the present parameters, if there is one.
  void take_census(std::int64_t step, const BatchActivity<T>* batch) {
    const CensusResult census = census_->take(network_, batch);
    hold_autopsies(step, census);
    census_->remember(network_);
    last_census_ = census;
    const std::vector<LifeEvent> events = lives_.update(step, census);
    const std::vector<EventRecord> locks = look_ahead(step);
    const bool probed = final_probe_ || is_due(spec_.record.probe_every, step, plan_.steps_per_epoch());
    if (probed && !final_probe_) last_probe_ = probe_->measure(network_);
    census_rows_.clear();
    for (std::size_t at = 0; at < census.layers.size(); ++at) census_rows_.push_back(census_record(at, step, probed));
    for (const LifeEvent& event : events) report_change(step, event);
    for (const EventRecord& lock : locks) sink_.event(lock);
    if (census.collapsed && summary_.collapsed != true) {
      EventRecord row;
      row.step = step;
      row.event = "collapsed";
      row.detail = "the network's output is the same for every training sample";
      sink_.event(row);
    }
    summary_.collapsed = census.collapsed;
    sink_.census(census_rows_);
    sink_.flush();
    updates_.clear();
    steps_between_ = step - first_update_;
    first_update_ = step;
  }

  /// Finds out what killed the units that are dead now and were not at the last census.
  void hold_autopsies(std::int64_t step, const CensusResult& census) {
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
    const std::vector<Autopsy> autopsies = examine(census_->last(), network_, dataset_, deaths);
    for (std::size_t at = 0; at < deaths.size(); ++at)
      obituaries_[deaths[at].layer][deaths[at].unit] = Obituary{autopsies[at], 0.0, 0.0};
    if (control_.histograms) take_portraits(step, deaths);
  }

  /// Of some of the units that died: the first of each hidden layer, then the second, …
  void take_portraits(std::int64_t step, const std::vector<Death>& deaths) {
    std::vector<std::pair<std::size_t, const Death*>> order;  // by its place among the dead of its layer
    std::vector<std::size_t> seen(summary_.layers.size());
    for (const Death& death : deaths)
      if (!summary_.layers[death.layer].is_output) order.emplace_back(seen[death.layer]++, &death);
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& left, const auto& right) { return left.first < right.first; });
    const auto most = static_cast<std::size_t>(std::min(kPortraitsAtOnce, kMostPortraits - portraits_));
    std::vector<Death> chosen;
    for (std::size_t at = 0; at < std::min(most, order.size()); ++at) chosen.push_back(*order[at].second);
    portraits_ += std::ssize(chosen);
    const std::vector<Portrait> portraits = portray(census_->last(), network_, dataset_, chosen, pool_);
    for (std::size_t at = 0; at < chosen.size(); ++at) {
      const auto unit = static_cast<std::int64_t>(chosen[at].unit);
      write_histogram(chosen[at].layer, unit, first_update_, "before", portraits[at].before);
      write_histogram(chosen[at].layer, unit, step, "after", portraits[at].after);
    }
  }

  /// Bins that hold nothing are left out.
  void write_histogram(std::size_t at, std::optional<std::int64_t> unit, std::int64_t step, const char* moment,
                       const Histogram& histogram) {
    std::vector<HistogramRecord> rows;
    for (std::size_t bin = 0; bin < histogram.counts.size(); ++bin) {
      if (histogram.counts[bin] == 0) continue;
      HistogramRecord& row = rows.emplace_back();
      row.layer = static_cast<std::int64_t>(at) + 1;
      row.name = summary_.layers[at].name;
      row.unit = unit;
      row.step = step;
      row.moment = moment;
      row.low = histogram.edge(bin);
      row.high = histogram.edge(bin + 1);
      row.count = histogram.counts[bin];
    }
    sink_.histograms(rows);
  }

  /// Which dead units cannot revive any more.
  std::vector<EventRecord> look_ahead(std::int64_t step) {
    std::vector<EventRecord> events;
    const bool any_dead = std::any_of(last_census_.layers.begin(), last_census_.layers.end(),
                                      [](const LayerCensus& layer) { return layer.dead() > 0; });
    if (locked_steps_.empty())
      for (const LayerCensus& layer : last_census_.layers) locked_steps_.emplace_back(layer.units.size());
    if (!any_dead) return events;
    if (!horizon_) horizon_.emplace(schedule_, optimizer_.base_lr(), plan_.total_steps(), plan_.steps_per_epoch());
    prognosis_->judge(step, last_census_, horizon_->from(step));
    for (std::size_t at = 0; at < locked_steps_.size(); ++at)
      for (std::size_t unit = 0; unit < locked_steps_[at].size(); ++unit) {
        const Lock lock = prognosis_->locks()[at][unit];
        if (lock == Lock::none || locked_steps_[at][unit]) continue;
        locked_steps_[at][unit] = step;
        EventRecord row;
        row.step = step;
        row.event = "locked";
        row.layer = static_cast<std::int64_t>(at) + 1;
        row.name = summary_.layers[at].name;
        row.unit = static_cast<std::int64_t>(unit);
        row.detail = std::string(lock_name(lock));
        events.push_back(row);
      }
    return events;
  }

  /// A birth, death or revival becomes an event, and is counted.
  void report_change(std::int64_t step, const LifeEvent& event) {
    CensusRecord& census = census_rows_[event.layer];
    LayerSummary& summary = summary_.layers[event.layer];
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
        row.lr = update.lr;
        row.grad_norm = update.grad_norm;
        ++summary.causes[*row.cause];
      }
    }
    sink_.event(row);
  }

  CensusRecord census_record(std::size_t at, std::int64_t step, bool probed) {
    const LayerCensus& layer = last_census_.layers[at];
    LayerSummary& summary = summary_.layers[at];
    CensusRecord row;
    row.step = step;
    row.epoch = plan_.epoch(step);
    row.layer = static_cast<std::int64_t>(at) + 1;
    row.name = summary.name;
    row.units = static_cast<std::int64_t>(layer.units.size());
    row.role = role_of(summary);
    std::int64_t dead_at_start = 0;
    for (std::size_t unit = 0; unit < layer.units.size(); ++unit) {
      row.dead += layer.units[unit].dead ? 1 : 0;
      row.dead_on_domain += layer.units[unit].dead_on_domain ? 1 : 0;
      row.locked += prognosis_->locks()[at][unit] != Lock::none ? 1 : 0;
      dead_at_start += lives_.layers()[at][unit].born_dead ? 1 : 0;
    }
    note_dead_at_start(row, dead_at_start);
    row.dead_fraction = static_cast<double>(row.dead) / static_cast<double>(row.units);
    if (probed) {
      row.saturated = last_probe_[at].saturated();
      row.dormant = last_probe_[at].dormant();
      row.effective_rank = last_probe_[at].effective_rank;
      summary.saturated = row.saturated;
    }
    summary.dead = row.dead;
    note_dead_at_start(summary, dead_at_start);
    summary.locked = row.locked;
    summary.peak_dead = std::max(summary.peak_dead.value_or(0), row.dead);
    return row;
  }

  [[nodiscard]] std::string event_name(LifeEvent::Kind kind) const {
    switch (kind) {
      case LifeEvent::Kind::born_dead:
        return from_file() ? "inherited" : "born_dead";
      case LifeEvent::Kind::died:
        return "died";
      case LifeEvent::Kind::revived:
        return "revived";
    }
    return {};
  }

  void report_progress(std::int64_t step) {
    Progress progress;
    progress.step = step;
    progress.total_steps = plan_.total_steps();
    progress.loss = step_.result().loss;
    if (classifies(criterion_.targets))
      progress.accuracy = step_.result().correct / static_cast<double>(plan_.batch(step - 1).size());
    progress.dead_fraction = summary_.dead_fraction();
    sink_.progress(progress);
  }

  void fail(std::int64_t step) {
    const NonFinite where = step_.find_non_finite();
    EventRecord event;
    event.step = step;
    event.event = "non_finite";
    event.name = network_.layer(where.layer).name();
    const auto at = std::find(network_.unit_layers().begin(), network_.unit_layers().end(), where.layer);
    if (at != network_.unit_layers().end()) event.layer = at - network_.unit_layers().begin() + 1;
    event.detail = "first non-finite value in " + where.what + " of layer '" + *event.name + "'";
    sink_.event(event);
    sink_.flush();
    summary_.failed = true;
    summary_.failure = "step " + std::to_string(step) + ": " + *event.detail;
  }

  void finish() {
    summary_.epochs = plan_.epoch(summary_.steps);
    if (!summary_.failed && !summary_.interrupted) {
      // The last probe is all of D: it rides on the evaluation.
      PassObserver<T> observer;
      if (census_) {
        probe_->start_all(network_);
        observer = [this](const NetworkState<T>& state, std::span<const Shard> shards) {
          probe_->add(network_, state, shards);
        };
      }
      summary_.train = evaluate(network_, dataset_, dataset_.train, criterion_, pool_, observer);
      if (!is_better({0.0, 0.0, summary_.train->gain, summary_.train->gain_error}))
        summary_.linear = gain_of_linear_fit(criterion_, dataset_);
      if (census_) {
        last_probe_ = probe_->finish_all(network_);
        final_probe_ = true;
        take_census(summary_.steps, nullptr);
        for (std::size_t at = 0; at < summary_.layers.size(); ++at) {
          summary_.layers[at].a_mean = last_probe_[at].mean();
          summary_.layers[at].zero_fraction = last_probe_[at].zero_rate();
        }
        if (control_.histograms) {
          const std::vector<Histogram> histograms = layer_histograms(network_, dataset_, pool_);
          for (std::size_t at = 0; at < histograms.size(); ++at)
            write_histogram(at, std::nullopt, summary_.steps, "end", histograms[at]);
        }
      }
      if (control_.evaluations && spec_.record.evaluate.kind != Cadence::Kind::off) evaluate_now(summary_.steps);
      if (dataset_.test.count() > 0) summary_.test = evaluate(network_, dataset_, dataset_.test, criterion_, pool_);
    }
    for (std::size_t at = 0; at < lives_.layers().size(); ++at) sink_.units(unit_records(at));
    if (census_) summary_.census = census_->work();
    if (control_.weights != nullptr) *control_.weights = export_weights(network_);
    sink_.flush();
  }

  [[nodiscard]] std::vector<UnitRecord> unit_records(std::size_t at) const {
    std::vector<UnitRecord> rows;
    for (std::size_t unit = 0; unit < lives_.layers()[at].size(); ++unit) {
      const UnitLife& life = lives_.layers()[at][unit];
      const UnitCensus& seen = last_census_.layers[at].units[unit];
      const UnitProbe& probe = last_probe_[at].units[unit];
      UnitRecord row;
      row.layer = static_cast<std::int64_t>(at) + 1;
      row.name = summary_.layers[at].name;
      row.unit = static_cast<std::int64_t>(unit);
      row.state = state_of(seen, probe);
      row.role = role_of(summary_.layers[at]);
      row.born_dead = life.born_dead && !from_file();
      row.inherited = life.born_dead && from_file();
      row.first_dead_step = life.first_dead_step;
      row.last_change_step = life.last_change_step;
      row.deaths = life.deaths;
      row.revivals = life.revivals;
      if (life.born_dead && life.deaths == 0) row.cause = from_file() ? "inherited" : "born";
      if (life.death) {
        row.died_after = life.death->after;
        row.died_by = life.death->by;
      }
      if (const std::optional<Obituary>& obituary = obituaries_[at][unit]) {
        row.cause = std::string(obituary->autopsy.cause());
        row.own_weights = obituary->autopsy.own_weights;
        row.own_bias = obituary->autopsy.own_bias;
        row.upstream = obituary->autopsy.upstream;
        row.lr = obituary->lr;
        row.grad_norm = obituary->grad_norm;
      }
      if (final_probe_) {
        if (probe.margin != -std::numeric_limits<double>::infinity()) row.margin = probe.margin + 0.0;  // not -0
        row.activation_rate = probe.activation_rate;
        row.a_mean = probe.mean;
        row.slope = slope_of(at, unit);
      }
      if (locked_steps_[at][unit]) {
        row.locked = std::string(lock_name(prognosis_->locks()[at][unit]));
        row.locked_step = locked_steps_[at][unit];
      } else if (seen.dead && seen.drift > 0.0 && std::isfinite(seen.drift) && steps_between_ > 0) {
        const double margin = final_probe_ ? probe.margin : seen.margin;
        row.min_steps_to_revive = std::ceil(margin / seen.drift * static_cast<double>(steps_between_));
      }
      rows.push_back(row);
    }
    return rows;
  }

  /// What the unit has learned its slope to be, where it learns one.
  [[nodiscard]] std::optional<double> slope_of(std::size_t at, std::size_t unit) const {
    const Parameter<T>* slope = network_.layer(network_.unit_layers()[at]).parameter(ParameterRole::slope);
    if (slope == nullptr) return std::nullopt;
    return static_cast<double>(slope->value(slope->value.size() == 1 ? 0 : static_cast<Index>(unit), 0));
  }

  /// An update made since the last census.
  struct Update {
    double lr = 0.0;
    double grad_norm = 0.0;
    template <class Archive>
    void archive(Archive& file) {
      file(lr, grad_norm);
    }
  };

  const ExperimentSpec& spec_;
  const Dataset& dataset_;
  RecordSink& sink_;
  ThreadPool& pool_;
  BatchPlan plan_;
  Network<T> network_;
  Criterion criterion_;
  Optimizer<T> optimizer_;
  Schedule schedule_;
  TrainingStep<T> step_;
  const RunControl& control_;
  LazyExtent<T> extent_;
  std::unique_ptr<Census<T>> census_;        ///< absent if none are wanted
  std::unique_ptr<ProbeSet<T>> probe_;       ///< with census_
  std::unique_ptr<Prognosis<T>> prognosis_;  ///< with census_
  std::optional<RateHorizon> horizon_;
  Lifecycles lives_;
  CensusResult last_census_;
  std::vector<LayerProbe> last_probe_;
  bool final_probe_ = false;  ///< last_probe_ is over all of D, at the end
  std::vector<DeadBounds> bounds_;
  std::vector<std::vector<std::optional<Obituary>>> obituaries_;
  std::vector<std::vector<std::optional<std::int64_t>>> locked_steps_;
  std::vector<Update> updates_;     ///< since the last census
  std::int64_t first_update_ = 0;   ///< step of the last census
  std::int64_t steps_between_ = 0;  ///< the last two censuses
  std::int64_t portraits_ = 0;      ///< taken so far
  std::vector<std::optional<double>> slope_means_;
  std::int64_t last_flush_ = 0;  ///< step of it
  std::chrono::steady_clock::time_point last_save_ = std::chrono::steady_clock::now();
  std::vector<LayerRecord> layer_rows_;
  std::vector<CensusRecord> census_rows_;
  RunSummary summary_;
};

}  // namespace

std::optional<std::int64_t> LayerSummary::dead_at_start() const {
  if (!born_dead) return std::nullopt;
  return *born_dead + inherited.value_or(0);
}

std::optional<double> RunSummary::dead_fraction() const {
  std::int64_t units = 0;
  std::int64_t dead_units = 0;
  for (const LayerSummary& layer : layers) {
    if (layer.is_output) continue;
    if (!layer.dead) return std::nullopt;
    units += layer.units;
    dead_units += *layer.dead;
  }
  if (units == 0) return std::nullopt;
  return static_cast<double>(dead_units) / static_cast<double>(units);
}

RunSummary run_experiment(const ExperimentSpec& spec, const Dataset& dataset, RecordSink& sink, ThreadPool& pool,
                          const RunControl& control) {
  if (spec.precision == Precision::float32) return Run<float>(spec, dataset, sink, pool, control).execute();
  return Run<double>(spec, dataset, sink, pool, control).execute();
}

}  // namespace reluscope
