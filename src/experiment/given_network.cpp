#include "experiment/given_network.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/load.hpp"
#include "config/resolve.hpp"
#include "experiment/network_census.hpp"
#include "experiment/resume.hpp"
#include "trace/run_directory.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

/// A run that is not at its end has a checkpoint.
std::filesystem::path weights_at(const std::filesystem::path& place) {
  if (!has_directory(place)) return place;
  const std::filesystem::path checkpoint = place / RunDirectory::kCheckpoint;
  return !has_own_file(place / RunDirectory::kWeights) && has_own_file(checkpoint) ? checkpoint : weights_of_run(place);
}

/// What of the data the user wants replaced, as a change to the config.
std::string data_override(const std::filesystem::path& data) {
  // Paths of a config start where it stands, those of a command line here.
  const std::string place = std::filesystem::absolute(data).lexically_normal().string();
  if (has_directory(data)) return "data.directory=" + place;
  if (has_file(data)) return "data.file=" + place;
  throw DataError("--data " + data.string() + ": there is no such directory or file");
}

/// "dense units=64, leaky_relu slope=0.01": what a layer computes, apart from its parameters.
std::string layer_text(const LayerSpec& layer) {
  const auto choice_text = [](const Choice& choice) {
    std::string text = choice.name;
    for (const auto& [key, value] : choice.params.all()) text += " " + key + "=" + to_json(value).dump();
    return text;
  };
  return choice_text(layer.type) + (layer.init && !layer.has_bias() ? " without biases" : "") +
         (layer.activation ? ", " + choice_text(*layer.activation) : "");
}

void refuse_other_layers(const ExperimentSpec& spec, const ExperimentSpec& other, const std::string& place) {
  const auto& here = spec.network.layers;
  const auto& there = other.network.layers;
  for (std::size_t at = 0; at < std::max(here.size(), there.size()); ++at) {
    const std::string found = at < there.size() ? layer_text(there[at]) : "no such layer";
    const std::string expected = at < here.size() ? layer_text(here[at]) : "none";
    if (found != expected)
      throw DataError(place + ": another network: layer " + std::to_string(at + 1) + ": found " + found +
                      ", expected " + expected + ", as in " + spec.origin);
  }
}

}  // namespace

ExperimentSpec spec_of_run(const std::filesystem::path& run, std::span<const std::string> overrides) {
  const std::filesystem::path manifest = run / RunDirectory::kManifest;
  if (!has_own_file(manifest)) throw DataError(run.string() + ": expected the directory of a run (no manifest.json)");
  return spec_of_manifest(read_json_object(manifest), manifest, overrides);
}

bool holds_census(const std::filesystem::path& directory) {
  const std::filesystem::path manifest = directory / RunDirectory::kManifest;
  return has_own_file(manifest) &&
         member_or(read_json_object(manifest), "tool", std::string()) == std::string(kCensusTool);
}

ExperimentSpec spec_of_census(const std::filesystem::path& census) {
  const std::filesystem::path file = census / RunDirectory::kManifest;
  nlohmann::ordered_json manifest = read_json_object(file);
  const auto part = member_or<std::string>(manifest, "part", "");
  if (part != part_name(DataPart::train))
    throw DataError(file.string() + ": a census of the part '" + part +
                    "', expected one of the training data: leave out --part");
  if (const auto status = member_or<std::string>(manifest, "status", ""); status != "done")
    throw DataError(file.string() + ": a census that has not ended (" + status + "): take it again");
  manifest["config"] = std::move(manifest["experiment"]);
  ExperimentSpec spec = spec_of_manifest(manifest, file);
  spec.network.init_from.reset();
  const auto weights = member_or<std::string>(manifest, "weights", "");
  if (!weights.empty()) spec.network.init_from = weights;
  return spec;
}

std::filesystem::path weights_of_run(const std::filesystem::path& run) {
  const std::filesystem::path weights = run / RunDirectory::kWeights;
  if (has_own_file(weights)) return weights;
  const std::filesystem::path manifest = run / RunDirectory::kManifest;
  std::string config;
  if (has_own_file(manifest)) config = member_or<std::string>(read_json_object(manifest), "config_file", "");
  throw DataError(weights.string() + ": there is no such file: make the run with --save-weights" +
                  (has_file(config) ? " ('reluscope run " + shell_word(config) +
                                          " --save-weights', with the changes to the config that this one had)"
                                    : ""));
}

ExperimentSpec with_weights(ExperimentSpec spec, const std::filesystem::path& place) {
  if (has_directory(place)) refuse_other_layers(spec, spec_of_run(place), place.string());
  spec.network.init_from = weights_at(place);
  return spec;
}

ExperimentSpec find_network(const NetworkWish& wish) {
  std::vector<std::string> overrides = wish.overrides;
  if (!wish.data.empty()) overrides.push_back(data_override(wish.data));
  if (!has_directory(wish.config)) {
    ExperimentSpec spec = load_experiment(wish.config, overrides);
    return wish.weights.empty() ? spec : with_weights(std::move(spec), wish.weights);
  }
  return with_weights(spec_of_run(wish.config, overrides), wish.weights.empty() ? wish.config : wish.weights);
}

}  // namespace reluscope
