#include "experiment/prune.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "experiment/derived_name.hpp"
#include "experiment/given_network.hpp"
#include "experiment/initial_network.hpp"
#include "experiment/setup.hpp"
#include "nn/node_table.hpp"
#include "trace/run_directory.hpp"
#include "trace/table_reader.hpp"
#include "trace/weights.hpp"
#include "util/error.hpp"
#include "util/input.hpp"
#include "util/output_place.hpp"
#include "util/text_file.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kNetworkFile = "network.json";

/// Units to leave out, per layer with units.
std::vector<std::vector<bool>> read_units(const std::filesystem::path& run, const std::vector<Index>& units,
                                          Prunable which) {
  const std::filesystem::path path = run / RunDirectory::kUnits;
  std::vector<std::vector<bool>> out;
  for (const Index count : units) out.emplace_back(static_cast<std::size_t>(count), false);
  const std::vector<UnitRecord> rows = read_table<UnitRecord>(path, TablePlace::run_directory).rows;
  const Index all = std::accumulate(units.begin(), units.end(), Index{0});
  if (rows.size() != static_cast<std::size_t>(all))
    throw DataError(path.string() + ": found " + std::to_string(rows.size()) + " rows, expected one for each of the " +
                    std::to_string(all) + " units of the run's network: let the run end first");
  for (const UnitRecord& row : rows) {
    if (!is_measured(row, &UnitRecord::layer) || !is_measured(row, &UnitRecord::unit) ||
        !is_measured(row, &UnitRecord::state))
      throw DataError(
          path.string() +
          ": a row lacks its layer, unit or state; expected all three, as a run that has ended writes them");
    const auto layer = static_cast<std::size_t>(row.layer - 1);
    if (row.layer < 1 || layer >= out.size() || row.unit < 0 || row.unit >= units[layer])
      throw DataError(path.string() + ": there is no unit " + std::to_string(row.unit) + " in layer " +
                      std::to_string(row.layer) + " of the run's network");
    const bool locked = row.locked && !row.locked->empty();
    if (layer + 1 < out.size() && row.state == "dead" && (locked || which == Prunable::dead))
      out[layer][static_cast<std::size_t>(row.unit)] = true;
  }
  return out;
}

template <class T>
std::int64_t count_parameters(const Network<T>& network) {
  std::int64_t count = 0;
  for (const Parameter<T>* parameter : network.parameters()) count += parameter->value.size();
  return count;
}

/// Multiplications on a sample's way through the affine maps: each weight, at each position that it is used at.
template <class T>
std::int64_t count_multiplications(const Network<T>& network) {
  std::int64_t count = 0;
  for (std::size_t at = 0; at < network.depth(); ++at)
    if (const Affine<T>* map = network.node(at).affine()) count += map->weights().size() * map->positions();
  return count;
}

/// The channels that are left of the layers that say how many they have, by name.
template <class T>
std::map<std::string, Index> count_units(const Network<T>& network) {
  std::map<std::string, Index> units;
  for (std::size_t at = 0; at < network.depth(); ++at)
    if (network.node(at).affine() != nullptr) units[network.node(at).name()] = network.node(at).units();
  return units;
}

/// `layers` as the config has them, each on its own, with these units.
Json smaller_layers(const Json& config, const std::vector<LayerSpec>& layers,
                    const std::map<std::string, Index>& units) {
  Json written = Json::array();
  for (const LayerSpec& layer : layers) {
    Json one = config.at(Json::json_pointer(layer.pointer));
    one["name"] = layer.name;
    one["repeat"] = 1;
    const NodeEntry& entry = entry_of(layer);
    if (!entry.units_key.empty()) one[entry.units_key] = units.at(layer.name);
    if (entry.is_block) {
      one["layers"] = smaller_layers(config, layer.body, units);
      if (!layer.shortcut.empty()) one["shortcut"] = smaller_layers(config, layer.shortcut, units);
    }
    written.push_back(std::move(one));
  }
  return written;
}

