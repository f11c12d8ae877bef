#include "diagnose/run_tables.hpp"

#include <cmath>
#include <utility>

#include "trace/sink.hpp"

namespace reluscope {

bool is_better(const PartFacts& part, double errors) {
  const double error = std::isnan(part.gain_error) ? 0.0 : part.gain_error;  // a single sample
  return part.gain > errors * error;
}

bool has_learned(const RunTables& run) { return run.train && is_better(*run.train); }

bool has_learned_well(const RunTables& run) {
  constexpr double kWell = 0.25;
  return has_learned(run) && run.train->loss <= kWell * run.train->constant_loss;
}

RunTables take_tables(RecordMemory&& records) {
  RunTables tables;
  tables.steps.rows = std::move(records.steps);
  tables.layers.rows = std::move(records.layer_rows);
  tables.census.rows = std::move(records.census_rows);
  tables.units.rows = std::move(records.unit_rows);
  tables.evaluation.rows = std::move(records.evaluations);
  tables.histograms.rows = std::move(records.histogram_rows);
  tables.evaluation.present = tables.histograms.present = true;
  tables.steps.present = tables.layers.present = tables.census.present = tables.units.present = true;
  return tables;
}

}  // namespace reluscope
