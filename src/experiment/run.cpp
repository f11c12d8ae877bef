#include "experiment/run.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "experiment/batches.hpp"
#include "experiment/training_step.hpp"
#include "optim/schedule.hpp"
#include "probe/census.hpp"
#include "probe/lifecycle.hpp"

namespace reluscope {

namespace {

/// Units that are active on fewer samples than this are rare (Dohare et al. 2024).
constexpr double kRareRate = 0.01;
/// Progress reports per run.
constexpr std::int64_t kProgressReports = 500;
/// Recorded rows are handed on after about so many floating-point operations of training, some ten milliseconds: a
/// pipe plots live, and a small network does not spend its time in system calls.
constexpr double kOperationsPerFlush = 5e8;

std::string state_of(const UnitCensus& unit) {
  if (unit.dead) return "dead";
  if (unit.saturated) return "saturated";
  if (unit.dormant) return "dormant";
  return unit.activation_rate < kRareRate ? "rare" : "alive";
}

/// One run: the objects it needs, and the three things that happen in it (a step, its record, a census).
template <class T>
class Run {
 public:
  Run(const ExperimentSpec& spec, const Dataset& dataset, RecordSink& sink, ThreadPool& pool)
      : spec_(spec),
        dataset_(dataset),
        sink_(sink),
        pool_(pool),
        loss_(*find_entry(loss_table(), spec.loss.name)),
        plan_(spec.train, dataset.train.count(), spec.seed),
        network_(spec.network, dataset.features(), spec.seed),
        targets_(plan_targets(loss_, dataset, network_.outputs())),
        optimizer_(spec.train.optimizer, {spec.train.clip_norm, spec.train.clip_value}, network_.parameters()),
        schedule_(spec.train.schedule, spec.train.warmup_steps, spec.train.warmup_start_factor),
        step_(network_, dataset, loss_, spec.loss.params, targets_, optimizer_, plan_.largest_batch(), pool) {
    if (spec.record.census.kind != Cadence::Kind::off) {
      CensusOptions options;
      options.saturation_epsilon = spec.record.saturation_epsilon;
      options.dormant_tau = spec.record.dormant_tau;
      options.probe_samples = spec.record.probe;
      options.seed = spec.seed;
      census_ = make_brute_census(network_, dataset, options, pool);
    }
    for (const std::size_t layer : network_.unit_layers()) {
      LayerSummary row;
      row.name = network_.layer(layer).name();
      row.activation = network_.layer(layer).activation()->name;
      row.units = network_.layer(layer).outputs();
      row.is_output = layer + 1 == network_.depth();
      summary_.layers.push_back(row);
    }
  }

  RunSummary execute(const std::atomic<int>* stop) {
    const std::int64_t total = plan_.total_steps();
    const std::int64_t report_every = std::max<std::int64_t>(1, total / kProgressReports);
    for (std::int64_t step = 0; step < total; ++step) {
      if (census_ && is_due(spec_.record.census, step, plan_.steps_per_epoch())) take_census(step);
      const bool recorded = is_due(spec_.record.every, step, plan_.steps_per_epoch()) || step + 1 == total;
      if (!train(step, recorded)) break;
      if (recorded || (step + 1) % report_every == 0) report_progress(step + 1);
      if (stop != nullptr && stop->load(std::memory_order_relaxed) != 0) {
        summary_.interrupted = step + 1 < total;
        break;
      }
    }
    finish();
    return std::move(summary_);
  }

