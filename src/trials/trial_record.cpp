#include "trials/trial_record.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "experiment/features.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

/// A run that failed has no end: the last census before it says what was alive then, and counts what came up to then.
void add_units(const RunSummary& summary, TrialRecord& record) {
  const std::optional<double> dead = summary.dead_fraction();
  if (!dead) return;
  std::int64_t units = 0;
  std::int64_t born = 0;
  std::int64_t peak = 0;
  std::int64_t deaths = 0;
  std::int64_t revivals = 0;
  std::int64_t locked = 0;
  for (const LayerSummary& layer : summary.layers) {
    if (layer.is_output) continue;
    units += layer.units;
    born += layer.born_dead.value_or(0);
    peak += layer.peak_dead.value_or(0);
    deaths += layer.deaths;
    revivals += layer.revivals;
    locked += layer.locked.value_or(0);
  }
  record.born_dead_fraction = static_cast<double>(born) / static_cast<double>(units);
  if (summary.failed) return;
  record.dead_fraction = dead;
  record.deaths = deaths;
  record.revivals = revivals;
  record.locked = locked;
  record.peak_dead_fraction = static_cast<double>(peak) / static_cast<double>(units);
}

void add_gradients(const std::vector<StepRecord>& rows, TrialRecord& record) {
  if (rows.empty()) return;
  record.grad_norm_first = rows.front().grad_norm;
  record.grad_norm_last = rows.back().grad_norm;
  double largest = 0.0;
  for (const StepRecord& row : rows)
    largest = std::isfinite(row.grad_norm) ? std::max(largest, row.grad_norm) : std::numeric_limits<double>::infinity();
  if (rows.front().grad_norm > 0.0) record.grad_norm_growth = largest / rows.front().grad_norm;
}

/// Of the last probe, over the hidden layers.
void add_activations(const RunSummary& summary, const std::vector<UnitRecord>& units, TrialRecord& record) {
  double zeros = 0.0;
  double all = 0.0;
  for (const LayerSummary& layer : summary.layers) {
    if (layer.is_output || !layer.zero_fraction) continue;
    zeros += *layer.zero_fraction * static_cast<double>(layer.units);
    all += static_cast<double>(layer.units);
  }
  if (all > 0.0) record.zero_fraction = zeros / all;
  std::vector<double> shifts;
  std::vector<double> sizes;
  std::vector<double> slopes;
  for (const UnitRecord& unit : units) {
    if (unit.role == Role::output) continue;
    if (unit.a_mean) {
      shifts.push_back(*unit.a_mean);
      sizes.push_back(std::abs(*unit.a_mean));
    }
    if (unit.slope) slopes.push_back(*unit.slope);
  }
  if (!shifts.empty()) {
    record.bias_shift = median(shifts);
    record.bias_shift_abs = median(sizes);
  }
  if (slopes.empty()) return;
  record.slope_mean = std::accumulate(slopes.begin(), slopes.end(), 0.0) / static_cast<double>(slopes.size());
  const auto [least, greatest] = std::minmax_element(slopes.begin(), slopes.end());
  record.slope_min = *least;
  record.slope_max = *greatest;
}

/// How the loss gradient's size changes from the last layer to the first one.
void add_decay(const std::vector<LayerRecord>& rows, TrialRecord& record) {
  const auto decay_at = [&rows](std::int64_t step) -> std::optional<double> {
    const LayerRecord* first = nullptr;
    const LayerRecord* last = nullptr;
    for (const LayerRecord& row : rows) {
      if (row.step != step) continue;
      if (first == nullptr) first = &row;
      last = &row;
    }
    if (first == last || !(last->delta_rms > 0.0)) return std::nullopt;
    return first->delta_rms / last->delta_rms;
  };
  if (rows.empty()) return;
  record.grad_decay_start = decay_at(rows.front().step);
  record.grad_decay_end = decay_at(rows.back().step);
}

/// To a run that ended where a layer was lost: what is the most that a constant output could still have come to.
void credit_constant(const RunSummary& summary, const Dataset& dataset, TrialRecord& record) {
  const auto credit = [&dataset](const std::optional<Evaluation>& end, const Samples& part, std::optional<double>& loss,
                                 std::optional<double>& accuracy) {
    if (!end) return;
    loss = std::min(end->loss, end->constant_loss);
    if (const auto classes = describe_classes(dataset, part); classes && accuracy)
      accuracy = std::max(*accuracy, classes->largest);
  };
  credit(summary.train, dataset.train, record.train_loss, record.train_accuracy);
  credit(summary.test, dataset.test, record.test_loss, record.test_accuracy);
}

}  // namespace

double TrialRecord::judged_loss() const {
  if (failed()) return kNaN;
  return test_loss ? *test_loss : train_loss.value_or(kNaN);
}

double TrialRecord::judged_accuracy() const {
  if (failed()) return kNaN;
  return test_loss ? test_accuracy.value_or(kNaN) : train_accuracy.value_or(kNaN);
}

TrialRecord record_of(const RunSummary& summary, const RecordMemory& records, const Dataset& dataset) {
  TrialRecord record;
  record.status = summary.failed ? "failed" : "done";
  if (summary.failed) record.failure = summary.failure;
  record.steps = summary.steps;
  record.first_loss = summary.first_loss;
  record.last_loss = summary.last_loss;
  if (summary.train) {
    record.train_loss = summary.train->loss;
    record.train_accuracy = summary.train->accuracy;
  }
  if (summary.test) {
    record.test_loss = summary.test->loss;
    record.test_accuracy = summary.test->accuracy;
  }
  if (summary.lost) credit_constant(summary, dataset, record);
  add_units(summary, record);
  if (!summary.failed) record.collapsed = summary.collapsed;
  add_gradients(records.steps, record);
  add_decay(records.layer_rows, record);
  if (!summary.failed) add_activations(summary, records.unit_rows, record);
  return record;
}

TrialRecord failed_record(const std::string& reason) {
  TrialRecord record;
  record.status = "failed";
  // One row is one line of the results file.
  std::string line = reason;
  std::replace(line.begin(), line.end(), '\n', ' ');
  record.failure = line;
  return record;
}

}  // namespace reluscope
