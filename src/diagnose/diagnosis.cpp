#include "diagnose/diagnosis.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "diagnose/layers.hpp"
#include "nn/loss.hpp"
#include "trace/run_directory.hpp"
#include "util/error.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"
#include "util/nearest.hpp"
#include "util/output_place.hpp"

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

template <class R>
void read_if_there(const std::filesystem::path& path, TableRows<R>& table) {
  if (has_own_file(path)) table = read_table<R>(path, TablePlace::run_directory);
}

/// A layer without a name is called after its number.
template <class R>
void name_layers(TableRows<R>& table) {
  for (R& row : table.rows)
    if (row.name.empty() && is_measured(row, &R::layer)) row.name = "layer " + std::to_string(row.layer);
}

/// The layers with units that a config describes; 0 where it is none of ours.
std::int64_t count_layers(const nlohmann::ordered_json& config) {
  using Json = nlohmann::ordered_json;
  const Json::json_pointer place("/network/layers");
  if (!config.contains(place) || !config[place].is_array()) return 0;
  std::int64_t count = 0;
  for (const Json& layer : config[place]) {
    if (!layer.is_object() || layer.value("type", Json("dense")) != Json("dense")) continue;
    const Json repeat = layer.value("repeat", Json(1));
    constexpr double kMost = 1e6;  // far above what a config may have
    if (!repeat.is_number_integer() || !(repeat.get<double>() >= 1.0 && repeat.get<double>() <= kMost)) return 0;
    count += repeat.get<std::int64_t>();
  }
  return count;
}

/// The loss that a config describes; nothing where it is none of ours.
std::optional<LossFacts> loss_of(const nlohmann::ordered_json& config) {
  const auto loss = config.find("loss");
  if (loss == config.end() || !loss->is_object()) return std::nullopt;
  const LossEntry* entry = find_entry(loss_table(), member_or(*loss, "name", std::string()));
  if (entry == nullptr) return std::nullopt;
  Choice choice{entry->name, ParamValues(entry->params)};
  if (takes_logits(choice)) choice.params.set("from_logits", member_or(*loss, "from_logits", true));
  return LossFacts{entry->name, takes_logits(choice)};
}

/// What the manifest in `directory` says of the run that the tables are from.
void note_origin(const std::filesystem::path& directory, RunTables& run) {
  run.from_elsewhere = true;
  const std::filesystem::path manifest = directory / "manifest.json";
  if (!has_file(manifest)) return;
  try {
    const nlohmann::ordered_json document = read_json_object(manifest);
    if (!document.contains("config")) return;
    const std::int64_t layers = count_layers(document["config"]);
    if (layers < 1) return;
    run.from_elsewhere = false;
    run.output_layer = layers;
    run.loss = loss_of(document["config"]);
  } catch (const DataError&) {
    // It is none of ours. Who needs more of it than this will say so.
  }
}

/// How the run did on one part, by its summary; nothing where that does not say so.
std::optional<PartFacts> part_of(const nlohmann::ordered_json& summary, const char* name) {
  const auto part = summary.find(name);
  if (part == summary.end() || !part->is_object()) return std::nullopt;
  const auto number = [&](const nlohmann::ordered_json& object, const char* key) {
    return member_or(object, key, std::numeric_limits<double>::quiet_NaN());
  };
  PartFacts facts{number(*part, "loss"), number(*part, "constant_loss"), number(*part, "gain"),
                  number(*part, "gain_error")};
  const auto parts = part->find("loss_parts");
  if (parts != part->end() && parts->is_object()) facts.loss = number(*parts, "data");
  if (!std::isfinite(facts.loss + facts.constant_loss + facts.gain)) return std::nullopt;
  return facts;
}

/// What the summary in `directory` says of the run that the tables are from.
void note_end(const std::filesystem::path& directory, RunTables& run) {
  const std::filesystem::path path = directory / RunDirectory::kSummary;
  if (run.from_elsewhere || !has_own_file(path)) return;
  try {
    const nlohmann::ordered_json summary = read_json_object(path);
    run.train = part_of(summary, "train");
    run.test = part_of(summary, "test");
    if (const auto targets = summary.find("targets"); targets != summary.end() && targets->is_object()) {
      const auto number = [&](const char* key) {
        return member_or(*targets, key, std::numeric_limits<double>::quiet_NaN());
      };
      run.targets = TargetFacts{number("mean"), number("std"), number("min"), number("max")};
    }
  } catch (const DataError&) {
    // As with the manifest.
  }
}