/// The run's config with these units, and the weights from beside it.
std::string smaller_config(const ExperimentSpec& spec, const std::map<std::string, Index>& units,
                           const std::filesystem::path& out) {
  Json config = Json::parse(spec.resolved_json);
  config["network"]["layers"] = smaller_layers(config, spec.network.layers, units);
  config["name"] = derived_name(spec.name, "-pruned");
  config["network"]["init_from"] = RunDirectory::kWeights;
  const auto whole = [](const std::filesystem::path& path) {
    return std::filesystem::weakly_canonical(path.empty() ? std::filesystem::path(".") : path);
  };
  config["data"]["directory"] = std::filesystem::relative(whole(spec.data.base_directory), whole(out)).string();
  return config.dump(2) + "\n";
}

template <class T>
PruneReport prune_network(const ExperimentSpec& spec, const std::filesystem::path& run, Prunable which,
                          const std::filesystem::path& out, int threads) {
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  ThreadPool pool(threads);
  Network<T> network = initial_network<T>(spec, dataset.shape(), spec.seed);
  std::vector<Index> units;
  for (const std::size_t index : network.sites()) units.push_back(network.node(index).units());
  const std::vector<std::vector<bool>> removable = read_units(run, units, which);
  const PrunePlan<T> plan = plan_pruning(network, removable, measure_ranges(network, dataset, pool));
  const std::optional<Network<T>> smaller = plan.masked.select_channels(plan.kept);
  if (!smaller) throw std::logic_error("a node that computes each channel from one cannot do without some");

  PruneReport report;
  report.layers = plan.layers;
  report.folded = plan.folded;
  report.in_order = adds_in_order(network);
  report.parameters_before = count_parameters(network);
  report.parameters_after = count_parameters(*smaller);
  report.multiplications_before = count_multiplications(network);
  report.multiplications_after = count_multiplications(*smaller);
  const TargetPlan targets =
      plan_targets(spec.loss, *spec.network.layers.back().activation, dataset, network.outputs());
  report.train = check_outputs(network, plan, *smaller, dataset, dataset.train, targets, pool);
  report.test = check_outputs(network, plan, *smaller, dataset, dataset.test, targets, pool);

  make_directory(out, run);
  write_safetensors(out / RunDirectory::kWeights, export_weights(*smaller));
  write_file_atomically(out / kNetworkFile, smaller_config(spec, count_units(*smaller), out));
  return report;
}

/// A run in the output directory, this one above all, would lose its weights; and what the run was made from is not
/// for its heir to replace.
void check_output(const ExperimentSpec& spec, const std::filesystem::path& out) {
  if (has_file(out / RunDirectory::kManifest))
    throw UsageError("--out " + out.string() +
                     " holds a run, whose weights would be overwritten: choose another directory");
  std::vector<std::filesystem::path> inputs = input_files(spec);
  inputs.push_back(spec.directory / std::filesystem::path(spec.origin).filename());
  for (const char* file : {RunDirectory::kWeights, kNetworkFile})
    refuse_overwriting("--out " + out.string(), out / file, inputs);
}

}  // namespace

PruneReport prune(const std::filesystem::path& run, Prunable which, const std::filesystem::path& out, int threads) {
  const bool is_census = holds_census(run);
  if (is_census && which == Prunable::locked)
    throw UsageError(run.string() + " holds a census, which knows of no locks, since they rest on the optimiser: " +
                     "--units dead takes out all that are dead on the training set");
  ExperimentSpec spec = is_census ? spec_of_census(run) : spec_of_run(run);
  check_output(spec, out);
  if (!is_census) spec.network.init_from = weights_of_run(run);  // what it began from does not count
  return spec.precision == Precision::float32 ? prune_network<float>(spec, run, which, out, threads)
                                              : prune_network<double>(spec, run, which, out, threads);
}

}  // namespace reluscope
