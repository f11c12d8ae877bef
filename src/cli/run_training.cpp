#include "cli/run_training.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "diagnose/findings_json.hpp"
#include "diagnose/run_reader.hpp"
#include "experiment/run.hpp"
#include "experiment/verdict.hpp"
#include "trace/safetensors.hpp"
#include "trials/remedies.hpp"
#include "util/error.hpp"
#include "util/stopwatch.hpp"

namespace reluscope {

namespace {

/// The disk may be full: then the manifest stays as it is, and the fault at hand is the one to hear of.
void note_failure(const std::function<void(const std::string&, std::int64_t)>& finish) {
  try {
    finish("failed", 0);
  } catch (const IoError&) {  // said already, by the fault that led here
  }
}

/// From the files: what diagnose will say of them later.
RunTables read_back(const std::filesystem::path& path) {
  try {
    return read_run(path);
  } catch (const DataError& fault) {
    throw IoError("the run has ended, but what it wrote is not there any more: " + std::string(fault.what()));
  }
}

}  // namespace

RunOutcome train_run(const RunOptions& options, const RunPlan& plan, RunPreparation& ready, Outputs& out,
                     ThreadPool& pool, const std::atomic<int>& stop) {
  const Stopwatch training;
  const ExperimentSpec& spec = plan.run.spec;
  const Checkpoint* from = plan.from();
  ManifestFacts& facts = ready.facts;
  const auto finish = [&](const std::string& status, std::int64_t steps) {
    facts.status = status;
    facts.steps = std::max<std::int64_t>(0, steps - (from == nullptr ? 0 : from->step));
    facts.train_seconds = training.seconds();
    out.directory->write_manifest(manifest_json(spec, ready.dataset, facts));
  };
  RunOutcome outcome;
  try {
    Tensors weights;
    RunControl control;
    control.stop = &stop;
    control.brute_census = options.census == "brute";
    if (facts.save_weights) control.weights = &weights;
    control.resume = from;
    control.save = [&](Checkpoint&& checkpoint) {
      checkpoint.config = ready.identity.config;
      checkpoint.data = ready.identity.data;
      checkpoint.census = ready.identity.census;
      checkpoint.build = ready.identity.build;
      for (const auto& stream : out.streams) stream->note(checkpoint);
      out.directory->write_checkpoint(std::move(checkpoint));
    };
    outcome.summary = run_experiment(spec, ready.dataset, out.all, pool, control);
    outcome.sentence = verdict(outcome.summary);
    outcome.tables = read_back(plan.directory);
    note_end(outcome.tables, spec, outcome.summary);
    outcome.diagnosis = diagnose(outcome.tables, spec.thresholds);
    advise(outcome.diagnosis, spec, facts_of(ready.dataset));
    outcome.document = summary_json(spec, outcome.summary, outcome.sentence, findings_json(outcome.diagnosis.findings));
    if (facts.save_weights) write_safetensors(plan.directory / RunDirectory::kWeights, weights);
    for (const auto& stream : out.streams) stream->sync();
    out.directory->write_summary(outcome.document);
    finish(outcome.summary.failed ? "failed" : (outcome.summary.interrupted ? "interrupted" : "done"),
           outcome.summary.steps);
  } catch (const IoError&) {
    note_failure(finish);
    throw;
  }
  if (!outcome.summary.interrupted) RunDirectory::remove_checkpoint(plan.directory);
  return outcome;
}

}  // namespace reluscope
