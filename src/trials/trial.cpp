#include "trials/trial.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "diagnose/findings_json.hpp"
#include "experiment/batches.hpp"
#include "experiment/documents.hpp"
#include "experiment/features.hpp"
#include "experiment/run.hpp"
#include "experiment/setup.hpp"
#include "experiment/verdict.hpp"
#include "trace/run_directory.hpp"
#include "trials/remedies.hpp"
#include "util/output_place.hpp"
#include "util/stopwatch.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

namespace {

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

double Trial::steps_per_second() const {
  return seconds > 0.0 && whole && !lost && !record.failed() ? static_cast<double>(record.steps) / seconds : kNaN;
}

std::optional<std::int64_t> steps_to_loss(std::span<const EvaluationRecord> curve, double loss) {
  for (const EvaluationRecord& row : curve)
    if (row.train_loss <= loss) return row.step;
  return std::nullopt;
}

Trial run_trial(const ExperimentSpec& spec, const Dataset& dataset, const std::atomic<int>* stop,
                const std::filesystem::path& to, const Stint& stint, Keep keep) {
  const Stopwatch watch;
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
  control.evaluations = keep != Keep::record || directory;
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
  trial.seconds = seconds_before + watch.seconds();
  if (stint.paused) stint.paused->seconds = trial.seconds;
  trial.steps_made = summary.steps - (before ? before->step : 0);
  trial.whole = summary.failed || summary.steps == total;
  trial.lost = summary.lost;
  trial.record = record_of(summary, records, dataset);
  if (keep != Keep::record) trial.curve = records.evaluations;
  RunTables tables = take_tables(std::move(records));
  note_end(tables, spec, summary);
  tables.features.rows = describe_features(dataset);
  tables.features.present = true;
  trial.diagnosis = diagnose(tables, spec.thresholds);
  advise(trial.diagnosis, spec, facts_of(dataset));
  trial.learned = has_learned(tables);
  trial.record.findings = list_findings(trial.diagnosis);
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

}  // namespace reluscope
