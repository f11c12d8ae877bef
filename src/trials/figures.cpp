#include "trials/figures.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "diagnose/findings_json.hpp"
#include "diagnose/run_reader.hpp"
#include "experiment/batches.hpp"
#include "experiment/documents.hpp"
#include "experiment/features.hpp"
#include "experiment/setup.hpp"
#include "experiment/verdict.hpp"
#include "trace/run_directory.hpp"
#include "trace/sink.hpp"
#include "trials/remedies.hpp"
#include "util/output_place.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

/// A run that failed has no end: the last census before it says what was alive then, and counts what came up to then.
void add_units(const RunSummary& summary, Figures& figures) {
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
  figures.born_dead_fraction = static_cast<double>(born) / static_cast<double>(units);
  if (summary.failed) return;
  figures.dead_fraction = dead;
  figures.deaths = deaths;
  figures.revivals = revivals;
  figures.locked = locked;
  figures.peak_dead_fraction = static_cast<double>(peak) / static_cast<double>(units);
}

void add_gradients(const std::vector<StepRecord>& rows, Figures& figures) {
  if (rows.empty()) return;
  figures.grad_norm_first = rows.front().grad_norm;
  figures.grad_norm_last = rows.back().grad_norm;
  double largest = 0.0;
  for (const StepRecord& row : rows)
    largest = std::isfinite(row.grad_norm) ? std::max(largest, row.grad_norm) : std::numeric_limits<double>::infinity();
  if (rows.front().grad_norm > 0.0) figures.grad_norm_growth = largest / rows.front().grad_norm;
}

/// Of the last probe, over the hidden layers.
void add_activations(const RunSummary& summary, const std::vector<UnitRecord>& units, Figures& figures) {
  double zeros = 0.0;
  double all = 0.0;
  for (const LayerSummary& layer : summary.layers) {
    if (layer.is_output || !layer.zero_fraction) continue;
    zeros += *layer.zero_fraction * static_cast<double>(layer.units);
    all += static_cast<double>(layer.units);
  }
  if (all > 0.0) figures.zero_fraction = zeros / all;
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
    figures.bias_shift = median(shifts);
    figures.bias_shift_abs = median(sizes);
  }
  if (slopes.empty()) return;
  figures.slope_mean = std::accumulate(slopes.begin(), slopes.end(), 0.0) / static_cast<double>(slopes.size());
  const auto [least, greatest] = std::minmax_element(slopes.begin(), slopes.end());
  figures.slope_min = *least;
  figures.slope_max = *greatest;
}

/// How the loss gradient's size changes from the last layer to the first one.
void add_decay(const std::vector<LayerRecord>& rows, Figures& figures) {
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
  figures.grad_decay_start = decay_at(rows.front().step);
  figures.grad_decay_end = decay_at(rows.back().step);
}

/// Steps after which a stint of a run of `total` steps ends.
std::int64_t end_of(const Stint& stint, std::int64_t total) {
  const auto wanted = static_cast<std::int64_t>(std::ceil(stint.until * static_cast<double>(total)));
  return std::min(total, std::max(wanted, kShortestStint));
}

std::shared_ptr<RecordMemory> copy_of(const RecordMemory& records) {
  auto copy = std::make_shared<RecordMemory>();
  copy->steps = records.steps;
  copy->layer_rows = records.layer_rows;
  copy->census_rows = records.census_rows;
  copy->unit_rows = records.unit_rows;
  copy->events = records.events;
  copy->evaluations = records.evaluations;
  return copy;
}

/// To a run that ended where a layer was lost: what is the most that a constant output could still have come to.
void credit_constant(const RunSummary& summary, const Dataset& dataset, Figures& figures) {
  const auto credit = [&dataset](const std::optional<Evaluation>& end, const Samples& part, std::optional<double>& loss,
                                 std::optional<double>& accuracy) {
    if (!end) return;
    loss = std::min(end->loss, end->constant_loss);
    if (const auto classes = describe_classes(dataset, part); classes && accuracy)
      accuracy = std::max(*accuracy, classes->largest);
  };
  credit(summary.train, dataset.train, figures.train_loss, figures.train_accuracy);
  credit(summary.test, dataset.test, figures.test_loss, figures.test_accuracy);
}

std::string list_findings(const Diagnosis& diagnosis) {
  std::string list;
  for (const Finding& finding : diagnosis.findings) {
    if (finding.severity == Severity::info) continue;
    if (!list.empty()) list += ' ';
    list += finding.rule;
    if (!finding.name.empty()) list.append("@").append(finding.name);
  }
  return list;
}

}  // namespace

double Figures::judged_loss() const {
  if (failed()) return kNaN;
  return test_loss ? *test_loss : train_loss.value_or(kNaN);
}

double Figures::judged_accuracy() const {
  if (failed()) return kNaN;
  return test_loss ? test_accuracy.value_or(kNaN) : train_accuracy.value_or(kNaN);
}

