#include "trace/run_directory.hpp"

#include <array>
#include <utility>

#include "util/error.hpp"

namespace reluscope {

namespace {

constexpr std::array kFiles = {"manifest.json", "steps.csv",  "layers.csv",   "census.csv",          "units.csv",
                               "events.jsonl",  "theory.csv", "summary.json", RunDirectory::kWeights};

/// Returns `path` once it is a directory in which a run may be written.
std::filesystem::path prepare(std::filesystem::path path, bool force) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error || !std::filesystem::is_directory(path))
    throw IoError("cannot make the run directory '" + path.string() +
                  "': " + (error ? error.message() : "something else has that name"));
  for (const char* file : kFiles) {
    if (!std::filesystem::exists(path / file)) continue;
    if (!force)
      throw IoError("'" + path.string() + "' already holds a run (" + file +
                    "): choose another directory with --out, or replace it with --force");
    std::filesystem::remove(path / file, error);
    if (error) throw IoError("cannot remove '" + (path / file).string() + "': " + error.message());
  }
  return path;
}

}  // namespace

RunDirectory::RunDirectory(std::filesystem::path path, bool force)
    : path_(prepare(std::move(path), force)),
      steps_(TextSink(path_ / "steps.csv"), TraceFormat::csv),
      layers_(TextSink(path_ / "layers.csv"), TraceFormat::csv),
      census_(TextSink(path_ / "census.csv"), TraceFormat::csv),
      units_(TextSink(path_ / "units.csv"), TraceFormat::csv),
      events_(TextSink(path_ / "events.jsonl"), TraceFormat::jsonl) {}

void RunDirectory::flush() {
  steps_.flush();
  layers_.flush();
  census_.flush();
  units_.flush();
  events_.flush();
}

void RunDirectory::write_manifest(const std::string& json) const {
  write_file_atomically(path_ / "manifest.json", json);
}

void RunDirectory::write_theory(const std::string& csv) const { write_file_atomically(path_ / "theory.csv", csv); }

void RunDirectory::write_summary(const std::string& json) const { write_file_atomically(path_ / "summary.json", json); }

}  // namespace reluscope
