#include "experiment/prune.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>

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

/// Samples that are computed at a time.
constexpr Index kColumns = 256;

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

/// The activations of every layer with units for some columns, each sum in the order of the inputs.
template <class T>
std::vector<Matrix<T>> respond(const Network<T>& network, const Matrix<T>& input) {
  std::vector<Matrix<T>> all;
  const Matrix<T>* below = &input;
  for (const std::size_t index : network.sites()) {
    const Node<T>& site = network.node(index);
    const Matrix<T>& weight = site.affine()->weights();
    Matrix<T> z = Matrix<T>::Zero(weight.rows(), below->cols());
    for (Index from = 0; from < weight.cols(); ++from)
      for (Index column = 0; column < z.cols(); ++column) z.col(column) += weight.col(from) * (*below)(from, column);
    if (const Parameter<T>* bias = site.parameter(ParameterRole::bias)) z.colwise() += bias->value.col(0);
    site.activation()->respond(z);
    all.push_back(std::move(z));
    below = &all.back();
  }
  return all;
}

/// Calls visit(first, input) for blocks of samples, from several threads.
template <class T, class Visit>
void for_blocks(const Dataset& dataset, const Samples& part, ThreadPool& pool, Visit visit) {
  pool.for_each((part.count() + kColumns - 1) / kColumns, [&](std::int64_t block) {
    const Index first = block * kColumns;
    std::vector<Index> samples(static_cast<std::size_t>(std::min(kColumns, part.count() - first)));
    std::iota(samples.begin(), samples.end(), first);
    Matrix<T> input(dataset.features(), static_cast<Index>(samples.size()));
    gather<T>(dataset, part, samples, input);
    visit(input);
  });
}

/// Smallest and largest activation of every unit over the training set.
template <class T>
struct Ranges {
  std::vector<Vector<T>> low, high;
};
template <class T>
Ranges<T> measure_ranges(const Network<T>& network, const Dataset& dataset, ThreadPool& pool) {
  Ranges<T> ranges;
  for (const std::size_t index : network.sites()) {
    const Index units = network.node(index).units();
    ranges.low.push_back(Vector<T>::Constant(units, std::numeric_limits<T>::infinity()));
    ranges.high.push_back(Vector<T>::Constant(units, -std::numeric_limits<T>::infinity()));
  }
  std::mutex mutex;
  for_blocks<T>(dataset, dataset.train, pool, [&](const Matrix<T>& input) {
    const std::vector<Matrix<T>> activations = respond(network, input);
    const std::lock_guard lock(mutex);
    for (std::size_t layer = 0; layer < activations.size(); ++layer) {
      ranges.low[layer] = ranges.low[layer].cwiseMin(activations[layer].rowwise().minCoeff());
      ranges.high[layer] = ranges.high[layer].cwiseMax(activations[layer].rowwise().maxCoeff());
    }
  });
  return ranges;
}

template <class T>
OutputCheck check_outputs(const Network<T>& before, const Network<T>& after, const Dataset& dataset,
                          const Samples& part, ThreadPool& pool) {
  OutputCheck check;
  check.samples = part.count();
  std::mutex mutex;
  for_blocks<T>(dataset, part, pool, [&](const Matrix<T>& input) {
    const Matrix<T> mine = respond(after, input).back();
    const Matrix<T> other = respond(before, input).back();
    const auto differs = (mine.array() != other.array()).colwise().any();
    const double largest = static_cast<double>((mine - other).cwiseAbs().maxCoeff());
    const std::lock_guard lock(mutex);
    check.differing += differs.count();
    check.largest_difference = std::max(check.largest_difference, largest);
  });
  return check;
}

template <class T>
std::int64_t count_parameters(const Network<T>& network) {
  std::int64_t count = 0;
  for (const Parameter<T>* parameter : network.parameters()) count += parameter->value.size();
  return count;
}

