#include "config/load.hpp"

#include <memory>

#include "config/bind.hpp"
#include "config/config_error.hpp"
#include "config/json_text.hpp"
#include "config/layout.hpp"
#include "config/overrides.hpp"
#include "config/resolve.hpp"

namespace reluscope {

namespace {

using Raw = nlohmann::json;

/// train.epochs and train.steps exclude each other; only the raw config tells whether both were given.
void settle_length(const Raw& raw, nlohmann::ordered_json& resolved, ConfigIssues& issues) {
  if (!raw.is_object() || !raw.contains("train") || !raw["train"].is_object()) return;
  const auto given = [&](const char* key) { return raw["train"].contains(key) && !raw["train"][key].is_null(); };
  if (given("steps") && given("epochs")) issues.push_back({"/train/steps", "both steps and epochs", "one of them", ""});
  if (!resolved.is_object() || !resolved["train"].is_object()) return;
  auto& train = resolved["train"];
  if (given("steps")) {
    train["epochs"] = nullptr;
  } else if (train["epochs"].is_null()) {
    train["epochs"] = to_json(
        find_field(find_field(experiment_layout().fields, "train")->node.fields, "epochs")->node.param.fallback);
  }
}

}  // namespace

ExperimentSpec parse_experiment(std::string_view text, const std::string& origin,
                                const std::filesystem::path& base_directory, std::span<const std::string> overrides,
                                TextOf whose) {
  Raw raw = parse_json_text(text, origin);
  ConfigIssues issues;
  ConfigText source{whose == TextOf::file ? std::string(text) : "", {}};
  if (raw.is_object())
    for (const std::string& one : overrides) apply_override(raw, one, source.overrides, issues);
  const auto kept = std::make_shared<const ConfigText>(std::move(source));
  nlohmann::ordered_json resolved = resolve(experiment_layout(), raw, issues);
  settle_length(raw, resolved, issues);
  ExperimentSpec spec;
  if (issues.empty()) {
    spec = bind_experiment(resolved, issues);
    spec.origin = origin;
    spec.text = kept;
    spec.directory = base_directory;
    // "" for the working directory, so that messages name files as people do.
    spec.data.base_directory = (base_directory / spec.data.base_directory).lexically_normal();
    if (spec.data.base_directory == "." || spec.data.base_directory == "./") spec.data.base_directory.clear();
    if (spec.network.init_from) spec.network.init_from = base_directory / *spec.network.init_from;
    resolved.erase("$schema");
    spec.resolved_json = resolved.dump(2);
    spec.data_json = resolved["data"].dump();
  }
  if (!issues.empty()) throw ConfigError(origin, std::move(issues), kept);
  return spec;
}

ChangedConfig change_config(std::string_view text, const std::string& origin, std::span<const std::string> overrides) {
  const Raw raw = parse_json_text(text, origin);
  Raw changed = raw;
  ConfigIssues issues;
  std::vector<OverrideTrace> traces;
  for (const std::string& one : overrides) apply_override(changed, one, traces, issues);
  if (!issues.empty()) throw ConfigError(origin, std::move(issues));
  const Raw patch = Raw::diff(raw, changed);
  // Applied to the text in its own order of keys.
  const auto ordered = nlohmann::ordered_json::parse(text, nullptr, true, true);
  return {ordered.patch(nlohmann::ordered_json::parse(patch.dump())).dump(2) + "\n", patch.dump(2) + "\n"};
}

void set_seed(ExperimentSpec& spec, std::uint64_t seed) {
  // In the text: a sweep does this for every run, and to parse the document again would take longer than a small one.
  const std::string key = "\n  \"seed\": ";  // indented as only the keys of the document itself are
  const std::size_t begin = spec.resolved_json.find(key) + key.size();
  const std::size_t end = spec.resolved_json.find_first_of(",\n", begin);
  spec.resolved_json.replace(begin, end - begin, std::to_string(seed));
  spec.seed = seed;
}

ExperimentSpec load_experiment(const std::filesystem::path& file, std::span<const std::string> overrides) {
  const std::string text = read_config_file(file);
  if (file == "-") return parse_experiment(text, "standard input", ".", overrides);
  const std::filesystem::path base = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  return parse_experiment(text, file.string(), base, overrides);
}

}  // namespace reluscope
