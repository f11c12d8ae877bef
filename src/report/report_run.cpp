#include "report/report_run.hpp"

#include "diagnose/run_reader.hpp"
#include "diagnose/thresholds.hpp"
#include "trials/advice.hpp"
#include "util/error.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

Json read_json(const std::filesystem::path& path) {
  if (!has_own_file(path)) return nullptr;
  return read_json_object(path);
}

}  // namespace

const Json& member(const Json& object, const char* key) {
  static const Json kNull;
  return object.is_object() && object.contains(key) ? object[key] : kNull;
}

std::string text_of(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || object[key].is_null()) return "";
  return object[key].is_string() ? object[key].get<std::string>() : object[key].dump();
}

ReportRun read_report_run(const std::filesystem::path& directory) {
  if (!has_directory(directory)) throw DataError(directory.string() + ": expected the directory of a run");
  ReportRun run;
  run.tables = read_run(directory);
  run.manifest = read_json(directory / "manifest.json");
  run.summary = read_json(directory / "summary.json");
  if (const std::filesystem::path events = directory / "events.jsonl"; has_own_file(events))
    run.lives = read_lives(events);
  run.diagnosis = diagnose(run.tables, read_thresholds(directory));
  if (!run.tables.from_elsewhere) advise_by_manifest(directory, run.diagnosis);
  run.name = text_of(run.manifest, "name");
  if (run.name.empty()) run.name = std::filesystem::weakly_canonical(directory).filename().string();
  return run;
}

}  // namespace reluscope