/// Which table a lone file is: the one of whose columns it has most.
void read_lone_table(const std::filesystem::path& path, RunTables& run) {
  CsvRecords csv(path, ',');
  if (!csv.next()) csv.fail("no header");
  const auto count = [&csv](const auto& columns) {
    return std::apply(
        [&csv](const auto&... column) {
          const auto& header = csv.fields();
          return ((std::find(header.begin(), header.end(), column.name) != header.end() ? 1 : 0) + ... + 0);
        },
        columns);
  };
  const int steps = count(StepRecord::columns());
  const int layers = count(LayerRecord::columns());
  const int census = count(CensusRecord::columns());
  const int most = std::max({steps, layers, census});
  if (count(UnitRecord::columns()) > most || count(TheoryRecord::columns()) > most ||
      count(FeatureRecord::columns()) > most)
    return;  // nothing to diagnose
  if (layers >= steps && layers >= census) {
    run.layers = read_table<LayerRecord>(path);
  } else if (census >= steps) {
    run.census = read_table<CensusRecord>(path);
  } else {
    run.steps = read_table<StepRecord>(path);
  }
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

RunTables take_tables(RecordMemory&& records) {
  RunTables tables;
  tables.steps.rows = std::move(records.steps);
  tables.layers.rows = std::move(records.layer_rows);
  tables.census.rows = std::move(records.census_rows);
  tables.units.rows = std::move(records.unit_rows);
  tables.steps.present = tables.layers.present = tables.census.present = tables.units.present = true;
  return tables;
}

RunTables read_run(const std::filesystem::path& path) {
  RunTables run;
  if (has_directory(path)) {
    read_if_there(path / "steps.csv", run.steps);
    read_if_there(path / "layers.csv", run.layers);
    read_if_there(path / "census.csv", run.census);
    read_if_there(path / "units.csv", run.units);
    read_if_there(path / "theory.csv", run.theory);
    read_if_there(path / "features.csv", run.features);
    note_origin(path, run);
    note_end(path, run);
  } else {
    read_lone_table(path, run);
    // A table of a run directory, or a stranger that may lie anywhere.
    run.from_elsewhere = true;
    const std::vector<std::filesystem::path> own = RunDirectory::own_files(path.parent_path());
    if (std::any_of(own.begin(), own.end(), [&](const auto& file) { return is_same_file(file, path); }))
      note_origin(path.parent_path(), run);
  }
  name_layers(run.layers);
  name_layers(run.census);
  name_layers(run.units);
  name_layers(run.theory);
  if (run.steps.rows.empty() && run.layers.rows.empty() && run.census.rows.empty())
    throw DataError(
        path.string() +
        ": nothing to diagnose: expected a run directory with steps.csv, layers.csv or census.csv, or one of "
        "these files");
  return run;
}

namespace {

template <class Range>
std::vector<std::string> names_of(const Range& range) {
  std::vector<std::string> names;
  names.reserve(std::size(range));
  for (const auto& one : range) names.push_back(one.name);
  return names;
}

[[noreturn]] void refuse_name(const std::string& word, const char* what, const std::string& given,
                              const std::vector<std::string>& known) {
  std::string message = word;
  message.append(": ").append(what).append("'").append(given).append("'");
  if (const auto near = nearest_name(given, known)) message.append("; did you mean '").append(*near).append("'?");
  throw UsageError(message);
}

}  // namespace

Thresholds parse_thresholds(std::span<const std::string> words, Thresholds base) {
  Thresholds thresholds = std::move(base);
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const std::size_t dot = word.find('.');
    if (equals == std::string::npos || dot == std::string::npos || dot > equals)
      throw UsageError(word + ": expected RULE.THRESHOLD=NUMBER, for example dying-units.fraction=0.2");
    const std::string name = word.substr(0, dot);
    const std::string key = word.substr(dot + 1, equals - dot - 1);
    const RuleEntry* rule = find_entry(rule_table(), name);
    if (rule == nullptr) refuse_name(word, "there is no rule ", name, names_of(rule_table()));
    const auto param =
        std::find_if(rule->params.begin(), rule->params.end(), [&](const Param& one) { return one.name == key; });
    if (param == rule->params.end()) refuse_name(word, "the rule has no threshold ", key, names_of(rule->params));
    double value = 0.0;
    const char* begin = word.data() + equals + 1;
    const char* end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(begin, end, value);
    const bool in_range = value >= param->min && value <= param->max &&
                          !(param->min_exclusive && value == param->min) &&
                          !(param->max_exclusive && value == param->max);
    if (error != std::errc() || stop != end || !in_range)
      throw UsageError(word + ": found '" + std::string(begin, end) + "', expected a number in its range (" +
                       param->doc + ")");
    thresholds.try_emplace(name, rule->params).first->second.set(key, value);
  }
  return thresholds;
}

