#pragma once
// The records of a run as diagnose would read them from its directory.

#include <utility>

#include "config/spec.hpp"
#include "diagnose/diagnosis.hpp"
#include "experiment/documents.hpp"
#include "experiment/features.hpp"
#include "experiment/run.hpp"
#include "experiment/setup.hpp"

namespace reluscope::test {

inline RunTables run_tables(const ExperimentSpec& spec) {
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  RecordMemory records;
  ThreadPool pool(1);
  const RunSummary summary = run_experiment(spec, dataset, records, pool);
  RunTables tables = take_tables(std::move(records));
  note_end(tables, spec, summary);
  tables.features.rows = describe_features(dataset);
  tables.features.present = true;
  return tables;
}

/// The finding of this rule, or nullptr.
inline const Finding* find_rule(const Diagnosis& diagnosis, const std::string& rule) {
  for (const Finding& finding : diagnosis.findings)
    if (finding.rule == rule) return &finding;
  return nullptr;
}

}  // namespace reluscope::test