double Trial::steps_per_second() const {
  return seconds > 0.0 && whole && !lost && !figures.failed() ? static_cast<double>(figures.steps) / seconds : kNaN;
}

std::optional<std::int64_t> steps_to_loss(std::span<const EvaluationRecord> curve, double loss) {
  for (const EvaluationRecord& row : curve)
    if (row.train_loss <= loss) return row.step;
  return std::nullopt;
}

Trial run_trial(const ExperimentSpec& spec, const Dataset& dataset, const std::atomic<int>* stop,
                const std::filesystem::path& to, const Stint& stint, Keep keep) {
  const auto start = std::chrono::steady_clock::now();
  const bool goes_on = stint.paused && stint.paused->checkpoint;
  const auto memory = goes_on ? stint.paused->records : std::make_shared<RecordMemory>();
  const double seconds_before = goes_on ? stint.paused->seconds : 0.0;
  RecordMemory& records = *memory;
  Tee sink;
  sink.add(memory);
  std::shared_ptr<RunDirectory> directory;
  ManifestFacts facts;
  facts.threads = 1;
  if (!to.empty()) {
    facts.started = utc_now();
    refuse_links_within(to.parent_path(), to);
    RunDirectory::refuse_inputs(to, input_files(spec));
    directory = std::make_shared<RunDirectory>(RunLock(to), manifest_json(spec, dataset, facts));
    sink.add(directory);
    write_start(*directory, spec, dataset);
  }
  ThreadPool alone(1);
  RunControl control;
  control.stop = stop;
  control.end_when_lost = stint.end_when_lost;
  control.evaluations = keep != Keep::figures || directory;
  control.histograms = keep == Keep::tables || directory;
  const std::int64_t total = BatchPlan(spec.train, dataset.train.count(), spec.seed).total_steps();
  control.end_after = end_of(stint, total);
  std::optional<Checkpoint> before;
  if (goes_on) before = std::exchange(stint.paused->checkpoint, std::nullopt);
  if (before) control.resume = &*before;
  if (stint.paused && control.end_after < total)
    control.save = [&](Checkpoint&& checkpoint) {
      if (checkpoint.tensors.data.size() > kLargestPaused) return;
      stint.paused->records = copy_of(records);  // the end that follows is not part of the run that goes on
      stint.paused->checkpoint = std::move(checkpoint);
    };
  const RunSummary summary = run_experiment(spec, dataset, sink, alone, control);
  Trial trial;
  trial.seconds = seconds_before + std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (stint.paused) stint.paused->seconds = trial.seconds;
  trial.steps_made = summary.steps - (before ? before->step : 0);
  trial.whole = summary.failed || summary.steps == total;
  trial.lost = summary.lost;
  Figures& figures = trial.figures;
  figures.status = summary.failed ? "failed" : "done";
  if (summary.failed) figures.failure = summary.failure;
  figures.steps = summary.steps;
  figures.first_loss = summary.first_loss;
  figures.last_loss = summary.last_loss;
  if (summary.train) {
    figures.train_loss = summary.train->loss;
    figures.train_accuracy = summary.train->accuracy;
  }
  if (summary.test) {
    figures.test_loss = summary.test->loss;
    figures.test_accuracy = summary.test->accuracy;
  }
  if (summary.lost) credit_constant(summary, dataset, figures);
  add_units(summary, figures);
  if (!summary.failed) figures.collapsed = summary.collapsed;
  add_gradients(records.steps, figures);
  add_decay(records.layer_rows, figures);
  if (!summary.failed) add_activations(summary, records.unit_rows, figures);
  if (keep != Keep::figures) trial.curve = records.evaluations;
  RunTables tables = take_tables(std::move(records));
  note_end(tables, spec, summary);
  tables.features.rows = describe_features(dataset);
  tables.features.present = true;
  trial.diagnosis = diagnose(tables, spec.thresholds);
  advise(trial.diagnosis, spec, facts_of(dataset));
  trial.learned = has_learned(tables);
  figures.findings = list_findings(trial.diagnosis);
  if (keep == Keep::tables) trial.tables = std::make_shared<RunTables>(std::move(tables));
  if (directory) {
    directory->write_summary(summary_json(spec, summary, verdict(summary), findings_json(trial.diagnosis.findings)));
    facts.status = summary.failed ? "failed" : (summary.interrupted ? "interrupted" : "done");
    facts.steps = summary.steps;
    facts.train_seconds = trial.seconds;
    directory->write_manifest(manifest_json(spec, dataset, facts));
  }
  return trial;
}

Figures failed_figures(const std::string& reason) {
  Figures figures;
  figures.status = "failed";
  // One row is one line of the results file.
  std::string line = reason;
  std::replace(line.begin(), line.end(), '\n', ' ');
  figures.failure = line;
  return figures;
}

}  // namespace reluscope
