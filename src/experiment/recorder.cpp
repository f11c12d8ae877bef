#include "experiment/recorder.hpp"

#include <algorithm>
#include <cmath>

namespace reluscope {

namespace {

/// Recorded rows are handed on after about so many floating-point operations of training, some ten milliseconds: a
/// pipe plots live, and a small network does not spend its time in system calls.
constexpr double kOperationsPerFlush = 5e8;

}  // namespace

template <class T>
Measure Recorder<T>::wish(std::int64_t step) const {
  const bool is_recorded =
      training_.is_due(training_.spec.record.every, step) || step + 1 == training_.plan.total_steps();
  return is_recorded ? Measure::batch : Measure::nothing;
}

template <class T>
void Recorder<T>::computed(const StepView& step) {
  if (step.is_recorded()) note_slopes();
}

template <class T>
void Recorder<T>::updated(const StepView& step) {
  if (!step.updated) note_slopes();  // the step may not have been meant to be recorded
  if (step.is_recorded()) {
    record(step);
  } else if (!std::isfinite(training_.step.result().total.gradient_square)) {
    sink_.step(step_record(step));
  }
}

template <class T>
void Recorder<T>::failed(const StepView& step) {
  const NonFinite where = training_.step.find_non_finite();
  const std::vector<std::size_t>& layers = training_.network.sites();
  EventRecord event;
  event.step = step.number;
  event.event = "non_finite";
  event.name = training_.network.node(where.node).name();
  const auto at = std::find(layers.begin(), layers.end(), where.node);
  if (at != layers.end()) event.layer = at - layers.begin() + 1;
  event.detail = "first non-finite value in " + where.what + " of layer '" + *event.name + "'";
  sink_.event(event);
  sink_.flush();
  training_.summary.failed = true;
  training_.summary.failure = "step " + std::to_string(step.number) + ": " + *event.detail;
}

template <class T>
void Recorder<T>::note_slopes() {
  slope_means_.assign(training_.summary.layers.size(), std::nullopt);
  for (std::size_t at = 0; at < slope_means_.size(); ++at)
    if (const Parameter<T>* slope = training_.unit_layer(at).parameter(ParameterRole::slope))
      slope_means_[at] = static_cast<double>(slope->value.mean());
}

template <class T>
StepRecord Recorder<T>::step_record(const StepView& step) const {
  const StepResult& result = training_.step.result();
  StepRecord row;
  row.step = step.number;
  row.epoch = training_.plan.epoch(step.number);
  row.loss = result.loss;
  if (classifies(training_.criterion.targets)) row.accuracy = result.correct / static_cast<double>(step.samples.size());
  row.lr = step.lr;
  row.grad_norm = std::sqrt(result.total.gradient_square);
  row.param_norm = std::sqrt(result.total.value_square);
  row.update_ratio = step.updated ? std::sqrt(result.total.update_square / result.total.value_square) : 0.0;
  return row;
}

template <class T>
void Recorder<T>::record(const StepView& step) {
  layer_rows_.clear();
  std::int64_t hidden_units = 0;
  std::int64_t hidden_dead = 0;
  for (std::size_t at = 0; at < training_.summary.layers.size(); ++at) {
    layer_rows_.push_back(layer_record(at, step));
    if (training_.summary.layers[at].is_output) continue;
    hidden_units += layer_rows_.back().units;
    hidden_dead += layer_rows_.back().batch_dead;
  }
  StepRecord row = step_record(step);
  if (step.samples.size() > 1) {
    if (const std::optional<GradientNoise> noise = training_.step.noise()) {
      row.grad_noise = noise->scale();
      row.grad_trace = noise->trace;
      row.grad_signal = noise->signal;
      training_.summary.noise.add(*noise);
    }
  }
  if (hidden_units > 0) row.batch_dead_fraction = static_cast<double>(hidden_dead) / static_cast<double>(hidden_units);
  sink_.step(row);
  sink_.layers(layer_rows_);
  if (static_cast<double>(step.number - last_flush_) * training_.step.operations() < kOperationsPerFlush) return;
  sink_.flush();
  last_flush_ = step.number;
}

template <class T>
LayerRecord Recorder<T>::layer_record(std::size_t at, const StepView& step) {
  const std::size_t layer = training_.network.sites()[at];
  const LayerStatistics seen = training_.step.statistics(layer);
  const SweepSums& weights = training_.step.result().of(layer, ParameterRole::weight);
  const SweepSums& biases = training_.step.result().of(layer, ParameterRole::bias);
  LayerSummary& summary = training_.summary.layers[at];
  LayerRecord row;
  row.step = step.number;
  row.epoch = training_.plan.epoch(step.number);
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
  const Parameter<T>* bias = training_.network.node(layer).parameter(ParameterRole::bias);
  const Parameter<T>* weight = training_.network.node(layer).parameter(ParameterRole::weight);
  row.grad_norm_w = std::sqrt(weights.gradient_square);
  if (bias != nullptr) row.grad_norm_b = std::sqrt(biases.gradient_square);
  row.grad_max = std::max(weights.gradient_max, biases.gradient_max);
  row.weight_norm = std::sqrt(weights.value_square);
  // Weights and biases: learned slopes are not counted.
  const auto elements = static_cast<double>(weight->value.size() + (bias == nullptr ? Index{0} : bias->value.size()));
  row.grad_mean = (weights.gradient_abs + biases.gradient_abs) / elements;
  row.grad_zero_fraction = (weights.gradient_zeros + biases.gradient_zeros) / elements;
  SweepSums all;
  for (const SweepSums& one : training_.step.result().nodes[layer]) all += one;
  row.update_ratio = step.updated ? std::sqrt(all.update_square / all.value_square) : 0.0;
  row.slope_mean = slope_means_[at];
  if (training_.spec.record.monitors) {
    const MonitorStatistics monitors = training_.step.monitor_statistics(layer);
    row.batch_rare = monitors.batch_rare;
    row.batch_faint = monitors.batch_faint;
    row.tiny_fraction = monitors.tiny_fraction;
    row.nonpositive_fraction = monitors.nonpositive_fraction;
  }
  row.role = summary.role();
  row.from_file = training_.from_file();
  row.positions = training_.network.node(layer).positions();
  if (watch_ != nullptr) {
    row.dead_min = watch_->bounds()[at].dead_min;
    row.dead_max = watch_->bounds()[at].dead_max;
  }
  if (!summary.grad_norm_first) summary.grad_norm_first = row.grad_norm_w;
  summary.grad_norm_last = row.grad_norm_w;
  return row;
}

template class Recorder<float>;
template class Recorder<double>;

}  // namespace reluscope