std::optional<Severity> Diagnosis::worst() const {
  if (findings.empty()) return std::nullopt;
  return findings.front().severity;
}

std::vector<std::string> rule_sets() {
  std::vector<std::string> sets;
  for (const RuleEntry& rule : rule_table())
    if (std::find(sets.begin(), sets.end(), rule.set) == sets.end()) sets.push_back(rule.set);
  return sets;
}

Thresholds read_thresholds(const std::filesystem::path& path) {
  Thresholds thresholds;
  const std::filesystem::path manifest = path / "manifest.json";
  if (!has_own_file(manifest)) return thresholds;
  using Json = nlohmann::ordered_json;
  const Json document = read_json_object(manifest);
  const Json::json_pointer all("/config/diagnose");
  const Json rules = document.contains(all) ? document[all] : Json::object();
  for (const RuleEntry& rule : rule_table())
    for (const Param& param : rule.params) {
      const Json::json_pointer place("/" + rule.name + "/" + param.name);
      if (!rules.contains(place) || !rules[place].is_number()) continue;
      thresholds.try_emplace(rule.name, rule.params).first->second.set(param.name, rules[place].get<double>());
    }
  return thresholds;
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

Diagnosis diagnose(const RunTables& run, const Thresholds& thresholds, std::string_view set) {
  Diagnosis diagnosis;
  const bool drawn = !starts_from_file(run);
  const bool learned = has_learned(run);
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
    const auto given = thresholds.find(rule.name);
    std::vector<Finding> found;
    rule.check(part ? *part : run, given == thresholds.end() ? ParamValues(rule.params) : given->second, found);
    for (Finding& finding : found) {
      finding.rule = rule.name;
      if (rule.mild_if_learned && learned) finding.severity = Severity::info;
      for (const std::string& remedy : rule.remedies)
        if (drawn || !needs_drawn_weights(remedy)) finding.remedies.push_back(remedy);
      diagnosis.findings.push_back(std::move(finding));
    }
  }
  std::stable_sort(diagnosis.findings.begin(), diagnosis.findings.end(),
                   [](const Finding& left, const Finding& right) { return left.severity > right.severity; });
  return diagnosis;
}

namespace {

using Json = nlohmann::ordered_json;

Json findings_document(const std::vector<Finding>& findings) {
  Json document = Json::array();
  for (const Finding& finding : findings)
    document.push_back({{"rule", finding.rule},
                        {"severity", severity_name(finding.severity)},
                        {"layer", finding.layer ? Json(*finding.layer) : Json(nullptr)},
                        {"name", finding.name.empty() ? Json(nullptr) : Json(finding.name)},
                        {"step", finding.step ? Json(*finding.step) : Json(nullptr)},
                        {"value", number_or_null(finding.value)},
                        {"threshold", number_or_null(finding.threshold)},
                        {"sentence", finding.sentence},
                        {"remedies", finding.remedies}});
  return document;
}

}  // namespace

std::string findings_json(const std::vector<Finding>& findings) {
  return findings_document(findings).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string diagnosis_json(const Diagnosis& diagnosis) {
  Json document;
  document["worst"] = diagnosis.worst() ? Json(severity_name(*diagnosis.worst())) : Json(nullptr);
  document["findings"] = findings_document(diagnosis.findings);
  document["skipped"] = Json::array();
  for (const SkippedRule& skipped : diagnosis.skipped)
    document["skipped"].push_back({{"rule", skipped.rule}, {"missing", skipped.missing}});
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace reluscope
