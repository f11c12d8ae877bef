#include "experiment/resume.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "config/load.hpp"
#include "trace/run_directory.hpp"
#include "util/error.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

/// "/train/epochs, /seed": where two configs differ, the first few places.
std::string differences(const std::string& left, const std::string& right) {
  constexpr std::size_t kMost = 5;
  const Json patch = Json::diff(Json::parse(left), Json::parse(right));
  std::string text;
  for (std::size_t at = 0; at < std::min(patch.size(), kMost); ++at)
    text += (at > 0 ? ", " : "") + patch[at]["path"].get<std::string>();
  return text + (patch.size() > kMost ? ", …" : "");
}

/// A run that failed for want of disk has a checkpoint, one that became non-finite has ended. Without a summary it was
/// about to begin anew.
bool has_ended(const std::string& status, bool has_summary, bool has_checkpoint) {
  return has_summary && (status == "done" || (status == "failed" && !has_checkpoint));
}

}  // namespace

bool is_interrupted(const std::filesystem::path& directory) {
  try {
    const std::filesystem::path manifest_file = directory / RunDirectory::kManifest;
    if (!has_own_file(manifest_file)) return false;
    const auto status = member_or<std::string>(read_json_object(manifest_file), "status", "");
    const bool has_checkpoint = has_own_file(directory / RunDirectory::kCheckpoint);
    const bool has_summary = has_own_file(directory / RunDirectory::kSummary);
    return !has_ended(status, has_summary, has_checkpoint) && (status == "interrupted" || has_checkpoint);
  } catch (const UserError&) {  // these are no files of a run: there is nothing to go on with
    return false;
  }
}

ExperimentSpec spec_of_manifest(const nlohmann::ordered_json& manifest, const std::filesystem::path& manifest_file,
                                std::span<const std::string> overrides) {
  const auto config = manifest.find("config");
  if (config == manifest.end() || !config->is_object())
    throw DataError(manifest_file.string() + ": not the manifest of a run: it has no config");
  return parse_experiment(config->dump(), member_or<std::string>(manifest, "config_file", manifest_file.string()),
                          member_or<std::string>(manifest, "config_directory", "."), overrides, TextOf::program);
}

Resumption find_resumption(const std::filesystem::path& directory, std::optional<ExperimentSpec> given) {
  Resumption found;
  const std::filesystem::path manifest_file = directory / RunDirectory::kManifest;
  const bool has_manifest = has_own_file(manifest_file);
  if (!has_manifest && !given)
    throw DataError("there is no run to go on with in '" + directory.string() +
                    "' (no manifest.json): give its config too, and it begins there");
  std::string status;
  if (has_manifest) {
    const nlohmann::ordered_json manifest = read_json_object(manifest_file);
    // In the order of keys in which resolved configs are compared.
    const ExperimentSpec then = spec_of_manifest(manifest, manifest_file);
    status = member_or<std::string>(manifest, "status", "");
    found.started = member_or<std::string>(manifest, "started", "");
    found.resumed = member_or<std::vector<std::int64_t>>(manifest, "resumed_at_steps", {});
    found.save_weights = member_or<bool>(manifest, "save_weights", false);
    if (given && given->resolved_json != then.resolved_json)
      throw DataError("the run in '" + directory.string() + "' is of another config: it differs at " +
                      differences(then.resolved_json, given->resolved_json) +
                      "; --resume DIR alone takes the config of the run");
    found.spec = given ? std::move(*given) : then;
  } else {
    if (const std::string file = RunDirectory::find_file(directory); !file.empty())
      throw IoError("'" + directory.string() + "' holds " + file +
                    " of a run, and no manifest.json that says of which: " +
                    "replace it with run CONFIG --out DIR --force, or choose another directory");
    found.spec = std::move(*given);
  }
  const std::filesystem::path checkpoint = directory / RunDirectory::kCheckpoint;
  // Looked at in any case: what has one of the names and is no file is refused.
  const bool has_checkpoint = has_own_file(checkpoint);
  const bool has_summary = has_own_file(directory / RunDirectory::kSummary);
  found.ended = has_ended(status, has_summary, has_checkpoint);
  if (!found.ended && has_manifest && has_checkpoint) found.checkpoint = read_checkpoint(checkpoint);
  return found;
}

std::string check_identity(const Checkpoint& checkpoint, const Checkpoint& now) {
  const auto same = [](const std::string& what, const std::string& then, const std::string& present,
                       const std::string& remedy) {
    if (then != present)
      throw DataError("the checkpoint is of " + what + " " + then + ", expected " + present + ": " + remedy);
  };
  same("a config with hash", checkpoint.config, now.config, "--resume DIR alone takes the config of the run");
  same("data with checksum", checkpoint.data, now.data, "the data files have changed since the run began");
  same("a run with census engine", checkpoint.census, now.census, "give the --census that it began with");
  if (checkpoint.build == now.build) return "";
  return "the checkpoint was written by another build (" + checkpoint.build + "); this one is " + now.build +
         ": the last bits of what follows may be others than those of a run in one piece";
}

}  // namespace reluscope
