#include "diagnose/run_reader.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "data/csv_records.hpp"
#include "nn/loss.hpp"
#include "trace/run_directory.hpp"
#include "trace/table_reader.hpp"
#include "util/error.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"
#include "util/output_place.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

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

/// Whether a config has weight decay, or a penalty on weights.
bool decays(const nlohmann::ordered_json& config) {
  using Pointer = nlohmann::ordered_json::json_pointer;
  for (const char* place : {"/train/optimizer/weight_decay", "/train/penalty/l1_weights", "/train/penalty/l2_weights"})
    if (const Pointer key(place); config.contains(key) && config[key].is_number() && config[key] > 0.0) return true;
  return false;
}

/// The loss that a config describes; nothing where it is none of ours.
std::optional<LossFacts> loss_of(const nlohmann::ordered_json& config) {
  const auto loss = config.find("loss");
  if (loss == config.end() || !loss->is_object()) return std::nullopt;
  const LossEntry* entry = find_entry(loss_table(), member_or(*loss, "name", std::string()));
  if (entry == nullptr) return std::nullopt;
  Choice choice{entry->name, ParamValues(entry->params)};
  if (takes_logits(choice)) choice.params.set("from_logits", member_or(*loss, "from_logits", true));
  return LossFacts{entry->name, takes_logits(choice), decays(config)};
}

/// What the manifest in `directory` says of the run that the tables are from.
void note_origin(const std::filesystem::path& directory, RunTables& run) {
  run.from_elsewhere = true;
  const std::filesystem::path manifest = directory / "manifest.json";
  if (!has_file(manifest)) return;
  try {
    const nlohmann::ordered_json document = read_json_object(manifest);
    run.captured = is_capture(document);
    if (run.captured) run.loss = loss_of(document.contains("experiment") ? document["experiment"] : document);
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
  if ((run.from_elsewhere && !run.captured) || !has_own_file(path)) return;
  try {
    const nlohmann::ordered_json summary = read_json_object(path);
    run.train = part_of(summary, "train");
    run.test = part_of(summary, "test");
    if (const auto targets = summary.find("targets"); targets != summary.end() && targets->is_object()) {
      const auto number = [&](const char* key) {
        return member_or(*targets, key, std::numeric_limits<double>::quiet_NaN());
      };
      run.targets = TargetFacts{number("mean"),    number("std"),        number("min"),        number("max"),
                                number("outside"), number("output_low"), number("output_high")};
    }
    if (const auto classes = summary.find("classes"); classes != summary.end() && classes->is_object())
      run.classes =
          ClassShares{member_or(*classes, "count", std::int64_t{0}), member_or(*classes, "largest", kNaN),
                      member_or(*classes, "largest_name", std::string()), member_or(*classes, "smallest", kNaN),
                      member_or(*classes, "smallest_name", std::string())};
    if (const double start = member_or(summary, "start_loss", kNaN); std::isfinite(start)) run.start_loss = start;
    if (const auto linear = summary.find("linear_fit"); linear != summary.end() && linear->is_object())
      run.linear_is_better =
          is_better({0.0, 0.0, member_or(*linear, "gain", kNaN), member_or(*linear, "gain_error", kNaN)});
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
  const int others =
      std::max({count(UnitRecord::columns()), count(TheoryRecord::columns()), count(FeatureRecord::columns()),
                count(EvaluationRecord::columns()), count(HistogramRecord::columns()), count(SiteRecord::columns())});
  if (others > most) return;  // nothing to diagnose
  if (layers >= steps && layers >= census) {
    run.layers = read_table<LayerRecord>(path);
  } else if (census >= steps) {
    run.census = read_table<CensusRecord>(path);
  } else {
    run.steps = read_table<StepRecord>(path);
  }
}

}  // namespace

bool is_capture(const nlohmann::ordered_json& manifest) {
  const auto tool = member_or(manifest, "tool", std::string());
  return tool == "reluscope_capture" || tool == kCensusTool;
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
    read_if_there(path / "sites.csv", run.sites);
    read_if_there(path / "evaluation.csv", run.evaluation);
    read_if_there(path / "histograms.csv", run.histograms);
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
  name_layers(run.histograms);
  name_layers(run.sites);
  if (run.steps.rows.empty() && run.layers.rows.empty() && run.census.rows.empty())
    throw DataError(
        path.string() +
        ": nothing to diagnose: expected a run directory with steps.csv, layers.csv or census.csv, or one of "
        "these files");
  return run;
}

}  // namespace reluscope