/// The run's config with every layer on its own, these units, and the weights from beside it.
std::string smaller_config(const ExperimentSpec& spec, const std::vector<std::vector<Index>>& kept,
                           const std::filesystem::path& out) {
  Json config = Json::parse(spec.resolved_json);
  const Json layers = config["network"]["layers"];
  Json written = Json::array();
  std::size_t at = 0;
  for (const LayerSpec& layer : spec.network.layers) {
    Json one = layers[layer.config_index];
    one["name"] = layer.name;
    one["repeat"] = 1;
    if (const std::string& key = entry_of(layer).units_key; !key.empty()) one[key] = kept[at++].size();
    written.push_back(std::move(one));
  }
  config["network"]["layers"] = std::move(written);
  config["name"] = derived_name(spec.name, "-pruned");
  config["network"]["init_from"] = RunDirectory::kWeights;
  const auto whole = [](const std::filesystem::path& path) {
    return std::filesystem::weakly_canonical(path.empty() ? std::filesystem::path(".") : path);
  };
  config["data"]["directory"] = std::filesystem::relative(whole(spec.data.base_directory), whole(out)).string();
  return config.dump(2) + "\n";
}

/// Refuses networks with a layer that cannot do without some of its units.
template <class T>
void refuse_what_is_whole(const ExperimentSpec& spec, const Network<T>& network, const std::vector<Index>& units) {
  std::vector<std::vector<Index>> all;
  for (const Index count : units) {
    all.emplace_back(static_cast<std::size_t>(count));
    std::iota(all.back().begin(), all.back().end(), Index{0});
  }
  if (!network.select(all))
    throw UserError(spec.origin + ": found a layer that cannot do without some of its units, expected dense layers",
                    kBadUsage);
}

template <class T>
PruneReport prune_network(const ExperimentSpec& spec, const std::filesystem::path& run, Prunable which,
                          const std::filesystem::path& out, int threads) {
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  ThreadPool pool(threads);
  Network<T> network = initial_network<T>(spec, dataset.shape(), spec.seed);
  const std::filesystem::path weights = weights_of_run(run);
  import_weights(read_safetensors(weights), weights.string(), network);
  const Network<T> whole = network;
  std::vector<Index> units;
  for (const std::size_t index : network.sites()) units.push_back(network.node(index).units());
  refuse_what_is_whole(spec, network, units);
  std::vector<std::vector<bool>> removable = read_units(run, units, which);
  const Ranges<T> ranges = measure_ranges(network, dataset, pool);

  PruneReport report;
  std::vector<std::vector<Index>> kept(units.size());
  for (std::size_t layer = 0; layer < units.size(); ++layer) {
    std::int64_t left = units[layer];
    for (Index unit = 0; unit < units[layer]; ++unit) {
      const T constant = ranges.low[layer][unit];
      // Dead is not yet constant: relu6 may be 0 on one sample and 6 on another.
      const bool leaves =
          removable[layer][static_cast<std::size_t>(unit)] && constant == ranges.high[layer][unit] && left > 1;
      // Another constant than 0 moves into the biases above, if there are any. (No unit of the output leaves.)
      Node<T>* above = leaves ? &network.site(layer + 1) : nullptr;
      Parameter<T>* biases = leaves ? above->parameter(ParameterRole::bias) : nullptr;
      if (!leaves || (constant != T(0) && biases == nullptr)) {
        kept[layer].push_back(unit);
        continue;
      }
      --left;
      if (constant == T(0)) continue;
      ++report.folded;
      biases->value.col(0) += above->affine()->weights().col(unit) * constant;
    }
    report.layers.push_back({network.site(layer).name(), units[layer], units[layer] - left});
  }
  const Network<T> smaller = *network.select(kept);
  report.parameters_before = count_parameters(whole);
  report.parameters_after = count_parameters(smaller);
  report.train = check_outputs(whole, smaller, dataset, dataset.train, pool);
  report.test = check_outputs(whole, smaller, dataset, dataset.test, pool);

  make_directory(out, run);
  write_safetensors(out / RunDirectory::kWeights, export_weights(smaller));
  write_file_atomically(out / kNetworkFile, smaller_config(spec, kept, out));
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
  ExperimentSpec spec = spec_of_run(run);
  check_output(spec, out);
  spec.network.init_from.reset();  // the run's own weights are what counts
  return spec.precision == Precision::float32 ? prune_network<float>(spec, run, which, out, threads)
                                              : prune_network<double>(spec, run, which, out, threads);
}

}  // namespace reluscope