 private:
  /// One update; false if the run has failed at it.
  bool train(std::int64_t step, bool recorded) {
    Pass pass;
    pass.training = true;
    pass.measure = recorded ? Measure::batch : Measure::nothing;
    pass.seed = spec_.seed;
    pass.step = static_cast<std::uint64_t>(step);
    const std::span<const Index> samples = plan_.batch(step);
    const double lr = optimizer_.base_lr() * schedule_.factor({step, plan_.total_steps(), plan_.steps_per_epoch()});
    step_.compute(samples, pass);
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

  /// Mean learned slopes, which the update that follows will change.
  void note_slopes() {
    slope_means_.assign(network_.unit_layers().size(), std::nullopt);
    for (std::size_t at = 0; at < slope_means_.size(); ++at)
      for (const Parameter<T>* parameter : network_.layer(network_.unit_layers()[at]).parameters())
        if (parameter->name == "slope") slope_means_[at] = static_cast<double>(parameter->value.mean());
  }

  StepRecord step_record(std::int64_t step, std::size_t samples, double lr, bool updated) const {
    const StepResult& result = step_.result();
    StepRecord row;
    row.step = step;
    row.epoch = plan_.epoch(step);
    row.loss = result.loss;
    if (dataset_.task == Task::classification) row.accuracy = result.correct / static_cast<double>(samples);
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
    if (samples > 1) row.grad_noise = step_.noise_scale();
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

  LayerRecord layer_record(std::size_t at, std::int64_t step, bool updated) {
    const std::size_t layer = network_.unit_layers()[at];
    const LayerStatistics seen = step_.statistics(layer);
    const std::vector<SweepSums>& sums = step_.result().layers[layer];
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
    row.a_mean = seen.a_mean;
    row.a_rms = seen.a_rms;
    row.a_max = seen.a_max;
    row.delta_rms = seen.delta_rms;
    row.grad_norm_w = std::sqrt(sums[0].gradient_square);
    row.grad_norm_b = std::sqrt(sums[1].gradient_square);
    row.grad_max = std::max(sums[0].gradient_max, sums[1].gradient_max);
    row.weight_norm = std::sqrt(sums[0].value_square);
    SweepSums all;
    for (const SweepSums& parameter : sums) all += parameter;
    row.update_ratio = updated ? std::sqrt(all.update_square / all.value_square) : 0.0;
    row.slope_mean = slope_means_[at];
    if (!summary.grad_norm_first) summary.grad_norm_first = row.grad_norm_w;
    summary.grad_norm_last = row.grad_norm_w;
    return row;
  }

  void take_census(std::int64_t step) {
    last_census_ = census_->take(network_);
    const std::vector<LifeEvent> events = lives_.update(step, last_census_);
    census_rows_.clear();
    for (std::size_t at = 0; at < last_census_.layers.size(); ++at) census_rows_.push_back(census_record(at, step));
    for (const LifeEvent& event : events) {
      CensusRecord& row = census_rows_[event.layer];
      if (event.kind == LifeEvent::Kind::died) ++row.died;
      if (event.kind == LifeEvent::Kind::revived) ++row.revived;
      sink_.event({step, event_name(event.kind), row.layer, row.name, static_cast<std::int64_t>(event.unit), {}});
    }
    if (last_census_.collapsed && summary_.collapsed != true)
      sink_.event({step, "collapsed", {}, {}, {}, "the network's output is the same for every training sample"});
    summary_.collapsed = last_census_.collapsed;
    sink_.census(census_rows_);
    sink_.flush();
  }

  CensusRecord census_record(std::size_t at, std::int64_t step) {
    const LayerCensus& layer = last_census_.layers[at];
    LayerSummary& summary = summary_.layers[at];
    CensusRecord row;
    row.step = step;
    row.epoch = plan_.epoch(step);
    row.layer = static_cast<std::int64_t>(at) + 1;
    row.name = summary.name;
    row.units = static_cast<std::int64_t>(layer.units.size());
    for (std::size_t unit = 0; unit < layer.units.size(); ++unit) {
      row.dead += layer.units[unit].dead ? 1 : 0;
      row.saturated += layer.units[unit].saturated ? 1 : 0;
      row.dormant += layer.units[unit].dormant ? 1 : 0;
      row.born_dead += lives_.layers()[at][unit].born_dead ? 1 : 0;
    }
    row.dead_fraction = static_cast<double>(row.dead) / static_cast<double>(row.units);
    row.effective_rank = layer.effective_rank;
    summary.dead = row.dead;
    summary.born_dead = row.born_dead;
    summary.saturated = row.saturated;
    summary.peak_dead = std::max(summary.peak_dead.value_or(0), row.dead);
    return row;
  }

  static std::string event_name(LifeEvent::Kind kind) {
    switch (kind) {
      case LifeEvent::Kind::born_dead:
        return "born_dead";
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
    if (dataset_.task == Task::classification)
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
      if (census_) take_census(summary_.steps);
      summary_.train = evaluate(network_, dataset_, dataset_.train, loss_, spec_.loss.params, targets_, pool_);
      if (dataset_.test.count() > 0)
        summary_.test = evaluate(network_, dataset_, dataset_.test, loss_, spec_.loss.params, targets_, pool_);
    }
    for (std::size_t at = 0; at < lives_.layers().size(); ++at) sink_.units(unit_records(at));
    sink_.flush();
  }

  [[nodiscard]] std::vector<UnitRecord> unit_records(std::size_t at) const {
    std::vector<UnitRecord> rows;
    for (std::size_t unit = 0; unit < lives_.layers()[at].size(); ++unit) {
      const UnitLife& life = lives_.layers()[at][unit];
      const UnitCensus& seen = last_census_.layers[at].units[unit];
      UnitRecord row;
      row.layer = static_cast<std::int64_t>(at) + 1;
      row.name = summary_.layers[at].name;
      row.unit = static_cast<std::int64_t>(unit);
      row.state = state_of(seen);
      row.born_dead = life.born_dead;
      row.first_dead_step = life.first_dead_step;
      row.last_change_step = life.last_change_step;
      row.deaths = life.deaths;
      row.revivals = life.revivals;
      if (seen.margin != -std::numeric_limits<double>::infinity()) row.margin = seen.margin;
      row.activation_rate = seen.activation_rate;
      rows.push_back(row);
    }
    return rows;
  }

  const ExperimentSpec& spec_;
  const Dataset& dataset_;
  RecordSink& sink_;
  ThreadPool& pool_;
  const LossEntry& loss_;
  BatchPlan plan_;
  Network<T> network_;
  TargetPlan targets_;
  Optimizer<T> optimizer_;
  Schedule schedule_;
  TrainingStep<T> step_;
  std::unique_ptr<Census<T>> census_;
  Lifecycles lives_;
  CensusResult last_census_;
  std::vector<std::optional<double>> slope_means_;
  std::int64_t last_flush_ = 0;  ///< step of it
  std::vector<LayerRecord> layer_rows_;
  std::vector<CensusRecord> census_rows_;
  RunSummary summary_;
};

}  // namespace

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
                          const std::atomic<int>* stop) {
  if (spec.precision == Precision::float32) return Run<float>(spec, dataset, sink, pool).execute(stop);
  return Run<double>(spec, dataset, sink, pool).execute(stop);
}

}  // namespace reluscope
