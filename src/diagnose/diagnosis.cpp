#include "diagnose/diagnosis.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <utility>

#include "diagnose/causes.hpp"
#include "diagnose/layers.hpp"

namespace reluscope {

namespace {

/// Whether the table has this column, with something in it.
template <class R>
bool has_values(const TableRows<R>& table, const std::string& name) {
  if (!table.present || table.missing.contains(name)) return false;
  bool found = false;
  for_each_column<R>([&](const auto& column, std::uint64_t bit) {
    if (column.name == name)
      found = std::any_of(table.rows.begin(), table.rows.end(),
                          [&](const R& row) { return is_measured(row, column, bit); });
  });
  return found;
}

/// Whether the run has the column "table.column".
bool has_column(const RunTables& run, const std::string& name) {
  const std::size_t dot = name.find('.');
  const std::string table = name.substr(0, dot);
  const std::string column = name.substr(dot + 1);
  if (table == "steps") return has_values(run.steps, column);
  if (table == "layers") return has_values(run.layers, column);
  if (table == "census") return has_values(run.census, column);
  if (table == "units") return has_values(run.units, column);
  if (table == "features") return has_values(run.features, column);
  throw std::logic_error("a rule needs the unknown table " + table);
}

/// The bits of the columns of the table `name` that a rule needs.
template <class R>
std::uint64_t needed_bits(const RuleEntry& rule, const std::string& name) {
  std::uint64_t needed = 0;
  for_each_column<R>([&](const auto& column, std::uint64_t bit) {
    if (std::find(rule.needs.begin(), rule.needs.end(), name + "." + std::string(column.name)) != rule.needs.end())
      needed |= bit;
  });
  return needed;
}

/// Whether a row lacks something that the rule needs.
template <class R>
bool has_gaps(const TableRows<R>& table, std::uint64_t needed) {
  return needed != 0 && std::any_of(table.rows.begin(), table.rows.end(),
                                    [&](const R& row) { return (row.unmeasured & needed) != 0; });
}
template <class R>
void drop_gaps(TableRows<R>& table, std::uint64_t needed) {
  std::erase_if(table.rows, [&](const R& row) { return (row.unmeasured & needed) != 0; });
}

/// The run without the rows in which something that the rule needs was not measured; nothing where there are none.
std::optional<RunTables> measured_part(const RunTables& run, const RuleEntry& rule) {
  const std::uint64_t steps = needed_bits<StepRecord>(rule, "steps");
  const std::uint64_t layers = needed_bits<LayerRecord>(rule, "layers");
  const std::uint64_t census = needed_bits<CensusRecord>(rule, "census");
  if (!has_gaps(run.steps, steps) && !has_gaps(run.layers, layers) && !has_gaps(run.census, census))
    return std::nullopt;
  RunTables part = run;
  drop_gaps(part.steps, steps);
  drop_gaps(part.layers, layers);
  drop_gaps(part.census, census);
  // The rows that are left need not show which layer is the highest one.
  const std::set<std::int64_t> outputs = output_layers(run);
  const auto mark = [&outputs](auto& rows) {
    for (auto& row : rows) row.role = outputs.contains(row.layer) ? Role::output : Role::hidden;
  };
  mark(part.layers.rows);
  mark(part.census.rows);
  mark(part.units.rows);
  return part;
}

/// What a rule lacks of the run, or nothing.
std::optional<std::string> find_missing(const RunTables& run, const RuleEntry& rule) {
  for (const std::string& name : rule.needs) {
    const std::string table = name.substr(0, name.find('.'));
    // Where rows are about layers, they have to say about which one.
    const bool of_layers = table != "steps" && table != "features";
    for (const std::string& column : {name, of_layers ? table + ".layer" : name})
      if (!has_column(run, column)) return column;
  }
  if (rule.needs_output && output_layers(run).empty()) return "output layer";
  if (rule.needs_loss && !run.loss) return "loss";
  if (rule.needs_end && !run.train) return "train.gain in summary.json";
  return std::nullopt;
}

}  // namespace

std::optional<Severity> Diagnosis::worst() const {
  std::optional<Severity> most;
  for (const Finding& finding : findings) most = most ? std::max(*most, finding.severity) : finding.severity;
  return most;
}

Diagnosis diagnose(const RunTables& run, const Thresholds& thresholds, std::string_view set) {
  Diagnosis diagnosis;
  const bool drawn = !starts_from_file(run);
  const auto is_mild = [&](Mild mild) {
    // A loss on held-out data that is worse than a constant's is no success, whatever the training set says.
    const bool useful = has_learned(run) && !(run.test && run.test->gain < 0.0);
    return mild == Mild::learned ? useful : mild == Mild::learned_well && has_learned_well(run);
  };
  for (const RuleEntry& rule : rule_table()) {
    if (rule.set != set) continue;
    // A run of ours that has not ended, or failed, has no end to speak of.
    if (rule.needs_end && !run.train && !run.from_elsewhere) continue;
    std::optional<std::string> missing = find_missing(run, rule);
    const std::optional<RunTables> part = missing ? std::nullopt : measured_part(run, rule);
    // Each column has cells, but no row may have all of them.
    if (part) missing = find_missing(*part, rule);
    if (missing) {
      diagnosis.skipped.push_back({rule.name, *missing});
      continue;
    }
    diagnosis.applied.push_back(rule.name);
    const auto given = thresholds.find(rule.name);
    std::vector<Finding> found;
    rule.check(part ? *part : run, given == thresholds.end() ? ParamValues(rule.params) : given->second, found);
    for (Finding& finding : found) {
      finding.rule = rule.name;
      if (!finding.explains) finding.explains = rule.explains;
      if (is_mild(rule.mild)) finding.severity = Severity::info;
      if (finding.remedies.empty()) finding.remedies = rule.remedies;
      std::erase_if(finding.remedies, [&](const std::string& one) { return !drawn && needs_drawn_weights(one); });
      diagnosis.findings.push_back(std::move(finding));
    }
  }
  put_causes_first(diagnosis.findings);
  return diagnosis;
}

}  // namespace reluscope
