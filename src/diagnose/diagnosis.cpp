#include "diagnose/diagnosis.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

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

}  // namespace

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::critical:
      return "critical";
  }
  return "";
}

bool is_better(const PartFacts& part, double errors) {
  const double error = std::isnan(part.gain_error) ? 0.0 : part.gain_error;  // a single sample
  return part.gain > errors * error;
}

bool has_learned(const RunTables& run) { return run.train && is_better(*run.train); }

bool has_learned_well(const RunTables& run) {
  constexpr double kWell = 0.25;
  return has_learned(run) && run.train->loss <= kWell * run.train->constant_loss;
}

std::optional<Severity> Diagnosis::worst() const {
  std::optional<Severity> most;
  for (const Finding& finding : findings) most = most ? std::max(*most, finding.severity) : finding.severity;
  return most;
}

std::vector<std::string> rule_sets() {
  std::vector<std::string> sets;
  for (const RuleEntry& rule : rule_table())
    if (std::find(sets.begin(), sets.end(), rule.set) == sets.end()) sets.push_back(rule.set);
  return sets;
}

namespace {

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

void put_causes_first(std::vector<Finding>& findings) {
  struct Group {
    Severity severity = Severity::info;
    std::vector<std::size_t> members;  ///< the cause, and further findings of its rule, then symptoms
  };
  std::vector<Group> groups;
  std::map<std::string, std::size_t> group_of;  ///< by the rule of the cause
  // The most severe one, of those the first. A rule may explain one that stands before it in the table.
  const auto cause_of = [&](const Finding& symptom) {
    const std::string& effect = symptom.effect.empty() ? symptom.rule : symptom.effect;
    const Finding* cause = nullptr;
    for (const Finding& finding : findings)
      if (finding.severity > (cause == nullptr ? Severity::info : cause->severity) &&
          std::find(finding.explains->begin(), finding.explains->end(), effect) != finding.explains->end())
        cause = &finding;
    return cause;
  };
  for (Finding& finding : findings) {
    finding.symptom_of.clear();
    if (finding.severity == Severity::info) continue;
    const Finding* cause = cause_of(finding);
    // To the root: what explains the cause explains its symptoms.
    for (std::size_t hops = 0; cause != nullptr && hops < findings.size(); ++hops) {
      const Finding* further = cause_of(*cause);
      if (further == nullptr) break;
      cause = further;
    }
    if (cause != nullptr) finding.symptom_of = cause->rule;
  }
  for (const bool symptoms : {false, true})
    for (std::size_t at = 0; at < findings.size(); ++at) {
      const Finding& finding = findings[at];
      if (finding.severity == Severity::info || symptoms == finding.symptom_of.empty()) continue;
      const auto [place, is_new] = group_of.try_emplace(symptoms ? finding.symptom_of : finding.rule, groups.size());
      if (is_new) groups.emplace_back();
      Group& group = groups[place->second];
      group.severity = std::max(group.severity, finding.severity);
      group.members.push_back(at);
    }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& left, const Group& right) { return left.severity > right.severity; });
  std::vector<Finding> ordered;
  for (Group& group : groups) {
    // The findings of the cause itself, the gravest first.
    const auto symptoms = std::find_if(group.members.begin(), group.members.end(),
                                       [&](std::size_t at) { return !findings[at].symptom_of.empty(); });
    std::stable_sort(group.members.begin(), symptoms, [&](std::size_t left, std::size_t right) {
      return findings[left].severity > findings[right].severity;
    });
    for (const std::size_t at : group.members) ordered.push_back(std::move(findings[at]));
  }
  for (Finding& finding : findings)
    if (!finding.rule.empty() && finding.severity == Severity::info) ordered.push_back(std::move(finding));
  findings = std::move(ordered);
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
