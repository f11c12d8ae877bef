#include "config/array_config.hpp"

#include <algorithm>

#include "config/config_document.hpp"
#include "config/load.hpp"
#include "data/dataset.hpp"
#include "data/file_format.hpp"
#include "data/sources.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

namespace fs = std::filesystem;

/// The keys of the features and of the labels, where both are files of their own.
struct Keys {
  const char* features;
  const char* labels;
};
Keys keys_of(const std::string& kind) { return {kind == "idx" ? "images" : "file", "labels"}; }

/// Files of the same format beside this one, those first whose names speak of labels.
std::vector<std::string> files_beside(const fs::path& file) {
  std::vector<std::string> likely;
  std::vector<std::string> others;
  const FileFormat format = file_format(file);
  std::error_code error;
  for (fs::directory_iterator entry(file.has_parent_path() ? file.parent_path() : ".", error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name == file.filename().string() || !entry->is_regular_file(error)) continue;
    try {
      if (file_format(entry->path()) != format) continue;
    } catch (const DataError&) { continue; }  // none of the formats
    const bool speaks =
        name.find("label") != std::string::npos || name.find("target") != std::string::npos || name.starts_with("y");
    (speaks ? likely : others).push_back((file.parent_path() / name).string());
  }
  std::sort(likely.begin(), likely.end());
  std::sort(others.begin(), others.end());
  likely.insert(likely.end(), others.begin(), others.end());
  return likely;
}

/// Loads what the settings say, as a run would.
Dataset load(const OwnWish& wish, const std::string& kind, const std::vector<std::string>& settings) {
  const std::string stub = R"({"data": {"kind": )" + quoted(kind) + R"(}, "network": {"layers": [{"units": 1}]}})";
  std::vector<std::string> overrides = {std::string("data.") + keys_of(kind).features + "=" + wish.file.string()};
  overrides.insert(overrides.end(), settings.begin(), settings.end());
  const ExperimentSpec spec = parse_experiment(stub, "the settings", ".", overrides, TextOf::program);
  return load_dataset(spec.data, spec.seed);
}

/// Whether a setting is of a file, whose path starts where the config is.
bool names_file(const std::string& kind, const std::string& key) {
  const std::vector<Param>& params = find_entry(source_table(), kind)->params;
  return std::any_of(params.begin(), params.end(),
                     [&](const Param& param) { return param.name == key && param.is_path; });
}

}  // namespace

OwnConfig make_array_config(const OwnWish& wish, const std::string& kind) {
  const Keys keys = keys_of(kind);
  std::vector<std::string> settings(wish.settings.begin(), wish.settings.end());
  const std::string label_key = std::string("data.") + keys.labels + "=";
  const bool has_label =
      std::any_of(settings.begin(), settings.end(), [&](const std::string& one) { return one.starts_with(label_key); });
  if (!wish.label.empty()) {
    settings.push_back(label_key + wish.label);
  } else if (!has_label && kind != "npz") {
    const std::vector<std::string> beside = files_beside(wish.file);
    throw DataError(wish.file.string() + ": the labels of such an array are in a file of their own" +
                    help_line("--label=" + (beside.empty() ? "FILE" : beside.front())));
  }
  Dataset dataset = load(wish, kind, settings);
  if (is_one_hot(dataset)) {
    settings.emplace_back("data.task=classification");
    dataset = load(wish, kind, settings);
  }
  const bool has_classes = dataset.task == Task::classification;
  const auto samples = static_cast<std::uint64_t>(dataset.train.count() + dataset.test.count());
  OwnConfig config;
  config.name = wish.name.empty() ? experiment_name(wish.file) : wish.name;
  std::vector<ConfigLine> lines = {{"", "kind", quoted(kind)},
                                   {"", keys.features, quoted(path_from(wish.directory, wish.file))}};
  for (const std::string& one : settings) {
    const std::size_t equals = one.find('=');
    const std::string key = one.substr(5, equals - 5);  // behind "data."
    const std::string value = one.substr(equals + 1);
    lines.push_back({"", key, quoted(names_file(kind, key) ? path_from(wish.directory, value) : value)});
  }
  lines.push_back({"Each feature is brought to mean 0 and standard deviation 1", "normalize", "\"per_feature\""});
  if (!has_classes)
    lines.push_back({"The same for the labels: a network starts near 0", "normalize_targets", "\"per_output\""});
  lines.push_back({"", "test_fraction", "0.2"});
  config.text = config_document({printable(wish.file.filename().string()) + ": " + std::to_string(samples) +
                                     " samples of " + std::to_string(dataset.features()) + " features",
                                 config.name, lines, samples, static_cast<std::uint64_t>(dataset.features()),
                                 static_cast<std::uint64_t>(dataset.outputs()), has_classes});
  config.choices.push_back(
      std::to_string(samples) + " samples of " + std::to_string(dataset.features()) + " features; labels: " +
      (has_classes
           ? std::to_string(dataset.outputs()) + " classes"
           : std::to_string(dataset.outputs()) + (dataset.outputs() == 1 ? " number" : " numbers") + " a sample"));
  return config;
}

}  // namespace reluscope
